"""The models there are, and what each of them offers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

if TYPE_CHECKING:
    import pandas as pd

    from ml.candidate import Candidate
    from ml.serving.arrays import Online

Clickstream = Literal["generated", "observed"]
Frames = Mapping[str, "pd.DataFrame"]
"""Tables by name. Those read from Gold are as ``ml.data.read`` gives them."""

MODULES = {
    "recommender": "ml.recommender.model",
    "churn": "ml.churn.model",
    "forecast": "ml.forecast.model",
}
"""By the model's name, where it is; imported when it is asked for, because its libraries take seconds to load."""
LEARNED: Mapping[str, frozenset[str]] = {
    "recommender": frozenset({"als", "complements"}),
    "churn": frozenset({"model", "logistic_regression", "xgboost"}),
    "forecast": frozenset({"reversion", "gradient_boosting"}),
}
"""By the model's name, which of the methods that a training compares are learned: the others are baselines."""


class Model(Protocol):
    """A model: pure functions from frames to frames, and a folder for what training leaves.

    ``READS`` are the Gold tables and columns it learns and scores from, ``WRITES`` the tables of ``ml.contracts`` it
    fills, ``PRIMARY`` the metric that is shown beside the baselines, and whether more is better; it decides between
    candidate and champion where no metric of :data:`ml.gate.IF_ADMITTED` does.
    ``Settings`` is a frozen dataclass with a default for everything but ``reporting_date`` and ``clickstream``.
    All is reproducible to the digit.
    """

    @property
    def NAME(self) -> str: ...
    @property
    def READS(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def WRITES(self) -> tuple[str, ...]: ...
    @property
    def PRIMARY(self) -> tuple[str, bool]: ...

    def Settings(self, *, reporting_date: date, clickstream: Clickstream) -> Any:
        """What the model can be told."""

    def check(self, frames: Frames) -> None:
        """Raise :class:`ml.candidate.BadInput` for input that cannot be trained on."""

    def train(self, frames: Frames, settings: Any, seed: int) -> Candidate:
        """Fit, evaluate in the test window beside the baselines, and decide."""

    def evaluate(self, folder: Path, frames: Frames, settings: Any) -> Mapping[str, float]:
        """The metrics of a saved model in the test window of these frames."""

    def score(self, folder: Path, frames: Frames, settings: Any) -> Frames:
        """The rows of each table in ``WRITES``, without the columns of ``ml.contracts.ORIGIN``."""

    def online(self, folder: Path, frames: Frames, settings: Any, rows: Frames) -> Online | None:
        """What single requests are answered from, so that the answers are the rows that :meth:`score` gave.

        None for a model that nobody asks about one person or product.
        """

    def predict(self, folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
        """What a saved model answers, served on its own, to rows like those of ``Candidate.example``."""


def load(name: str) -> Model:
    """The model of that name, a key of :data:`MODULES`."""
    return cast("Model", import_module(MODULES[name]))

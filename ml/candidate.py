"""What training hands to the registry: a fitted model, what was measured of it, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class BadInput(Exception):
    """Input that cannot be trained on.

    Args:
        what: what is wrong with it, in one sentence.
        mend: how to go on.
    """

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what} {mend}")
        self.what = what
        self.mend = mend


@dataclass(frozen=True)
class Decision:
    """Whether a candidate meets its thresholds and beats its baselines; the champion is the registry's to compare.

    Attributes:
        promote: whether it may become champion.
        reasons: sentences with the figures that led to it.
        details: those of the reasons that a summary may leave out, because others decided.
    """

    promote: bool
    reasons: tuple[str, ...]
    details: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What is kept of it: all reasons, whatever a summary leaves out."""
        return {"promote": self.promote, "reasons": list(self.reasons)}


@dataclass(frozen=True)
class Candidate:
    """A trained model before it is registered.

    Attributes:
        method: what serves where the primary metric is measured, perhaps a baseline.
        params: what it was trained with.
        metrics: of the candidate in the test window, as ``ndcg_at_10``; the bounds of an interval as
            ``ndcg_at_10_low`` and ``ndcg_at_10_high``.
        baselines: the same metrics by whatever else was tried there, baselines and other learned methods.
        decision: by thresholds and baselines only.
        figures: plots by name.
        card: the model card, Markdown with the figures of this run.
        save: writes all that scoring needs into the folder that it is given; no pickle.
        example: a few rows of what scoring takes.
    """

    method: str
    params: Mapping[str, str | int | float]
    metrics: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    decision: Decision
    figures: Mapping[str, Figure]
    card: str
    save: Callable[[Path], None]
    example: pd.DataFrame

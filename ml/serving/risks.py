"""Who is likely to buy again, one person at a time: the rows of ``ml.churn_scores``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ml.serving.arrays import Online, coded, text

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("churn_probability", "repurchase_probability", "previous_repurchase_probability", "decile")
WORDS = ("method", "reason_1", "reason_2", "reason_3")


def online(scores: pd.DataFrame, as_of_date: str) -> Online:
    """The rows that a model has written, as arrays.

    Args:
        scores: the columns of ``ml.churn_scores`` without its origin.
        as_of_date: of the scoring.
    """
    arrays: dict[str, Any] = {"people": text(scores["customer_unique_id"])}
    for name in NUMBERS:
        arrays[name] = scores[name].to_numpy()
    for name in WORDS:
        values = scores[name].astype(object)
        arrays[name], arrays[f"{name}.values"] = coded(values.where(values.notna(), None))
    return Online({"as_of_date": as_of_date}, arrays)


class Risks:
    """The risk of each person who had ordered by the reporting date.

    Args:
        stored: from :func:`online`.
    """

    def __init__(self, stored: Online) -> None:
        arrays = stored.arrays
        self._row_of = {name: row for row, name in enumerate(arrays["people"].tolist())}
        self._numbers = {name: arrays[name] for name in NUMBERS}
        self._words = {name: (arrays[name], arrays[f"{name}.values"].tolist()) for name in WORDS}

    def of(self, customer: str) -> dict[str, Any] | None:
        """The columns of somebody's row, nulls as None; None for who has none."""
        row = self._row_of.get(customer)
        if row is None:
            return None
        found: dict[str, Any] = {name: _plain(values[row]) for name, values in self._numbers.items()}
        for name, (codes, values) in self._words.items():
            found[name] = values[codes[row]] if codes[row] >= 0 else None
        return found


def _plain(value: np.generic) -> float | int | None:
    """A number that JSON has."""
    plain: float | int = value.item()
    return plain if plain == plain else None

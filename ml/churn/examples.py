"""The examples as arrays: what is learnt from, and what came after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.churn.features import matrix, numbers

Floats = NDArray[np.float64]
FOLDS = 3


@dataclass(frozen=True)
class Examples:
    """Examples in the order of reference date and person.

    Attributes:
        frame: the rows of ``gold.churn_examples``, n of them.
        raw: the columns of features as doubles, shape (n, c).
        matrix: the features, shape (n, f).
        day: reference dates, shape (n,).
        person: a whole number per person, shape (n,).
        fold: 0 to FOLDS - 1 by person, whatever the other rows, shape (n,).
        days_to_next: days to the next purchase, infinite where none is known, shape (n,).
        clickstream: as in the settings.
    """

    frame: pd.DataFrame
    raw: pd.DataFrame
    matrix: pd.DataFrame
    day: NDArray[np.object_]
    person: NDArray[np.intp]
    fold: NDArray[np.intp]
    days_to_next: Floats
    clickstream: str

    @classmethod
    def of(cls, frame: pd.DataFrame, clickstream: str) -> Examples:
        """From ``gold.churn_examples``, whose rows may come in any order."""
        ids = frame["customer_unique_id"].astype(str)
        frame = frame.assign(
            customer_unique_id=ids, reference_date=pd.to_datetime(frame["reference_date"]).dt.date
        ).sort_values(["reference_date", "customer_unique_id"], ignore_index=True)
        people, person = np.unique(frame["customer_unique_id"].to_numpy(dtype=object), return_inverse=True)
        raw = numbers(frame, clickstream)
        fold = folds(people)
        return cls(
            frame,
            raw,
            matrix(raw, clickstream),
            frame["reference_date"].to_numpy(),
            person,
            fold[person],
            frame["days_to_next_purchase"].astype(np.float64).fillna(np.inf).to_numpy(),
            clickstream,
        )

    @property
    def dates(self) -> list[date]:
        """The reference dates, ascending."""
        return sorted(set(self.day))

    def rows(self, days: Sequence[date]) -> NDArray[np.intp]:
        """Positions of the examples of some dates."""
        return np.flatnonzero(np.isin(self.day, np.array(days, dtype=object)))

    def labels(self, rows: NDArray[np.intp], horizon_days: int) -> Floats:
        """1 where they bought within the days, which must be over for all of them: see :mod:`ml.churn.windows`."""
        return (self.days_to_next[rows] < horizon_days).astype(np.float64)

    def column(self, name: str, rows: NDArray[np.intp]) -> Floats:
        """One of the raw columns as doubles."""
        return self.frame[name].to_numpy()[rows].astype(np.float64)


def folds(people: NDArray[np.object_]) -> NDArray[np.intp]:
    """The part of each person, 0 to FOLDS - 1, by the id alone, shape (n,)."""
    return (pd.util.hash_array(people) % FOLDS).astype(np.intp)

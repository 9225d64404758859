"""Brazilian holidays and shopping days, from a file that may be extended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from ml.candidate import BadInput

FILE = "calendar.csv"


@cache
def days() -> pd.DataFrame:
    """One row per day and name: day, kind (holiday, or shopping for a day that people shop for) and name."""
    with (files("ml.forecast") / FILE).open(encoding="utf-8") as file:
        rows = pd.read_csv(file)
    return rows.assign(day=pd.to_datetime(rows["day"]).dt.date)


def features(mondays: Sequence[date]) -> pd.DataFrame:
    """What the calendar says of weeks, known years before: a row a week, in the order given.

    Returns:
        ``holidays``, the number of holidays from Monday to Friday, and for each shopping day whether it is in the
        week, as 0 or 1.

    Raises:
        BadInput: a week is outside of the years in the file.
    """
    known = days()
    if min(mondays) < known["day"].min() - timedelta(days=6) or max(mondays) > known["day"].max():
        raise BadInput(
            f"The calendar knows the days from {known['day'].min()} to {known['day'].max()}, "
            f"and weeks from {min(mondays)} to {max(mondays)} are asked for.",
            f"Add the missing years to ml/forecast/{FILE}.",
        )
    place = {monday: number for number, monday in enumerate(mondays)}
    shopping = known[known["kind"] == "shopping"]
    found = pd.DataFrame(0.0, index=range(len(mondays)), columns=["holidays", *sorted(set(shopping["name"]))])
    for day, kind, name in known.itertuples(index=False):
        week = place.get(day - timedelta(days=day.weekday()))
        if week is None:
            continue
        if kind == "shopping":
            found.loc[week, name] = 1.0
        elif day.weekday() < 5:
            found.loc[week, "holidays"] += 1
    return found


def matrix(mondays: Sequence[date]) -> tuple[np.ndarray, tuple[str, ...]]:
    """:func:`features` as an array of shape (weeks, features), and their names."""
    found = features(mondays)
    return found.to_numpy(), tuple(found.columns)

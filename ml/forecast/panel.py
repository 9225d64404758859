"""Series side by side, week by week, complete weeks only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.candidate import BadInput

Floats = NDArray[np.float64]

FEWEST_WEEKS = 26
"""Half a year: with less, nothing can be said of how good a forecast is."""
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Panel:
    """Series over the same complete weeks.

    Attributes:
        level: of each series: total, category or state.
        series: its name.
        first_week: the Monday of the first week.
        value: what is forecast, shape (series, weeks).
        volume: how many it is the value of (the orders behind a revenue), the same shape, or None.
    """

    level: tuple[str, ...]
    series: tuple[str, ...]
    first_week: date
    value: Floats
    volume: Floats | None = None

    @property
    def weeks(self) -> int:
        return self.value.shape[1]

    def week(self, number: int) -> date:
        """The Monday of a week, counted from 0; beyond the last one is the future."""
        return self.first_week + number * WEEK

    def until(self, weeks: int) -> Panel:
        """What was known after so many weeks; a copy, so that nothing of the future is within reach."""
        volume = None if self.volume is None else self.volume[:, :weeks].copy()
        return Panel(self.level, self.series, self.first_week, self.value[:, :weeks].copy(), volume)

    def of(self, series: int) -> Panel:
        """One of the series alone."""
        keep = slice(series, series + 1)
        volume = None if self.volume is None else self.volume[keep]
        return Panel(self.level[keep], self.series[keep], self.first_week, self.value[keep], volume)


def panel(frame: pd.DataFrame) -> Panel:
    """Series from a frame of weeks; incomplete weeks are left out.

    Args:
        frame: a row per series and week, with ``series``, ``week_start`` (a Monday), ``value``, ``is_complete``, and
            where they are known ``level`` (otherwise total) and ``volume``.

    Raises:
        BadInput: there are fewer than 26 complete weeks, a gap between them, a week twice, a negative value, or a
            series that is always the same.
    """
    weeks = frame[frame["is_complete"].astype(bool)]
    weeks = weeks.assign(
        week_start=pd.to_datetime(weeks["week_start"]).dt.date,
        level=weeks.get("level", "total"),
    )
    found = weeks["week_start"].nunique()
    if found < FEWEST_WEEKS:
        raise BadInput(
            f"There are {found} complete weeks; a forecast needs {FEWEST_WEEKS}.",
            "Deliver a longer history, or wait until there is one.",
        )
    first, last = weeks["week_start"].min(), weeks["week_start"].max()
    span = [first + number * WEEK for number in range((last - first).days // 7 + 1)]
    keys = sorted(set(zip(weeks["level"], weeks["series"], strict=True)), key=lambda key: (key[0] != "total", key))
    for key, rows in weeks.groupby(["level", "series"], sort=True):
        name = " ".join(dict.fromkeys(map(str, key)))
        have = rows["week_start"].tolist()
        if len(set(have)) < len(have):
            raise BadInput(f"Weeks of {name} are there twice.", "Add them up first.")
        missing = sorted(set(span) - set(have))
        if missing or len(have) > len(span):
            gap = f"the first is {missing[0]}" if missing else "weeks do not begin on the same day"
            raise BadInput(
                f"Between the complete weeks of {name} are gaps: {len(missing)} weeks are missing, {gap}.",
                "Deliver the missing weeks; a week without orders is a row with 0.",
            )
        value = rows["value"].astype(float)
        if not np.isfinite(value).all():
            raise BadInput(f"The weeks of {name} hold values that are no numbers.", "Deliver the missing figures.")
        if (value < 0).any():
            worst = rows.loc[value.idxmin()]
            raise BadInput(
                f"{name} is negative in the week of {worst['week_start']}: {float(worst['value']):.2f}.",
                "Revenue and demand are sums of what was sold; book returns elsewhere.",
            )
        if value.nunique() == 1:
            raise BadInput(
                f"{name} is {value.iloc[0]:.2f} in every week: there is nothing to learn from it.",
                "Check the delivery.",
            )
    table = weeks.set_index(["level", "series", "week_start"]).sort_index()

    def side_by_side(column: str) -> Floats:
        wide = table[column].astype(float).unstack("week_start")
        return wide.loc[keys].to_numpy()

    return Panel(
        tuple(level for level, _ in keys),
        tuple(name for _, name in keys),
        first,
        side_by_side("value"),
        side_by_side("volume") if "volume" in weeks else None,
    )

"""Trend, season and events of weekly series: a ridge regression of logarithms.

The season is a Fourier series (Harvey and Shephard 1993) and is fitted from two whole years on; before, a season and
a trend cannot be told apart. An event counts once it has been seen twice: once is an anecdote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ml.forecast import calendar

Floats = NDArray[np.float64]

YEAR = 365.2425 / 7
"""Weeks."""
SEASON_FROM_WEEKS = 104
HARMONICS = 2
SEEN = 2
"""How often an event must have been seen."""
SHRINKAGE = {"trend": 0.01, "season": 0.5, "event": 0.1}
"""Squared ratio of the noise of a week to what is thought usual for a coefficient."""
FLOOR = 0.01
"""Weeks below this share of the series' mean are raised to it before logarithms are taken."""


@dataclass(frozen=True)
class Components:
    """What a series is made of, in logarithms; to be added up.

    Attributes:
        trend: shape (series, weeks known and to come), the level included.
        season: the same shape; zero on average.
        events: the same shape.
        effects: of each event that was seen often enough, its effect on a week's logarithm, shape (series,).
    """

    trend: Floats
    season: Floats
    events: Floats
    effects: dict[str, Floats]

    @property
    def factor(self) -> Floats:
        """By how much season and events multiply a week, shape (series, weeks known and to come)."""
        return np.exp(self.season + self.events)


@cache
def _calendar(first: date, weeks: int) -> tuple[Floats, tuple[str, ...]]:
    return calendar.matrix([first + timedelta(days=7 * week) for week in range(weeks)])


def components(values: Floats, first_week: date, ahead: int) -> Components:
    """The components of series of shape (series, weeks), for the known weeks and ``ahead`` more."""
    known = values.shape[1]
    weeks = known + ahead
    floor = FLOOR * np.maximum(values.mean(axis=1, keepdims=True), np.finfo(float).tiny)
    logs = np.log(np.maximum(values, floor))
    time = np.arange(weeks) / YEAR
    days, names = _calendar(first_week, weeks)
    seen = np.count_nonzero(days[:known], axis=0) >= SEEN
    names = tuple(name for name, often in zip(names, seen, strict=True) if often)
    waves = []
    if known >= SEASON_FROM_WEEKS:
        start = (first_week - date(first_week.year, 1, 1)).days / 365.2425
        angle = 2 * np.pi * (time + start)
        waves = [wave(turn * angle) for turn in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    blocks = {
        "level": np.ones((weeks, 1)),
        "trend": (time - time[known - 1])[:, None],
        "season": np.column_stack(waves) if waves else np.empty((weeks, 0)),
        "event": days[:, seen],
    }
    design = np.column_stack(list(blocks.values()))
    penalty = np.concatenate([np.full(block.shape[1], SHRINKAGE.get(name, 0.0)) for name, block in blocks.items()])
    past = design[:known]
    coefficients = np.linalg.solve(past.T @ past + np.diag(penalty), past.T @ logs.T)
    ends = np.cumsum([block.shape[1] for block in blocks.values()])
    parts = dict(zip(blocks, np.split(coefficients, ends[:-1]), strict=True))
    return Components(
        trend=(blocks["level"] @ parts["level"] + blocks["trend"] @ parts["trend"]).T,
        season=(blocks["season"] @ parts["season"]).T,
        events=(blocks["event"] @ parts["event"]).T,
        effects=dict(zip(names, parts["event"], strict=True)),
    )

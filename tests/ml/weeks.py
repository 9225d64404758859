"""Weekly series with known components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from ml.forecast import calendar
from ml.forecast.backtest import FIRST as FIRST_FORECAST
from ml.forecast.backtest import Walk, judged, walk
from ml.forecast.metrics import Floats
from ml.forecast.models import Model
from ml.forecast.panel import Panel

FIRST = date(2016, 1, 4)


class Planted(NamedTuple):
    """A shop's revenue and orders, and what is true of it: the mean of each week, and the parts of its logarithm."""

    panel: Panel
    mean: Floats
    season: Floats
    black_friday: float
    growth: float


def planted(
    seed: int,
    weeks: int,
    *,
    noise: float = 0.08,
    stays: float = 0.0,
    growth: float = 0.2,
    season: float = 0.2,
    black_friday: float = 0.8,
    drift: float = 0.0,
    first: date = FIRST,
) -> Planted:
    """A shop drawn from level × growth × season × Black Friday × noise.

    Args:
        seed: another one gives another shop.
        weeks: how many.
        noise: standard deviation of the logarithm of a week.
        stays: share of a week's deviation that is left a week later.
        growth: of the logarithm a year.
        season: amplitude of the logarithm.
        black_friday: effect on the logarithm of its week.
        drift: standard deviation of the level's weekly step.
        first: the first Monday.
    """
    draws = np.random.default_rng(seed)
    mondays = [first + timedelta(weeks=week) for week in range(weeks)]
    years = np.arange(weeks) * 7 / 365.2425
    wave = season * np.sin(2 * np.pi * years + draws.uniform(0, 2 * np.pi))
    events = black_friday * calendar.features(mondays)["Black Friday"].to_numpy()
    level = np.log(200_000) + growth * years + np.cumsum(draws.normal(0, drift, weeks))
    shocks, deviation = draws.normal(0, noise, weeks), np.zeros(weeks)
    deviation[0] = shocks[0]
    for week in range(1, weeks):
        deviation[week] = stays * deviation[week - 1] + np.sqrt(1 - stays**2) * shocks[week]
    mean = np.exp(level + wave + events)
    revenue = mean * np.exp(deviation - noise**2 / 2)
    orders = np.round(revenue / 140 * np.exp(draws.normal(0, 0.03, weeks)))
    panel = Panel(("total",), ("total",), first, revenue[None], orders[None])
    return Planted(panel, mean, wave, black_friday, growth)


def frame(panel: Panel) -> pd.DataFrame:
    """A panel as the rows it is made from."""
    assert panel.volume is not None
    return pd.DataFrame(
        [
            (panel.level[place], panel.series[place], panel.week(week), value, panel.volume[place, week], True)
            for place, values in enumerate(panel.value)
            for week, value in enumerate(values)
        ],
        columns=["level", "series", "week_start", "value", "volume", "is_complete"],
    )


def rolling_origin(
    panel: Panel, models: Mapping[str, Callable[[], Model]], late: tuple[str, ...] = ()
) -> dict[str, Walk]:
    """Backtest models, and forecast the weeks to come with them.

    Args:
        panel: the series.
        models: what makes them, by name.
        late: those that are taken through the judged origins only, because they are slow.

    Returns:
        A walk a model.
    """
    first = judged(panel.weeks).start
    return {name: walk(panel, make, first if name in late else FIRST_FORECAST) for name, make in models.items()}

"""Rolling-origin backtest: what would have been forecast at each week from what was known then, and how wrong it was.

Tashman (2000), "Out-of-sample tests of forecasting accuracy". Every model is fitted anew at every origin, on a
copy of the weeks up to it: what comes later is not within its reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.forecast import metrics
from ml.forecast.models import HORIZON, Model, log_ratio
from ml.forecast.panel import Panel

Floats = NDArray[np.float64]

FIRST = 10
"""Weeks that are known at the first origin of all: the first quarter of a forecast is a beginner's."""
ORIGINS = 26
"""How many of the last origins a model is judged by; fewer where the history is short, never under 12."""
LEVEL = 0.8
"""Coverage that bands are made for."""
ERRORS = 39
"""How many of the last errors a band is made from, three quarters of a year. Of so many the 32nd is four in five
exactly, and what a model got wrong while it knew little is forgotten."""
LAST = 12
"""Origins in the second figure: how good it was lately."""


@dataclass(frozen=True)
class Walk:
    """All forecasts of one model.

    Attributes:
        panel: the series.
        forecasts: what was forecast when so many weeks were known, shape (weeks + 1, series, HORIZON), NaN where
            nothing was. The last row is the forecast of the weeks to come.
    """

    panel: Panel
    forecasts: Floats

    @property
    def actual(self) -> Floats:
        """The values that came true, the same shape, NaN where they are not known."""
        weeks = self.panel.weeks
        padded = np.pad(self.panel.value, ((0, 0), (0, HORIZON)), constant_values=np.nan)
        return np.stack([padded[:, known : known + HORIZON] for known in range(weeks + 1)])

    def of(self, series: int) -> Walk:
        """The walk of one of the series."""
        return Walk(self.panel.of(series), self.forecasts[:, series : series + 1])

    def sums(self) -> tuple[Floats, Floats]:
        """Actual and forecast sums of the weeks up to each horizon."""
        return np.cumsum(self.actual, axis=2), np.cumsum(self.forecasts, axis=2)


def walk(panel: Panel, make: Callable[[], Model], first: int = FIRST) -> Walk:
    """Take a model through time.

    Args:
        panel: the series. Where it holds a total, parts are put in proportion, so that those of a level add up to it.
        make: makes the model, with an empty memory.
        first: how many weeks are known at the first origin.
    """
    model = make()
    found = np.full((panel.weeks + 1, len(panel.series), HORIZON), np.nan)
    for known in range(first, panel.weeks + 1):
        found[known] = reconcile(np.maximum(model.forecast(panel.until(known)), 0.0), panel.level)
    return Walk(panel, found)


def reconcile(forecasts: Floats, level: tuple[str, ...]) -> Floats:
    """Put the parts of each level in proportion, so that they add up to the total, which stays as it is.

    Args:
        forecasts: shape (series, HORIZON).
        level: of each series; without a ``total`` nothing is changed.
    """
    if "total" not in level:
        return forecasts
    levels = np.array(level)
    total = forecasts[levels == "total"].sum(axis=0)
    found = forecasts.copy()
    for name in sorted(set(level) - {"total"}):
        parts = levels == name
        whole = found[parts].sum(axis=0)
        share = np.divide(found[parts], whole, out=np.full(found[parts].shape, 1 / parts.sum()), where=whole > 0)
        found[parts] = share * total
    return found


def bands(actual: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    """Conformal bands: the forecast over and times a factor that errors before it kept within four times of five.

    Split conformal prediction (Vovk, Gammerman and Shafer 2005) on absolute logarithmic errors, series by series and
    horizon by horizon. At each origin the last errors count whose week was known by then. To band a sum, give sums.

    Args:
        actual: shape (origins, series, HORIZON), NaN where it is not known; an origin knows one week more than
            the one before.
        forecast: the same shape, NaN where nothing was forecast.

    Returns:
        Lower and upper bounds, the same shape; NaN where too few errors were known.
    """
    wrong = np.abs(log_ratio(actual, forecast))
    lower, upper = np.full(forecast.shape, np.nan), np.full(forecast.shape, np.nan)
    for origin in range(len(forecast)):
        for place in range(HORIZON):
            known = wrong[max(0, origin - place - ERRORS) : max(0, origin - place), :, place]
            known = np.sort(known[np.isfinite(known).all(axis=1)], axis=0)
            rank = int(np.ceil((len(known) + 1) * LEVEL))
            if rank <= len(known):
                factor = np.exp(known[rank - 1])
                lower[origin, :, place] = forecast[origin, :, place] / factor
                upper[origin, :, place] = forecast[origin, :, place] * factor
    return lower, upper


def judged(weeks: int) -> range:
    """How many weeks are known at each judged origin: the last ones whose four weeks have all come true."""
    last = weeks - HORIZON
    return range(max(FIRST, last - ORIGINS + 1), last + 1)


def frame(walks: Mapping[str, Walk]) -> pd.DataFrame:
    """The judged origins as rows.

    Returns:
        Columns level, series, model, origin_week (the last one known), week_start, horizon, forecast, lower_80,
        upper_80, actual; a row a model, series, origin and horizon.
    """
    rows = []
    for name, taken in walks.items():
        actual, panel = taken.actual, taken.panel
        lower, upper = bands(actual, taken.forecasts)
        rows += [
            (
                panel.level[place],
                panel.series[place],
                name,
                panel.week(known - 1),
                panel.week(known - 1 + horizon),
                horizon,
                *(float(each[known, place, horizon - 1]) for each in (taken.forecasts, lower, upper, actual)),
            )
            for place in range(len(panel.series))
            for known in judged(panel.weeks)
            for horizon in range(1, HORIZON + 1)
        ]
    columns = ["level", "series", "model", "origin_week", "week_start", "horizon"]
    return pd.DataFrame(rows, columns=[*columns, "forecast", "lower_80", "upper_80", "actual"])


def measure(taken: Walk) -> dict[str, float]:
    """How good the forecasts of one series were at the judged origins.

    Returns:
        wape, mase, rmsse, bias, r2, coverage_80, interval_score_80, each over all horizons and, but for the last two,
        with the ending ``_h1`` to ``_h4`` for one; wape_last_12, of the last twelve origins; wape_sum, of the sum of
        the four weeks. Coverage and interval score are those of the bands that there were.
    """
    if len(taken.panel.series) != 1:
        raise ValueError("Measure one series at a time.")
    span = list(judged(taken.panel.weeks))
    actual, forecast = taken.actual[:, 0], taken.forecasts[:, 0]
    lower, upper = (bound[:, 0] for bound in bands(taken.actual, taken.forecasts))
    steps = np.array([metrics.step(taken.panel.value[0, :known]) for known in span])
    steps = np.maximum(steps, np.finfo(float).tiny)
    one, other = actual[span], forecast[span]
    found: dict[str, float] = {}
    for ending, places in {"": slice(None), **{f"_h{h}": slice(h - 1, h) for h in range(1, HORIZON + 1)}}.items():
        a, f = one[:, places], other[:, places]
        found[f"wape{ending}"] = metrics.wape(a, f)
        found[f"mase{ending}"] = metrics.mase(a, f, steps[:, :1])
        found[f"rmsse{ending}"] = metrics.rmsse(a, f, steps[:, 1:])
        found[f"bias{ending}"] = metrics.bias(a, f)
        found[f"r2{ending}"] = metrics.r2(a, f)
    found[f"wape_last_{LAST}"] = metrics.wape(one[-LAST:], other[-LAST:])
    found["wape_sum"] = metrics.wape(one.sum(axis=1), other.sum(axis=1))
    banded = np.isfinite(lower[span])
    if banded.any():
        low, high, true = lower[span][banded], upper[span][banded], one[banded]
        found["coverage_80"] = metrics.coverage(true, low, high)
        found["interval_score_80"] = metrics.interval_score(true, low, high, 1 - LEVEL)
    return found

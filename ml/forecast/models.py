"""Ways to forecast. Each walks through time: it is shown what was known after each week, and forecasts the next four.

A model may remember what it forecast before, and so learn from its errors; it is never shown anything else.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml.forecast.components import components
from ml.forecast.panel import Panel

Floats = NDArray[np.float64]

HORIZON = 4
"""Weeks ahead."""
AHEAD = np.arange(1, HORIZON + 1)
RATIO_FLOOR = 0.01
"""An actual value under this share of its forecast counts as so much; the logarithm of 0 is no number."""


class Model(Protocol):
    """A way to forecast, at one place in time."""

    def forecast(self, past: Panel) -> Floats:
        """The next weeks of each series, shape (series, HORIZON). Called with one week more each time."""


class Each:
    """A model without a memory: a function of what is known, series by series or all at once."""

    def __init__(self, rule: Callable[[Floats], Floats]) -> None:
        self.rule = rule

    def forecast(self, past: Panel) -> Floats:
        """See :class:`Model`."""
        return np.broadcast_to(self.rule(past.value), (len(past.series), HORIZON)).astype(float)


def naive(values: Floats) -> Floats:
    """The last week, again and again; values of shape (series, weeks)."""
    return values[:, -1:]


def seasonal_naive(values: Floats) -> Floats:
    """The same weeks a year before; the last week until there has been a year."""
    weeks = values.shape[1]
    return values[:, weeks - 52 : weeks - 52 + HORIZON] if weeks >= 52 else naive(values)


def mean_of(weeks: int) -> Callable[[Floats], Floats]:
    """The mean of the last so many weeks, or of all while there are fewer."""
    return lambda values: values[:, -weeks:].mean(axis=1, keepdims=True)


def median_of(weeks: int) -> Callable[[Floats], Floats]:
    """The median of the last so many weeks, or of all while there are fewer."""
    return lambda values: np.median(values[:, -weeks:], axis=1, keepdims=True)


def half_way(weeks: int) -> Callable[[Floats], Floats]:
    """Half way from the last week back to the median of the last so many."""
    return lambda values: (naive(values) + median_of(weeks)(values)) / 2


class Reversion:
    """Experts that return to a usual level, each as trusted as it was right.

    An expert takes the median of the last 4, 8, 13 or 26 weeks (a month, two, a quarter, half a year) for the usual
    level. Of what the last week was above or below that, nothing, ¼, ½ or ¾ stays from one week to the next. Where a
    revenue comes with its number of orders, the orders are forecast so, and times the median value of an order in
    half a year: orders carry the level, values of orders hardly move and mostly add noise. Season and events
    (:mod:`ml.forecast.components`) are taken out before and put back after.

    Weights are the inverse squared of the mean squared logarithmic error so far (Bates and Granger 1969; the exponent
    of Stock and Watson 2004), older errors discounted, the same for all horizons, drawn to equal weights while few
    errors are known.
    """

    WINDOWS = (4, 8, 13, 26)
    STAYS = (0.0, 0.25, 0.5, 0.75)
    VALUE_WEEKS = 26
    HALF_LIFE = 13
    """Weeks after which an error counts half."""
    PRIOR_ERRORS = 8
    """As many errors of the average expert are taken for known at the beginning."""

    def __init__(self) -> None:
        self.made: list[tuple[int, Floats]] = []
        self.weights: Floats | None = None

    def forecast(self, past: Panel) -> Floats:
        """See :class:`Model`."""
        experts = self.experts(past)
        self.weights = self._weights(past, experts.shape[1])
        self.made.append((past.weeks, experts))
        return np.einsum("se,seh->sh", self.weights, experts)

    def experts(self, past: Panel) -> Floats:
        """What each expert says, shape (series, experts, HORIZON)."""
        source, price = past.value, np.ones((len(past.series), 1))
        if past.volume is not None:
            source = past.volume
            value, volume = past.value[:, -self.VALUE_WEEKS :], past.volume[:, -self.VALUE_WEEKS :]
            each = np.divide(value, volume, out=np.full(value.shape, np.nan), where=volume > 0)
            empty = np.isnan(each).all(axis=1, keepdims=True)
            price = np.nanmedian(np.where(empty, 0.0, each), axis=1, keepdims=True)
        factor = components(source, past.first_week, HORIZON).factor
        known, to_come = source / factor[:, : past.weeks], factor[:, past.weeks :]
        found = []
        for window in self.WINDOWS:
            usual = np.median(known[:, -window:], axis=1)[:, None]
            away = known[:, -1:] - usual
            found += [(usual + stays**AHEAD * away) * to_come * price for stays in self.STAYS]
        return np.stack(found, axis=1)

    def _weights(self, past: Panel, experts: int) -> Floats:
        """Shape (series, experts); each row sums to 1."""
        total = np.zeros((len(past.series), experts))
        mass = 0.0
        for weeks, said in self.made:
            here = min(HORIZON, past.weeks - weeks)
            actual = past.value[:, weeks : weeks + here]
            discount = 0.5 ** ((past.weeks - weeks - AHEAD[:here]) / self.HALF_LIFE)
            total += (log_ratio(actual[:, None, :], said[:, :, :here]) ** 2) @ discount
            mass += discount.sum()
        usual = total.mean(axis=1, keepdims=True) / mass if mass > 0 else np.ones((len(total), 1))
        error = (total + self.PRIOR_ERRORS * usual) / (mass + self.PRIOR_ERRORS)
        trust = np.maximum(error, np.finfo(float).tiny ** 0.25) ** -2
        return trust / trust.sum(axis=1, keepdims=True)


def log_ratio(actual: Floats, forecast: Floats) -> Floats:
    """The logarithm of actual over forecast, both floored so that it is a number; 0 where both are 0."""
    least = np.finfo(float).tiny
    return np.log(np.maximum(actual, RATIO_FLOOR * forecast) + least) - np.log(
        np.maximum(forecast, RATIO_FLOOR * actual) + least
    )


class Classical:
    """A model of statsforecast, fitted to the logarithms of each series anew each time."""

    def __init__(self, name: str) -> None:
        from statsforecast import models

        makers: dict[str, Callable[[], Any]] = {
            "ets": lambda: models.AutoETS(season_length=1),
            "theta": lambda: models.Theta(season_length=1),
            "arima": lambda: models.AutoARIMA(season_length=1, max_p=2, max_q=2, max_d=1),
        }
        self.maker = makers[name]

    def forecast(self, past: Panel) -> Floats:
        """See :class:`Model`."""
        found = np.empty((len(past.series), HORIZON))
        for series, values in enumerate(past.value):
            logs = np.log(np.maximum(values, RATIO_FLOOR * values.mean()))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[series] = np.exp(self.maker().forecast(logs, HORIZON)["mean"])
        return found


class Boosting:
    """Gradient-boosted trees over all series together (XGBoost through mlforecast), a week at a time.

    The target is the change of the logarithm from the week before, over the series' own spread; features are its lags
    and rolling means, and the calendar of the week. Strongly regularised: there are a few thousand weeks in all.
    """

    LAGS = (1, 2, 3, 4, 8, 13)
    ROLLING = (4, 13)
    TREES: Mapping[str, float | int | str] = {
        "n_estimators": 60,
        "max_depth": 2,
        "learning_rate": 0.08,
        "min_child_weight": 20,
        "reg_lambda": 10,
        "n_jobs": 1,
        "tree_method": "hist",
        "max_bin": 64,
    }

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def forecast(self, past: Panel) -> Floats:
        """See :class:`Model`."""
        import pandas as pd
        from mlforecast import MLForecast
        from mlforecast.lag_transforms import RollingMean
        from mlforecast.target_transforms import Differences, LocalStandardScaler
        from xgboost import XGBRegressor

        from ml.forecast import calendar

        logging.getLogger("mlforecast").setLevel(logging.ERROR)
        count, weeks = past.value.shape
        mondays = [past.week(week) for week in range(weeks + HORIZON)]
        days = calendar.features(mondays)
        days.columns = [f"day_{place}" for place in range(days.shape[1])]
        every = days.assign(ds=pd.to_datetime(mondays))
        floor = RATIO_FLOOR * past.value.mean(axis=1, keepdims=True)
        logs = np.log(np.maximum(past.value, np.maximum(floor, np.finfo(float).tiny)))
        frame = pd.DataFrame(
            {
                "unique_id": np.repeat(np.arange(count), weeks),
                "ds": np.tile(every["ds"].to_numpy()[:weeks], count),
                "y": logs.ravel(),
            }
        ).merge(every, on="ds")
        model = MLForecast(
            models={"trees": XGBRegressor(random_state=self.seed, **self.TREES)},
            freq="W-MON",
            lags=[lag for lag in self.LAGS if lag < weeks // 2],
            lag_transforms={1: [RollingMean(window) for window in self.ROLLING if window < weeks // 2]},
            target_transforms=[Differences([1]), LocalStandardScaler()],
            num_threads=1,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(frame, static_features=[], dropna=True)
            to_come = pd.DataFrame({"unique_id": range(count)}).merge(every.iloc[weeks:], how="cross")
            said = model.predict(HORIZON, X_df=to_come)
        return np.exp(said.sort_values(["unique_id", "ds"])["trees"].to_numpy().reshape(count, HORIZON))


BASELINES: Mapping[str, Callable[[], Model]] = {
    "naive": lambda: Each(naive),
    "seasonal_naive": lambda: Each(seasonal_naive),
    "mean_4": lambda: Each(mean_of(4)),
    "mean_12": lambda: Each(mean_of(12)),
    "mean_26": lambda: Each(mean_of(26)),
    "mean_52": lambda: Each(mean_of(52)),
    "median_52": lambda: Each(median_of(52)),
    "half_way_16": lambda: Each(half_way(16)),
    "ets": lambda: Classical("ets"),
    "theta": lambda: Classical("theta"),
    "arima": lambda: Classical("arima"),
}
"""What anything more has to beat, the best of them."""
SLOW = ("arima", "ets", "gradient_boosting")
"""Taken through the judged origins only."""

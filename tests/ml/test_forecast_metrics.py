"""Metrics of forecasts: figures worked out by hand, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ml.forecast import metrics
from ml.forecast.metrics import Floats

ACTUAL, FORECAST = [100.0, 200.0, 300.0], [110.0, 180.0, 330.0]
POSITIVE = st.floats(0.01, 1e6)
PAIRS = arrays(float, (2, 8), elements=POSITIVE)


def test_figures_worked_out_by_hand() -> None:
    assert metrics.wape(ACTUAL, FORECAST) == pytest.approx(60 / 600)
    assert metrics.bias(ACTUAL, FORECAST) == pytest.approx(20 / 600)
    assert metrics.mase(ACTUAL, FORECAST, 40) == pytest.approx((10 + 20 + 30) / 3 / 40)
    assert metrics.rmsse(ACTUAL, FORECAST, 40) == pytest.approx(np.sqrt((100 + 400 + 900) / 3) / 40)
    assert metrics.r2(ACTUAL, FORECAST) == pytest.approx(1 - 1400 / 20000)
    assert metrics.step([1.0, 3.0, 0.0]) == (2.5, pytest.approx(np.sqrt(6.5)))
    assert metrics.coverage(ACTUAL, [100.0, 201.0, 290.0], [120.0, 220.0, 300.0]) == pytest.approx(2 / 3)
    # Widths 20, 19 and 10; the second value lies 1 below its band, which costs 2 / 0.2.
    assert metrics.interval_score(ACTUAL, [100.0, 201.0, 290.0], [120.0, 220.0, 300.0]) == pytest.approx(59 / 3)


@given(PAIRS, st.floats(0.5, 100))
def test_errors_do_not_hang_on_the_currency(pair: Floats, rate: float) -> None:
    for metric in (metrics.wape, metrics.bias):
        assert metric(rate * pair[0], rate * pair[1]) == pytest.approx(metric(*pair), rel=1e-9, abs=1e-9)


@given(PAIRS)
def test_a_perfect_forecast_is_perfect_and_bias_is_within_wape(pair: Floats) -> None:
    actual, forecast = pair
    assert (metrics.wape(actual, actual), metrics.bias(actual, actual)) == (0, 0)
    assert metrics.mase(actual, actual, 1) == metrics.rmsse(actual, actual, 1) == 0
    assert abs(metrics.bias(actual, forecast)) <= metrics.wape(actual, forecast) + 1e-12
    assert metrics.r2(actual, np.full(8, actual.mean())) == pytest.approx(0) or np.ptp(actual) == 0


@given(PAIRS, st.integers(0, 5))
def test_wape_is_the_weighted_mean_of_that_of_two_halves(pair: Floats, cut: int) -> None:
    actual, forecast = pair
    halves = [(actual[part], forecast[part]) for part in (slice(cut + 1), slice(cut + 1, None))]
    together = sum(metrics.wape(*half) * half[0].sum() for half in halves) / actual.sum()
    assert metrics.wape(actual, forecast) == pytest.approx(together)


@given(PAIRS, arrays(float, 8, elements=st.floats(0, 10)))
def test_the_narrowest_band_that_holds_everything_scores_best(pair: Floats, wider: Floats) -> None:
    actual, other = pair
    lower, upper = np.minimum(actual, other), np.maximum(actual, other)
    assert metrics.coverage(actual, lower, upper) == 1
    assert metrics.interval_score(actual, lower, upper) <= metrics.interval_score(actual, lower - wider, upper) + 1e-9


def test_what_cannot_be_compared_is_refused_and_nothing_divided_by_nothing_is_no_number() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        metrics.wape([1.0, 2.0, 3.0], [1.0, 2.0])
    assert np.isnan(metrics.wape([0.0, 0.0], [1.0, 1.0]))
    assert np.isnan(metrics.r2([1.0, 1.0], [1.0, 2.0]))

"""Ways to forecast: what each of them says of series whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.forecast.backtest import judged, walk
from ml.forecast.components import components
from ml.forecast.metrics import Floats, wape
from ml.forecast.models import (
    AHEAD,
    BASELINES,
    Boosting,
    Classical,
    Model,
    Reversion,
    log_ratio,
    mean_of,
    median_of,
    seasonal_naive,
)
from ml.forecast.panel import Panel
from tests.ml.weeks import FIRST, planted

MODELS = {**BASELINES, "reversion": Reversion, "gradient_boosting": lambda: Boosting(1)}


def shop(values: Floats, volume: Floats | None = None) -> Panel:
    return Panel(
        ("total",), ("total",), FIRST, np.atleast_2d(values), None if volume is None else np.atleast_2d(volume)
    )


def test_baselines_say_what_their_names_say() -> None:
    values = np.arange(1.0, 61.0)[None]
    expected = {
        "naive": [60] * 4,
        "seasonal_naive": [9, 10, 11, 12],
        "mean_4": [58.5] * 4,
        "mean_12": [54.5] * 4,
        "mean_26": [47.5] * 4,
        "mean_52": [34.5] * 4,
        "median_52": [34.5] * 4,
        "half_way_16": [(60 + 52.5) / 2] * 4,
    }
    for name, numbers in expected.items():
        assert BASELINES[name]().forecast(shop(values)).tolist() == [numbers], name


def test_windows_are_all_there_is_while_there_is_less() -> None:
    values = np.array([[1.0, 2.0, 6.0]])
    assert mean_of(12)(values).tolist() == [[3.0]]
    assert median_of(12)(values).tolist() == [[2.0]]
    assert seasonal_naive(values).tolist() == [[6.0]]


@pytest.mark.parametrize("name", MODELS)
def test_forecasts_are_finite_numbers_of_the_size_of_the_series(name: str) -> None:
    panel = planted(5, 60, black_friday=0).panel
    said = MODELS[name]().forecast(panel)
    assert said.shape == (1, 4)
    assert (said > panel.value.min() / 2).all()
    assert (said < panel.value.max() * 2).all()


@pytest.mark.parametrize("name", ["naive", "mean_12", "theta", "reversion"])
@given(factor=st.sampled_from([0.01, 3.0, 1000.0]))
@settings(max_examples=3, deadline=None)
def test_a_forecast_does_not_hang_on_the_currency(name: str, factor: float) -> None:
    panel = planted(5, 40).panel
    other = Panel(panel.level, panel.series, panel.first_week, panel.value * factor, panel.volume)
    assert MODELS[name]().forecast(other) == pytest.approx(MODELS[name]().forecast(panel) * factor, rel=1e-6)


def test_experts_go_back_to_the_usual_level() -> None:
    """Orders jump from 100 to 200 in the last week; an order is worth 5."""
    orders = np.array([100.0] * 39 + [200.0])
    said = Reversion().experts(shop(5 * orders, orders))[0]
    usual, away = 500.0, 500.0
    expected = [usual + stays**AHEAD * away for _ in Reversion.WINDOWS for stays in Reversion.STAYS]
    assert said == pytest.approx(np.array(expected), rel=0.02)


def test_a_series_of_empty_weeks_is_forecast_as_nothing() -> None:
    model = Reversion()
    for weeks in range(10, 40):
        said = model.forecast(shop(np.zeros(weeks), np.zeros(weeks)))
        assert said.tolist() == [[0.0] * 4]


@given(st.integers(0, 50), st.integers(26, 45))
@settings(max_examples=8, deadline=None)
def test_weights_are_positive_and_sum_to_one(seed: int, weeks: int) -> None:
    panel, model = planted(seed, weeks, stays=0.5).panel, Reversion()
    for known in range(10, weeks + 1):
        model.forecast(panel.until(known))
        assert model.weights is not None
        assert (model.weights > 0).all()
        assert model.weights.sum(axis=1) == pytest.approx(1)


@pytest.mark.slow
def test_without_errors_all_experts_are_trusted_alike_and_then_the_one_that_was_right() -> None:
    panel, model = planted(2, 120, noise=0.15, stays=0.0, growth=0, season=0, black_friday=0).panel, Reversion()
    model.forecast(panel.until(20))
    assert model.weights is not None
    assert np.ptp(model.weights) == pytest.approx(0)
    for known in range(21, 121):
        model.forecast(panel.until(known))
    weights = model.weights[0].reshape(len(Reversion.WINDOWS), len(Reversion.STAYS))
    # In pure noise nothing stays, and the longest memory is the best one.
    assert weights[:, 0].sum() > weights[:, -1].sum()
    assert weights[-1].sum() > weights[0].sum()


def test_trend_season_and_events_are_recovered() -> None:
    for seed in range(3):
        truth = planted(seed, 208, noise=0.06, growth=0.3, season=0.25, black_friday=0.9)
        found = components(truth.panel.value, truth.panel.first_week, 4)
        slope = (found.trend[0, -1] - found.trend[0, 0]) / (211 * 7 / 365.2425)
        assert slope == pytest.approx(truth.growth, abs=0.04)
        assert np.abs(found.season[0, :208] - truth.season).mean() < 0.05
        assert found.effects["Black Friday"][0] == pytest.approx(truth.black_friday, abs=0.12)


def test_nobody_makes_a_season_of_less_than_two_years_or_an_event_of_one() -> None:
    truth = planted(1, 103, first=FIRST)
    found = components(truth.panel.value, FIRST, 4)
    assert found.season.tolist() == np.zeros((1, 107)).tolist()
    one = components(truth.panel.value[:, :80], FIRST, 4)
    assert "Black Friday" not in one.effects
    assert "Black Friday" in found.effects


@pytest.mark.slow
def test_planted_shops_are_forecast_nearly_as_well_as_their_noise_allows() -> None:
    ratios = []
    for seed in range(6):
        truth = planted(seed, 156)
        taken = walk(truth.panel, Reversion)
        origins = list(judged(156))
        mean = np.pad(truth.mean, (0, 4))
        floor = wape(taken.actual[origins][:, 0], np.stack([mean[known : known + 4] for known in origins]))
        ratios.append(wape(taken.actual[origins], taken.forecasts[origins]) / floor)
    assert np.mean(ratios) <= 1.3


def test_ratios_are_numbers_where_one_side_is_nothing() -> None:
    found = log_ratio(np.array([0.0, 5.0, 0.0, 2.0]), np.array([0.0, 0.0, 5.0, 2.0]))
    assert found == pytest.approx([0, np.log(100), -np.log(100), 0])


@pytest.mark.parametrize("make", [Reversion, lambda: Boosting(7), lambda: Classical("theta")])
def test_the_same_weeks_give_the_same_forecast_to_the_digit(make: Callable[[], Model]) -> None:
    panel = planted(5, 40).panel
    assert make().forecast(panel).tolist() == make().forecast(panel).tolist()

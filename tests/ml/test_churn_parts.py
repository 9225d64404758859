"""The parts of the churn model: windows, calibration, cells, leaks, drift, baskets, reasons."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lakehouse.settings import DBT_PROJECT
from ml.churn import call_list, cells, drift, features, leaks, reasons
from ml.churn import windows as time
from ml.churn.baselines import quintile
from ml.churn.calibration import Line, fit_line, reliability
from ml.churn.cells import Cells
from ml.churn.examples import Examples
from tests.ml.churn_shop import DATES, shop

DAY = date(2018, 1, 1)


@given(
    st.sets(st.integers(0, 700), min_size=1, max_size=25),
    st.integers(0, 800),
    st.integers(1, 90),
    st.integers(90, 200),
)
def test_nothing_is_learnt_from_a_label_that_was_not_over(
    offsets: set[int], at: int, label_days: int, horizon_days: int
) -> None:
    dates = [DAY + timedelta(days) for days in offsets]
    found = time.windows(dates, DAY + timedelta(at), label_days, horizon_days)
    if found is None:
        return
    assert all(day + timedelta(label_days) <= found.at for day in found.fit)
    assert all(day + timedelta(label_days) <= found.choose for day in found.before_choice)
    assert all(day + timedelta(horizon_days) <= found.at for day in found.calibrate)
    assert found.choose == max(found.fit)


def test_the_newest_dates_with_full_labels_are_tested() -> None:
    found = time.test_dates(DATES, DATES[-1], 90, 180, 4)
    assert found == [date(2017, 11, 23), date(2017, 12, 23), date(2018, 1, 22), date(2018, 2, 21)]
    assert time.test_dates(DATES[-6:], DATES[-1], 90, 180, 4) == []


def test_calibration_finds_a_planted_line() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(-4, 1, size=200_000)
    planted = Line(0.5, 0.8)
    labels = (random.random(len(scores)) < planted.probabilities(scores)).astype(float)
    found = fit_line(scores, labels)
    assert found == pytest.approx(planted, abs=0.1)
    assert found.probabilities(scores).mean() == pytest.approx(labels.mean(), rel=1e-6)


def test_calibration_never_turns_the_order_round() -> None:
    scores = np.linspace(-5, -3, 200)
    labels = (scores < -4).astype(float)
    found = fit_line(scores, labels)
    assert found.slope > 0
    assert found.probabilities(scores).mean() == pytest.approx(labels.mean(), abs=0.02)


def test_calibration_error_is_how_far_forecasts_are_off() -> None:
    forecast = np.repeat([0.1, 0.5], 100)
    labels = np.r_[np.repeat([0.0, 1.0], [80, 20]), np.repeat([0.0, 1.0], [50, 50])]
    assert reliability(forecast, labels, bins=2).error == pytest.approx(0.05)


def test_cells_fall_with_absence_and_one_time_buyers_differ() -> None:
    random = np.random.default_rng(0)
    orders, days = np.ones(50_000), random.integers(1, 600, 50_000).astype(float)
    labels = (random.random(50_000) < 0.03 * np.exp(-days / 200)).astype(float)
    found = Cells.fit(orders, days, labels)
    assert (np.diff(found.rates, axis=1) <= 1e-15).all()
    assert ((found.rates > 0) & (found.rates < 1)).all()
    chance = found.probabilities(orders, days)
    assert len(np.unique(chance)) > 4
    assert chance.mean() == pytest.approx(labels.mean(), rel=0.05)


def test_a_cell_that_nobody_is_in_takes_the_rate_beside_it() -> None:
    found = Cells.fit(np.ones(1000), np.full(1000, 10.0), np.r_[np.ones(100), np.zeros(900)])
    assert found.rates == pytest.approx(np.full(found.rates.shape, 0.1))


def test_a_cell_in_words() -> None:
    found = cells.reasons(np.array([1.0, 2.0, 7.0]), np.array([30.0, 31.0, 366.0]))
    assert found["reason_1"].tolist() == ["one order so far", "2 orders so far", "more than 2 orders so far"]
    assert found["reason_2"].tolist() == [
        "last order 1 to 30 days ago",
        "last order 31 to 60 days ago",
        "last order more than 365 days ago",
    ]


def _suspects(**columns: object) -> list[str]:
    frame = shop(0.5)["churn_examples"]
    frame = frame[frame["label_days"] >= 180]
    if columns.get("leak"):
        bought = frame["days_to_next_purchase"] < 180
        frame = frame.assign(**{str(columns["leak"]): columns["values"](frame, bought)})  # type: ignore[operator]
    examples = Examples.of(frame, "generated")
    rows = np.arange(len(frame))
    return [suspect.column for suspect in leaks.suspects(examples, rows, examples.labels(rows, 180))]


def test_honest_columns_are_not_suspected() -> None:
    assert _suspects() == []


@pytest.mark.slow
def test_a_planted_leak_is_caught_in_either_direction() -> None:
    random = np.random.default_rng(0)
    for sign in (1, -1):
        noisy = lambda frame, bought, sign=sign: sign * (bought + random.normal(0, 0.7, len(frame)))  # noqa: E731
        assert _suspects(leak="freight_ratio", values=noisy) == ["freight_ratio"]


def test_a_leak_by_what_is_missing_is_caught() -> None:
    hidden = lambda frame, bought: np.where(bought, np.nan, 12.0)  # noqa: E731
    assert _suspects(leak="average_delivery_days", values=hidden) == ["average_delivery_days"]


SHARES = arrays.arrays(np.float64, 5, elements=st.floats(0.001, 1)).map(lambda values: values / values.sum())


@given(SHARES, SHARES)
def test_drift_is_the_same_both_ways_never_negative_and_nothing_for_equals(one: object, other: object) -> None:
    first, second = np.asarray(one), np.asarray(other)
    assert drift.index(first, second) == pytest.approx(drift.index(second, first))
    assert drift.index(first, second) >= 0
    assert drift.index(first, first) == 0


def test_drift_of_a_shifted_column_is_an_alarm() -> None:
    random = np.random.default_rng(0)
    then = pd.DataFrame({"still": random.normal(size=5000), "shifted": random.normal(size=5000), "score": 0.0})
    now = pd.DataFrame({"still": random.normal(size=5000), "shifted": random.normal(1, size=5000), "score": 0.0})
    found = drift.compare(drift.profile(then), now, ("score",)).set_index("feature")
    assert found["level"].to_dict() == {"still": "stable", "shifted": "alarm", "score": "stable"}
    assert found["kind"].to_dict() == {"still": "feature", "shifted": "feature", "score": "score"}


def test_a_basket_is_what_customer_risk_says() -> None:
    # The figures are those of the unit test of customer_risk.
    found = call_list.expected_basket(np.array([800.0, 100.0, 0.0]), np.array([2.0, 1.0, 1.0]))
    assert found.round(2).tolist() == [300.0, 171.71, 7.97]


def test_a_usual_gap_is_ones_own_or_that_of_the_others() -> None:
    found = call_list.usual_gap(np.array([1.0, 2.0, 3.0]), np.array([0.0, 30.0, 100.0]))
    assert found.tolist() == [40.0, 30.0, 50.0]
    assert np.isinf(call_list.usual_gap(np.ones(3), np.zeros(3))).all()


def test_the_top_of_a_list_shares_the_last_place_among_equals() -> None:
    outcome, weights = np.array([1.0] * 10 + [0.0] * 10), np.ones(20)
    assert call_list._top(np.zeros(20), outcome, weights) == pytest.approx(1.0)
    assert call_list._top(outcome, outcome, weights) == pytest.approx(2.0)
    assert call_list._top(np.array([]), np.array([]), np.array([])) == 0


def test_quintiles_give_equals_the_same() -> None:
    assert quintile(np.array([5.0, 1.0, 1.0, 1.0, 9.0])).tolist() == [4, 1, 1, 1, 5]


def test_reasons_are_the_strongest_subjects_and_say_which_way() -> None:
    frame = Examples.of(shop(0.0, people=20)["churn_examples"], "generated")
    contributions = np.zeros(frame.matrix.shape)
    names = [feature.name for feature in features.features("generated")]
    contributions[:, names.index("log_days_since_last_order")] = -0.4
    contributions[:, names.index("days_since_last_order")] = -0.4
    contributions[:, names.index("log_seller_ratio")] = 0.5
    contributions[:, names.index("log_orders")] = 0.1
    raw = frame.raw.assign(days_since_last_order=1.0, seller_repeat_ratio=1.5, orders=2.0, order_days=1.0)
    assert reasons.in_words(contributions, raw, "generated").iloc[0].tolist() == [
        "last order 1 day ago: speaks against another purchase",
        "buyers from the same seller return 1.50 times as often as all: speaks for another purchase",
        "2 orders on 1 day: speaks for another purchase",
    ]


def test_every_subject_has_words_also_where_nothing_is_known() -> None:
    assert {feature.subject for feature in features.features("observed")} == set(reasons.WORDS)
    unknown = dict.fromkeys((*features.HISTORY, *features.BEHAVIOUR), float("nan"))
    for subject, words in reasons.WORDS.items():
        assert words(unknown), subject


def test_no_column_of_visits_is_a_feature_where_they_were_made_up() -> None:
    made_up = {feature.name for feature in features.features("generated")}
    assert not any(feature.subject == "visits" for feature in features.features("generated"))
    assert not set(features.columns("generated")) & set(features.BEHAVIOUR)
    extra = {feature.name for feature in features.features("observed")} - made_up
    assert extra == {"log_active_days", "log_views", "log_carts", "days_since_last_visit"}


def test_the_call_list_is_judged_for_the_whales_that_dbt_has_by_default() -> None:
    """Evidence for other people than those on the list would be none."""
    said = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"]
    assert said["whale_share"] == pytest.approx(1 - call_list.WHALE)
    assert said["whale_gaps"] == call_list.GAPS

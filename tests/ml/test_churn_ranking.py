"""AUC, lift and PR-AUC against scikit-learn, and what the paired bootstrap must keep to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.churn import ranking
from ml.churn.ranking import Day, compare, measure

CASES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(
    lambda cases: len({label for _, label in cases}) == 2
)


@given(CASES)
def test_measures_are_those_of_scikit_learn_with_ties(cases: list[tuple[int, bool]]) -> None:
    scores, labels = (np.array(side, dtype=np.float64) for side in zip(*cases, strict=True))
    found = measure(scores, labels)
    assert found["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert found["pr_auc"] == pytest.approx(average_precision_score(labels, scores))


@given(CASES, st.randoms())
def test_the_order_of_the_rows_changes_nothing(cases: list[tuple[int, bool]], random: object) -> None:
    scores, labels = (np.array(side, dtype=np.float64) for side in zip(*cases, strict=True))
    order = np.arange(len(cases))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert measure(scores[order], labels[order]) == pytest.approx(measure(scores, labels))


@given(CASES)
@settings(max_examples=30)
def test_a_weight_is_a_number_of_copies(cases: list[tuple[int, bool]]) -> None:
    scores, labels = (np.array(side, dtype=np.float64) for side in zip(*cases, strict=True))
    weights = (np.arange(len(cases)) % 3 + 1).astype(np.float64)
    copies = np.repeat(np.arange(len(cases)), weights.astype(int))
    weighted = ranking._Order(scores, labels).measure(weights)
    assert weighted == pytest.approx(list(measure(scores[copies], labels[copies]).values()))


def test_lift_of_a_perfect_a_constant_and_a_worst_ranking() -> None:
    labels = np.r_[np.ones(5), np.zeros(95)]
    assert measure(labels, labels)["top_decile_lift"] == pytest.approx(10)
    assert measure(np.zeros(100), labels)["top_decile_lift"] == pytest.approx(1)
    assert measure(-labels, labels)["top_decile_lift"] == pytest.approx(0)


def test_without_both_outcomes_there_is_no_measure() -> None:
    assert np.isnan(list(measure(np.arange(4.0), np.zeros(4)).values())).all()


def _days(copies: int = 1) -> list[Day]:
    random = np.random.default_rng(1)
    labels = (random.random(400) < 0.2).astype(float)
    better, worse = labels + random.normal(size=400), labels + 3 * random.normal(size=400)
    return [Day(np.arange(400), labels, {"better": better, "same": better.copy(), "worse": worse})] * copies


def test_the_same_ranking_gains_exactly_nothing() -> None:
    found = compare(_days(), "better", 0, 50).gains["same"]
    assert {value for gain in found.values() for value in gain} == {0.0}


def test_a_better_ranking_is_better_beyond_its_interval() -> None:
    found = compare(_days(), "better", 0, 200).gains["worse"]["auc"]
    assert 0 < found.low < found.value < found.high


def test_the_same_people_on_more_dates_are_no_more_evidence() -> None:
    one, three = (compare(_days(copies), "better", 0, 100) for copies in (1, 3))
    for name in ("better", "worse"):
        for metric in ranking.METRICS:
            assert one.metrics[name][metric] == pytest.approx(three.metrics[name][metric])


def test_the_same_seed_gives_the_same_intervals() -> None:
    assert compare(_days(), "better", 5, 50) == compare(_days(), "better", 5, 50)

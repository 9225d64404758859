"""Ranking metrics: golden values worked out by hand, limits, and laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ml.recommender import metrics
from ml.recommender.ranking import forbid, top

K = 4
HITS = np.array([[True, False, True, False], [False, False, False, False], [True, True, True, True]])
RELEVANT = np.array([3, 2, 9])

METRICS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "precision": lambda hits, relevant: metrics.precision(hits),
    "recall": metrics.recall,
    "ndcg": metrics.ndcg,
    "average_precision": metrics.average_precision,
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("precision", [2 / 4, 0, 1]),
        ("recall", [2 / 3, 0, 4 / 9]),
        # 1/log2(2) + 1/log2(4), over 1 + 1/log2(3) + 1/log2(4).
        ("ndcg", [1.5 / (1.5 + 1 / np.log2(3)), 0, 1]),
        # Precision 1/1 at the first hit and 2/3 at the second, over 3 relevant.
        ("average_precision", [(1 + 2 / 3) / 3, 0, 1]),
    ],
)
def test_golden_values(name: str, expected: list[float]) -> None:
    assert METRICS[name](HITS, RELEVANT) == pytest.approx(expected)


@pytest.mark.parametrize("relevant", [1, 3, 4, 7])
def test_a_perfect_ranking_is_worth_one(relevant: int) -> None:
    hits = (np.arange(K) < relevant)[None]
    for name in ("ndcg", "average_precision"):
        assert METRICS[name](hits, np.array([relevant])) == pytest.approx([1.0])


@st.composite
def lists(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    k = draw(st.integers(1, 6))
    hits = np.array(draw(st.lists(st.lists(st.booleans(), min_size=k, max_size=k), min_size=1, max_size=5)))
    more = np.array(draw(st.lists(st.integers(0, 4), min_size=len(hits), max_size=len(hits))))
    return hits, np.maximum(hits.sum(axis=1) + more, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
@given(lists())
def test_values_are_from_none_to_one(name: str, some: tuple[np.ndarray, np.ndarray]) -> None:
    values = METRICS[name](*some)
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()


@pytest.mark.parametrize("name", METRICS)
@given(lists(), st.integers(0, 5), st.integers(0, 5))
def test_a_hit_that_moves_up_is_never_worth_less(
    name: str, some: tuple[np.ndarray, np.ndarray], one: int, other: int
) -> None:
    hits, relevant = some
    up, down = sorted(place % hits.shape[1] for place in (one, other))
    moved = hits.copy()
    swap = ~hits[:, up] & hits[:, down]
    moved[swap, up], moved[swap, down] = True, False
    assert (METRICS[name](moved, relevant) >= METRICS[name](hits, relevant) - 1e-12).all()


@pytest.mark.parametrize("name", METRICS)
@given(lists(), st.randoms())
def test_lists_are_judged_one_by_one(name: str, some: tuple[np.ndarray, np.ndarray], random: object) -> None:
    hits, relevant = some
    order = np.arange(len(hits))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert METRICS[name](hits[order], relevant[order]) == pytest.approx(METRICS[name](hits, relevant)[order])


def test_coverage_and_novelty() -> None:
    places = np.array([[0, 1], [1, -1]])
    assert metrics.coverage(places, 4) == 0.5
    # Half the users have item 0, an eighth has item 1: (1 + 3 + 3) / 3 bits.
    assert metrics.novelty(places, np.array([1 / 2, 1 / 8, 1, 1])) == pytest.approx(7 / 3)
    assert np.isnan(metrics.novelty(np.array([[-1]]), np.ones(1)))


@given(
    st.integers(1, 4).flatmap(
        lambda items: st.lists(
            st.lists(st.sampled_from([0.0, 0.5, 1.0, -np.inf]), min_size=items, max_size=items),
            min_size=1,
            max_size=4,
        )
    ),
    st.integers(1, 6),
)
def test_the_best_are_those_of_a_full_sort_and_ties_go_by_position(rows: list[list[float]], k: int) -> None:
    expected = []
    for row in rows:
        order = sorted((-score, place) for place, score in enumerate(row) if score > -np.inf)
        places = [place for _, place in order][:k]
        expected.append(places + [-1] * (k - len(places)))
    assert top(np.array(rows), k).tolist() == expected


def test_a_list_of_nobody_and_of_nothing() -> None:
    assert top(np.empty((0, 3)), 2).shape == (0, 2)
    assert top(np.empty((2, 0)), 2).tolist() == [[-1, -1], [-1, -1]]


def test_what_is_forbidden_is_not_listed() -> None:
    scores = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    forbid(scores, sparse.csr_matrix([[1, 0, 0], [0, 0, 1]]))
    assert top(scores, 3).tolist() == [[1, 2, -1], [0, 1, -1]]

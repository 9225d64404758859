"""Keyed random numbers: what they promise, whatever the keys."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from data_generation.draws import Draws, child_keys, hex_texts, keys_of, numbered, pick

MANY = numbered(0, 50_000)
KEYS = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50)


@given(KEYS)
def test_a_draw_belongs_to_its_key_and_not_to_its_place(keys: list[int]) -> None:
    draws, array = Draws(1), np.array(keys, dtype=np.uint64)
    order = np.argsort(draws.words("shuffle", array))
    for name in ("uniform", "normal", "words"):
        whole = getattr(draws, name)("x", array)
        assert (getattr(draws, name)("x", array[order]) == whole[order]).all()
        assert (getattr(draws, name)("x", array[:1]) == whole[:1]).all()


@pytest.mark.parametrize("keys", [MANY, child_keys(MANY, 3), child_keys(numbered(0, 1), np.arange(50_000))])
def test_uniform_and_normal_numbers_are_what_they_are_called(keys: np.ndarray) -> None:
    draws = Draws(42)
    assert kstest(draws.uniform("u", keys), "uniform").pvalue > 0.001
    assert kstest(draws.normal("n", keys), "norm").pvalue > 0.001
    assert np.isfinite(draws.normal("n", keys)).all()


def test_purposes_seeds_and_children_are_independent() -> None:
    first = Draws(1).uniform("a", MANY)
    for other in (
        Draws(1).uniform("b", MANY),
        Draws(2).uniform("a", MANY),
        Draws(1).uniform("a", child_keys(MANY, 0)),
        np.roll(first, 1),
    ):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.02


def test_choices_come_in_proportion_to_their_weights() -> None:
    weights = np.array([5.0, 0.0, 3.0, 2.0])
    counts = np.bincount(Draws(3).choice("c", MANY, weights), minlength=4)
    assert counts[1] == 0
    assert chisquare(counts[[0, 2, 3]], weights[[0, 2, 3]] / 10 * len(MANY)).pvalue > 0.001


@pytest.mark.parametrize("mean", [0.0, 0.05, 1.3, 40.0])
def test_poisson_numbers_have_their_mean_and_variance(mean: float) -> None:
    drawn = Draws(4).poisson("p", MANY, mean)
    assert drawn.mean() == pytest.approx(mean, abs=4 * (mean / len(MANY)) ** 0.5)
    assert drawn.var() == pytest.approx(mean, rel=0.06)


def test_integers_and_events_keep_to_their_bounds() -> None:
    draws = Draws(5)
    assert set(draws.integers("i", MANY, 3, 6)) == {3, 4, 5}
    assert not draws.happens("never", MANY, 0.0).any()
    assert draws.happens("always", MANY, 1.0).all()


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(lambda weights: sum(weights) > 0), st.floats(0, 0.999)
)
def test_nothing_without_weight_is_picked(weights: list[float], uniform: float) -> None:
    assert weights[pick(np.array([uniform]), weights)[0]] > 0


def test_ids_are_distinct_texts_of_their_length() -> None:
    for length in (16, 32):
        ids = Draws(6).ids("id", MANY, length)
        assert len(set(ids.to_pylist())) == len(MANY)
        assert all(len(text) == length and int(text, 16) >= 0 for text in ids.to_pylist()[:100])
    assert hex_texts(np.array([[0x0123456789ABCDEF]], dtype=np.uint64)).to_pylist() == ["0123456789abcdef"]


def test_keys_of_texts_belong_to_the_texts() -> None:
    whole = keys_of(pa.array(["a", "b", "a"]))
    assert whole[0] == whole[2] != whole[1]
    assert keys_of(pa.array(["b"]))[0] == whole[1]


def test_nothing_is_drawn_for_nobody() -> None:
    draws, none = Draws(7), numbered(0, 0)
    assert len(draws.uniform("u", none)) == len(draws.ids("i", none)) == len(draws.poisson("p", none, 1.0)) == 0

"""Intervals by the bootstrap: their laws, how often they cover, and how much memory they take."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.resampling import difference_interval, mean_interval

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)
seeds = st.integers(0, 2**32 - 1)


@given(numbers, seeds)
def test_the_bounds_lie_among_the_values_and_a_seed_fixes_them(values: list[float], seed: int) -> None:
    interval = mean_interval(values, seed, draws=50)
    slack = 1e-9 * max(1, *map(abs, values))
    assert min(values) - slack <= interval.low <= interval.high <= max(values) + slack
    assert interval == mean_interval(values, seed, draws=50)
    assert interval.mean == np.mean(values)


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=40), st.integers(-1000, 1000), seeds)
def test_what_is_added_to_every_value_is_added_to_the_bounds(values: list[int], shift: int, seed: int) -> None:
    there = mean_interval(values, seed, draws=50)
    moved = mean_interval(np.array(values) + shift, seed, draws=50)
    assert moved == pytest.approx(np.array(there) + shift)


@given(numbers, seeds)
def test_clusters_of_one_are_no_clusters(values: list[float], seed: int) -> None:
    alone = [f"{place:02d}" for place in range(len(values))]
    assert mean_interval(values, seed, alone, draws=50) == mean_interval(values, seed, draws=50)


@given(numbers, seeds)
def test_one_cluster_has_no_spread(values: list[float], seed: int) -> None:
    interval = mean_interval(values, seed, ["all"] * len(values), draws=20)
    assert interval.low == pytest.approx(interval.mean, abs=1e-6)
    assert interval.low == interval.high


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=30), seeds)
def test_a_paired_difference_is_the_mean_of_the_differences(pairs: list[tuple[float, float]], seed: int) -> None:
    one, other = np.array(pairs).T
    assert difference_interval(one, other, seed, draws=50) == mean_interval(one - other, seed, draws=50)


def test_a_95_percent_interval_covers_the_mean_19_times_in_20() -> None:
    random = np.random.default_rng(1)
    samples = random.exponential(size=(400, 80))
    covered = [low <= 1 <= high for _, low, high in (mean_interval(sample, 7, draws=400) for sample in samples)]
    assert 0.90 <= np.mean(covered) <= 0.97


def test_clusters_cover_where_their_members_are_alike_and_single_draws_do_not() -> None:
    random = np.random.default_rng(2)
    clusters = np.repeat(np.arange(60), 10)
    covered = {"clusters": 0, "single": 0}
    for _ in range(200):
        sample = np.repeat(random.normal(size=60), 10) + 0.1 * random.normal(size=600)
        for way, labels in (("clusters", clusters), ("single", None)):
            _, low, high = mean_interval(sample, 7, labels, draws=200)
            covered[way] += low <= 0 <= high
    assert covered["clusters"] >= 180
    assert covered["single"] <= 120


def test_pairing_finds_a_small_difference_that_two_intervals_hide() -> None:
    random = np.random.default_rng(3)
    hard = random.normal(size=500)
    one, other = hard + 0.05 + 0.1 * random.normal(size=500), hard + 0.1 * random.normal(size=500)
    assert difference_interval(one, other, 1).low > 0
    assert mean_interval(one, 1).low < mean_interval(other, 1).high


def test_memory_is_bounded() -> None:
    values = np.random.default_rng(4).random(300_000)
    tracemalloc.start()
    mean_interval(values, 1, draws=60)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80e6


@settings(max_examples=5)
@given(seeds)
def test_a_single_value_is_its_own_interval(seed: int) -> None:
    assert mean_interval([3.5], seed, draws=10) == (3.5, 3.5, 3.5)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")], [[1.0]]])
def test_what_has_no_mean_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one finite number"):
        mean_interval(values, 1)


def test_sides_and_clusters_must_fit_the_values() -> None:
    with pytest.raises(ValueError, match="2 values and 1 others"):
        difference_interval([1, 2], [1], 1)
    with pytest.raises(ValueError, match="2 values and 1 clusters"):
        mean_interval([1, 2], 1, ["a"])

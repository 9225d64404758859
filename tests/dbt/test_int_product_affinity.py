"""The pure functions of the Python model, loaded by path as dbt does, and run on the engine."""

from __future__ import annotations

import importlib.util
from collections import Counter
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.session import open_session
from lakehouse.settings import ROOT


def load() -> ModuleType:
    path = ROOT / "python_models" / "gold" / "int_product_affinity.py"
    spec = importlib.util.spec_from_file_location("int_product_affinity", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


model = load()


def test_pairs_are_unordered_and_repeats_count_once() -> None:
    assert model.count_pairs([["b", "a", "b"], ["a", "b", "c"]]) == Counter(
        {("a", "b"): 2, ("a", "c"): 1, ("b", "c"): 1}
    )


@pytest.mark.parametrize("baskets", [[], [[]], [["a"]], [["a", "a"]]])
def test_no_pair_without_two_products(baskets: list[list[str]]) -> None:
    assert model.count_pairs(baskets) == Counter()


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=8))
def test_counts_are_those_of_a_self_join(baskets: list[list[str]]) -> None:
    joined = Counter(
        (one, other) for basket in baskets for one, other in product(set(basket), repeat=2) if one < other
    )
    assert model.count_pairs(baskets) == joined


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=8), st.integers(0, 8))
def test_blocks_add_up_to_the_whole(baskets: list[list[str]], cut: int) -> None:
    assert model.count_pairs(baskets[:cut]) + model.count_pairs(baskets[cut:]) == model.count_pairs(baskets)


def test_affinity_on_the_engine(warehouse: Path) -> None:
    lines = open_session("local", warehouse).createDataFrame(
        [("o1", "lamp"), ("o1", "rug"), ("o1", "rug"), ("o2", "rug"), ("o2", "lamp"), ("o3", "rug"), ("o4", "vase")],
        "order_id string, product_id string",
    )
    rows = {tuple(row) for row in model.affinity(lines).collect()}
    assert rows == {("lamp", "rug", 2, 2, 3, 4), ("rug", "lamp", 2, 3, 2, 4)}


def test_affinity_of_no_orders_is_empty(warehouse: Path) -> None:
    empty = open_session("local", warehouse).createDataFrame([], "order_id string, product_id string")
    assert model.affinity(empty).collect() == []

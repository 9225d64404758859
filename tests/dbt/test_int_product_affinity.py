"""The pure functions of the Python model, loaded by path as dbt does, and run on the engine."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.session import open_session
from tests.dbt.python_models import load_model

model = load_model("gold/int_product_affinity")


ORDER_LINES = "basket_id string, product_id string"
SESSION_LINES = "basket_id string, product_id string, provenance string"
Rows = list[tuple[str, ...]]


def affinity(warehouse: Path, order_lines: Rows, session_lines: Rows) -> dict[tuple[str, str], tuple[Any, ...]]:
    session = open_session("local", warehouse)
    rows = model.affinity(
        session.createDataFrame(order_lines, ORDER_LINES), session.createDataFrame(session_lines, SESSION_LINES)
    ).collect()
    found = {(row[0], row[1]): tuple(row[2:]) for row in rows}
    assert len(found) == len(rows)
    return found


def views(provenance: str, **visits: str) -> Rows:
    return [(visit, product_id, provenance) for visit, products in visits.items() for product_id in products.split()]


def test_pairs_are_unordered_and_repeats_count_once() -> None:
    assert model.count_pairs([["b", "a", "b"], ["a", "b", "c"]]) == Counter(
        {("a", "b"): 2, ("a", "c"): 1, ("b", "c"): 1, ("a", "a"): 2, ("b", "b"): 2, ("c", "c"): 1}
    )


@pytest.mark.parametrize("baskets", [[], [[]]])
def test_no_pair_without_a_product(baskets: list[list[str]]) -> None:
    assert model.count_pairs(baskets) == Counter()


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=8))
def test_counts_are_those_of_a_self_join(baskets: list[list[str]]) -> None:
    joined = Counter(
        (one, other) for basket in baskets for one, other in product(set(basket), repeat=2) if one <= other
    )
    assert model.count_pairs(baskets) == joined


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=8), st.integers(0, 8))
def test_blocks_add_up_to_the_whole(baskets: list[list[str]], cut: int) -> None:
    assert model.count_pairs(baskets[:cut]) + model.count_pairs(baskets[cut:]) == model.count_pairs(baskets)


def test_bought_together_on_the_engine(warehouse: Path) -> None:
    baskets = {"o1": "lamp rug rug", "o2": "rug lamp", "o3": "rug", "o4": "vase"}
    lines: Rows = [(order, product_id) for order, products in baskets.items() for product_id in products.split()]
    assert affinity(warehouse, lines, []) == {
        ("lamp", "rug"): (2, 2, 3, 4, 0, 0, 0, 0, None),
        ("rug", "lamp"): (2, 3, 2, 4, 0, 0, 0, 0, None),
    }


def test_viewed_together_needs_two_visits_unless_bought_together(warehouse: Path) -> None:
    lines: Rows = [("o1", "lamp"), ("o1", "rug"), ("o2", "vase")]
    seen = views("generated", s1="lamp rug vase vase", s2="rug vase", s3="rug", s4="cup", s5="lamp cup")
    assert affinity(warehouse, lines, seen) == {
        ("lamp", "rug"): (1, 1, 1, 2, 1, 2, 3, 5, "generated"),
        ("rug", "lamp"): (1, 1, 1, 2, 1, 3, 2, 5, "generated"),
        ("rug", "vase"): (0, 1, 1, 2, 2, 3, 2, 5, "generated"),
        ("vase", "rug"): (0, 1, 1, 2, 2, 2, 3, 5, "generated"),
    }


def test_viewed_products_need_not_have_been_bought(warehouse: Path) -> None:
    assert affinity(warehouse, [], views("observed", s1="lamp rug", s2="rug lamp")) == {
        ("lamp", "rug"): (0, 0, 0, 0, 2, 2, 2, 2, "observed"),
        ("rug", "lamp"): (0, 0, 0, 0, 2, 2, 2, 2, "observed"),
    }


def test_affinity_of_nothing_is_empty(warehouse: Path) -> None:
    assert affinity(warehouse, [], []) == {}


@pytest.mark.parametrize(
    ("provenances", "counted"),
    [(["generated", "observed", "generated"], ["s1"]), (["generated", "generated"], ["s0", "s1"]), ([], [])],
)
def test_generated_visits_count_only_where_none_is_observed(
    provenances: list[str], counted: list[str], warehouse: Path
) -> None:
    visits = [(f"s{number}", provenance) for number, provenance in enumerate(provenances)]
    frame = open_session("local", warehouse).createDataFrame(visits, "basket_id string, provenance string")
    rows = model.counted_sessions(frame).collect()
    assert sorted(row["basket_id"] for row in rows) == counted
    assert frame.columns == ["basket_id", "provenance"] == model.counted_sessions(frame).columns


def test_the_model_places_views_in_their_visits(warehouse: Path) -> None:
    session = open_session("local", warehouse)
    tables = {
        "fct_order_items": """select * from values
            ('o1', true, 'lamp'), ('o1', true, 'rug'), ('o2', false, 'lamp'), ('o2', false, 'vase')
            as t (order_id, is_revenue_order, product_id)""",
        # s2 and s3 are two visits of one visitor, s4 is a program's.
        "fct_sessions": """select session_id, visitor_id, cast(started_at as timestamp) as started_at,
            cast(ended_at as timestamp) as ended_at, provenance, is_bot, views from values
            ('s1', 'v1', '2018-05-01 10:00:00', '2018-05-01 10:10:00', 'observed', false, 2),
            ('s2', 'v2', '2018-05-01 10:00:00', '2018-05-01 10:00:00', 'observed', false, 1),
            ('s3', 'v2', '2018-05-01 12:00:00', '2018-05-01 12:01:00', 'observed', false, 2),
            ('s4', 'v4', '2018-05-01 10:00:00', '2018-05-01 10:10:00', 'observed', true, 2),
            ('s6', 'v6', '2018-05-02 10:00:00', '2018-05-02 10:00:00', 'observed', false, 0)
            as t (session_id, visitor_id, started_at, ended_at, provenance, is_bot, views)""",
        "clickstream_events": """select visitor_id, session_id, event_type, cast(event_at as timestamp) as event_at,
            product_id from values
            ('v1', 't1', 'product_view', '2018-05-01 10:00:00', 'lamp'),
            ('v1', 't1', 'add_to_cart', '2018-05-01 10:05:00', 'vase'),
            ('v1', 't1', 'product_view', '2018-05-01 10:10:00', 'rug'),
            ('v2', 't2', 'product_view', '2018-05-01 10:00:00', 'vase'),
            ('v2', 't2', 'product_view', '2018-05-01 12:00:00', 'lamp'),
            ('v2', 't3', 'product_view', '2018-05-01 12:01:00', 'rug'),
            ('v4', 't4', 'product_view', '2018-05-01 10:00:00', 'lamp'),
            ('v4', 't4', 'product_view', '2018-05-01 10:00:00', 'rug'),
            ('v6', 't6', 'page_view', '2018-05-02 10:00:00', null)
            as t (visitor_id, session_id, event_type, event_at, product_id)""",
    }

    class Project:
        def ref(self, name: str) -> Any:
            return session.sql(tables[name])

    rows = {tuple(row) for row in model.model(Project(), session).collect()}
    assert rows == {
        ("lamp", "rug", 1, 1, 1, 1, 2, 2, 2, 3, "observed"),
        ("rug", "lamp", 1, 1, 1, 1, 2, 2, 2, 3, "observed"),
    }

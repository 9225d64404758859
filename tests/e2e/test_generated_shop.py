"""Generated data through the whole pipeline: what was planted is what Silver finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_generation.generate import generate
from data_generation.request import Request
from tests.delta import query
from tests.runs import command

pytestmark = pytest.mark.slow
BEHAVIOUR = ("clickstream_events", "customer_contacts")


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean shop whose clickstream and contacts are damaged, built."""
    folder = tmp_path_factory.mktemp("dirty")
    shop = ("customers", "orders", "order_items", "order_payments", "order_reviews", "products", "sellers")
    generate(Request(folder / "shop", scale=0.05, only=(*shop, "geolocation", "product_category_translations")))
    generate(Request(folder / "behaviour", scale=0.05, dirt=0.05, only=BEHAVIOUR))
    paths = ("--path", str(folder / "shop"), "--path", str(folder / "behaviour"))
    run = command(folder / "warehouse", "run", *paths)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def faults(folder: Path, table: str) -> list[dict[str, str]]:
    return pq.read_table(folder / "behaviour" / "truth" / f"faults_in_{table}.parquet").to_pylist()


@pytest.mark.parametrize(
    ("table", "key"), [("clickstream_events", "event_id"), ("customer_contacts", "customer_unique_id")]
)
def test_each_planted_fault_meets_the_fate_that_was_foretold(table: str, key: str, dirty: Path) -> None:
    warehouse, planted = dirty / "warehouse", faults(dirty, table)
    expected = {
        (row["key"], row["expected"].removeprefix("quarantined: ")) for row in planted if "quar" in row["expected"]
    }
    found = query(warehouse, f"select {key} as key, broken_rule from silver__quarantined_{table}")
    judged = {(row["key"], row["broken_rule"]) for row in found}
    # A checkout before the cart cannot be told where the cart's own event is damaged.
    unseen = expected - judged
    assert judged <= expected
    assert {rule for _, rule in unseen} <= {"events_out_of_order"}
    assert all(sum(other["key"].startswith(key[:16]) for other in planted) > 1 for key, _ in unseen)
    assert len(unseen) <= 3
    assert len(found) == len(judged) > 20
    kept = {row["key"] for row in query(warehouse, f"select {key} as key from silver__{table}")}
    assert {row["key"] for row in planted if row["expected"] in ("kept", "duplicate", "superseded")} <= kept
    doubled = query(
        warehouse, f"select count(*) as n from silver__stg_{table} where broken_rule is null and delivery_rank > 1"
    )
    assert doubled[0]["n"] == sum(row["expected"] in ("duplicate", "superseded") for row in planted)


def test_the_corrected_contact_is_the_one_that_counts(dirty: Path) -> None:
    stale = {
        row["key"]: row["planted"] for row in faults(dirty, "customer_contacts") if row["expected"] == "superseded"
    }
    rows = query(dirty / "warehouse", "select customer_unique_id, phone from silver__customer_contacts")
    phones = {row["customer_unique_id"]: row["phone"] for row in rows}
    assert len(stale) > 20
    assert all(phones[person] != phone for person, phone in stale.items())


def test_the_interaction_matrix_counts_what_people_did(dirty: Path) -> None:
    warehouse = dirty / "warehouse"
    totals = query(
        warehouse,
        "select sum(views) as views, sum(carts) as carts, sum(purchases) as purchases from gold__interaction_matrix",
    )[0]
    events = query(
        warehouse,
        "select event_type, count(*) as n from silver__clickstream_events "
        "where customer_unique_id is not null and product_id is not null "
        "and cast(event_at as date) <= (select as_of_date from silver__as_of) group by event_type",
    )
    seen = {row["event_type"]: row["n"] for row in events}
    assert (totals["views"], totals["carts"]) == (seen["product_view"], seen["add_to_cart"])
    bought = query(
        warehouse,
        "select count(*) as n from silver__order_items join silver__orders using (order_id) where is_revenue_order",
    )
    assert totals["purchases"] == bought[0]["n"]


def without_behaviour(warehouse: Path) -> list[dict[str, object]]:
    return query(
        warehouse,
        "select customer_unique_id, product_id, purchases, last_purchase_at from gold__interaction_matrix "
        "where purchases > 0 order by customer_unique_id, product_id",
    )


@pytest.mark.olist
def test_generated_behaviour_changes_no_figure_of_the_real_shop(
    olist_behaviour_warehouse: Path, olist_warehouse: Path
) -> None:
    compare: tuple[Callable[[Path], object], ...] = (
        without_behaviour,
        lambda warehouse: query(warehouse, "select * from gold__weekly_revenue order by week_start"),
        lambda warehouse: query(warehouse, "select * from gold__customer_360 order by customer_unique_id"),
        lambda warehouse: query(warehouse, "select * from gold__product_affinity order by 1, 2"),
        lambda warehouse: query(warehouse, "select * from silver__as_of"),
    )
    for figures in compare:
        assert figures(olist_behaviour_warehouse) == figures(olist_warehouse)
    seen = query(
        olist_behaviour_warehouse, "select sum(views) as views, sum(carts) as carts from gold__interaction_matrix"
    )
    assert seen[0]["views"] > 30_000
    assert seen[0]["carts"] > 20_000

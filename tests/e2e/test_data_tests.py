"""The project's own data tests catch what they are there for: each fails on a table with that fault."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.catalog import TableName
from tests.delta import query
from tests.runs import command, dbt

pytestmark = pytest.mark.slow


def test_each_data_test_fails_on_its_fault(shop_warehouse: Path, warehouse: Path) -> None:
    shutil.copytree(shop_warehouse, warehouse)

    def table(schema: str, name: str) -> DeltaTable:
        return DeltaTable(TableName(schema, name).path(warehouse))

    people = table("gold", "customer_360")
    write_deltalake(people, people.to_pyarrow_table().slice(0, 1), mode="append")
    table("gold", "interaction_matrix").update({"interaction_strength": "interaction_strength + 1"})
    weeks = [row["week_start"] for row in query(warehouse, "select week_start from gold__weekly_revenue order by 1")]
    table("gold", "weekly_revenue").delete(f"week_start = '{weeks[len(weeks) // 2]}'")
    pair = query(warehouse, "select product_id, other_product_id from gold__product_affinity limit 1")[0]
    table("gold", "product_affinity").delete(
        f"product_id = '{pair['product_id']}' and other_product_id = '{pair['other_product_id']}'"
    )
    seller = query(warehouse, "select seller_id from silver__sellers limit 1")[0]["seller_id"]
    table("silver", "sellers").delete(f"seller_id = '{seller}'")
    left, bought = (
        query(warehouse, f"select session_id from silver__carts where {which} limit 1")[0]["session_id"]
        for which in ("not is_bought and value_at_stake > 0", "is_bought and cart_value > 0")
    )
    table("silver", "carts").delete(f"session_id = '{left}'")
    table("silver", "carts").update({"value_at_stake": "1"}, predicate=f"session_id = '{bought}'")
    visit = query(warehouse, "select min(session_id) as session_id from silver__sessions where views > 0")[0]
    table("silver", "sessions").update({"events": "0"}, predicate=f"session_id = '{visit['session_id']}'")
    event = query(warehouse, "select max(event_id) as event_id from silver__clickstream_events")[0]["event_id"]
    table("silver", "clickstream_events").delete(f"event_id = '{event}'")
    table("silver", "products_history").update({"dbt_valid_to": "dbt_valid_from"}, predicate="weight_g > 8000")
    as_of = table("silver", "as_of")
    write_deltalake(as_of, pa.table(as_of.to_pyarrow_table()).slice(0, 1), mode="append")

    run = dbt(warehouse, "test")
    assert run.returncode == 1
    failed = set(re.findall(r"FAIL \d+ (\w+)", run.stdout))
    assert failed == {
        "grain_customer_360_customer_unique_id",
        "interaction_matrix_strength_is_positive_and_weighs_its_counts",
        "weekly_revenue_has_no_gap_weekly_revenue_",
        "weekly_revenue_reconciles_weekly_revenue_",
        "product_affinity_is_symmetric_product_affinity_",
        "rows_accounted_for_sellers_sellers",
        "relationships_order_items_seller_id__seller_id__ref_sellers_",
        "carts_are_those_of_the_sessions_carts_",
        "carts_that_are_bought_stake_nothing",
        "sessions_count_their_steps",
        "sessions_hold_every_event_once_sessions_",
        "products_history_is_of_today",
        "sellers_history_is_of_today",
        "clickstream_events_holds_the_newest_deliveries",
        "rows_accounted_for_clickstream_events_clickstream_events",
        "as_of_is_one_row_as_of_",
        "grain_as_of_as_of_date",
    }


def test_a_broken_row_is_quarantined_as_it_came_and_a_correction_replaces_the_sound_one(
    shop: Path, shop_warehouse: Path, warehouse: Path, tmp_path: Path
) -> None:
    shutil.copytree(shop_warehouse, warehouse)
    files = Path(shutil.copytree(shop, tmp_path / "files"))
    sellers = files / "olist_sellers_dataset.csv"
    header, first, *others = sellers.read_text().splitlines()
    seller, zip_code, _, state = first.split(",")
    moved = f"{seller},{zip_code},ouro preto,{state}"
    nobody = f'"",{zip_code},ninguém,{state}'
    sellers.write_text("\n".join([header, moved, *others, nobody]) + "\n")
    run = command(warehouse, "run", "--path", str(files))
    assert run.returncode == 0, run.stderr
    seller_id = seller.strip('"')
    assert query(warehouse, f"select city from silver__sellers where seller_id = '{seller_id}'") == [
        {"city": "ouro preto"}
    ]
    assert query(warehouse, "select broken_rule, seller_city from silver__quarantined_sellers") == [
        {"broken_rule": "seller_id_missing", "seller_city": "ninguém"}
    ]


def test_an_as_of_date_bounds_every_gold_table(shop_warehouse: Path, warehouse: Path) -> None:
    shutil.copytree(shop_warehouse, warehouse)
    run = dbt(warehouse, "build", "--vars", '{"as_of_date": "2017-09-30"}')
    assert run.returncode == 0, run.stdout[-2000:]
    bounded = query(
        warehouse,
        """select count(distinct o.order_id) as orders from silver__orders o
        join silver__order_items i on o.order_id = i.order_id
        where o.is_revenue_order and o.purchased_at < '2017-10-01'""",
    )[0]["orders"]
    assert 0 < bounded < 350
    orders = query(warehouse, "select sum(frequency) as orders from gold__customer_360")[0]["orders"]
    assert orders == bounded
    assert query(warehouse, "select sum(orders) as orders from gold__weekly_revenue")[0]["orders"] == bounded
    latest = query(warehouse, "select max(last_interaction_at) as latest from gold__interaction_matrix")[0]["latest"]
    assert latest.isoformat() < "2017-10-01"
    assert query(warehouse, "select max(order_count) as n from gold__int_product_affinity")[0]["n"] == bounded

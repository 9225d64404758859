"""The project's own data tests catch what they are there for: each fails on a table with that fault."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.catalog import TableName
from ml import data
from ml.data import Origin
from tests.delta import query
from tests.runs import command, dbt

pytestmark = pytest.mark.slow


NEWEST_LOST = {"clickstream_events": "event_id", "orders": "order_id", "carts": "session_id"}
DBTS_OWN = ("accepted_values", "not_null", "relationships")
FAULTS = {
    "carts": [{"value_at_stake": "1"}],
    "sessions": [{"events": "0"}],
    "products_history": [{"dbt_valid_to": "dbt_valid_from"}],
    "sellers_history": [{"dbt_valid_to": "dbt_valid_from"}],
    "channel_attribution": [{"conversions_linear": "journeys + 1", "revenue_linear": "revenue_last_touch + 1"}],
    "churn_examples": [
        {"days_since_last_order": "0", "days_to_next_purchase": "label_days", "orders": "orders + 1"},
        {"late_or_overdue_orders": "orders + 1"},
    ],
    "conversion_funnel": [{"sessions_with_cart": "sessions + 1", "carts_left": "carts_left + 1"}],
    "customer_360": [
        {"monetary": "-1", "r_score": "case when r_score is null then 1 end", "sessions": "sessions + 1"},
        {"late_orders": "delivered_orders + 1"},
    ],
    "customer_cohorts": [{"active_customers": "customers + 1"}],
    "customer_value": [
        {"probability_alive": "1.5", "days_first_to_last": "age_days + 1"},
        {"average_occasion_value": "average_occasion_value + 1", "expected_revenue": "expected_revenue + 1"},
    ],
    "dim_date": [{"iso_weekday": "iso_weekday + 1"}],
    "fct_order_items": [{"revenue": "price + 1", "delivery_days": "cast(null as int)"}],
    "fct_orders": [
        {
            "new_products": "items + 1",
            "next_order_date": "purchase_date",
            "installments": "cast(null as int)",
            "is_paid_with_boleto": "true",
        },
        {"order_value": "order_value + 1"},
    ],
    "fct_sessions": [{"is_cart_left": "true"}],
    "int_product_affinity": [{"order_count": "order_count + 1"}],
    "interaction_matrix": [{"purchases": "purchases + 1"}],
    "product_affinity": [
        {
            "other_product_id": "case when orders_together > 1 then product_id else other_product_id end",
            "orders_together": "orders_with_product + case when product_id < other_product_id then 1 else 2 end",
            "behaviour_provenance": "null",
        }
    ],
    "product_performance": [{"revenue_class": "'none'", "orders": "units + 1"}],
    "customer_risk": [
        {
            "repurchase_probability": "2",
            "method": "'none'",
            "segment": "'none'",
            "expected_basket": "-1",
            "orders": "orders + 1",
        }
    ],
    "whale_call_list": [{"full_name": "'Ana'", "has_consent": "false", "ranked_by": "'none'", "spend": "spend + 1"}],
    "inventory_plan": [{"advice": "'none'"}],
    "weekly_performance": [{"first_order_revenue": "revenue + 1", "new_customers": "new_customers + 1"}],
    "executive_overview": [
        {"revenue": "revenue + 1", "change_from_orders": "change_from_orders + 1", "period": "'none'"},
        {"weeks": "13", "period": "'current'"},
    ],
    "sales_breakdown": [{"revenue": "revenue + 1"}],
    "revenue_outlook": [{"forecast": "upper_80 + 1"}],
    "forecast_errors": [{"error": "error + 1"}],
    "forecast_accuracy": [{"bias": "wape + 1"}],
    "segment_summary": [{"people": "people + 1", "callable_people": "people + 1"}],
    "risk_grid": [{"people": "people + 1"}],
    "customer_offers": [{"next_product_id": "null", "buy_again_product_id": "null"}],
    "retention_campaign": [
        {"is_within_cap": "true", "is_reachable": "false", "is_compared": "true", "campaign_group": "'control'"}
    ],
    "report_status": [{"people_at_reporting_date": "0", "repeat_customers": "customers + 1"}],
    "model_status": [{"measured": "measured_high + 1"}],
    "weekly_revenue": [{"week_start": "week_start + interval '1' day"}],
}


def test_each_data_test_fails_on_its_fault(shop_warehouse: Path, warehouse: Path) -> None:
    """No data test of ours passes on tables in which everything that they speak of is wrong: those of the marts
    beside sound Gold and Silver first, then Gold's, then Silver's."""
    shutil.copytree(shop_warehouse, warehouse)
    pretend_to_have_scored(warehouse)
    assert dbt(warehouse, "run", "--selector", "marts").returncode == 0
    target = warehouse.parent / "dbt_target"
    nodes: dict[str, Any] = json.loads((target / "manifest.json").read_text())["nodes"]
    passed: dict[str, str] = {}
    fill_in_nonsense(warehouse)
    for layer in ("marts", "gold", "silver"):
        for node in nodes.values():
            of = "marts" if "/marts/" in node["original_file_path"] else node["schema"]
            if node["resource_type"] in ("model", "snapshot") and of == layer:
                spoil(warehouse, node)
        run = dbt(warehouse, "test", "--selector", layer)
        assert run.returncode == 1
        for result in json.loads((target / "run_results.json").read_text())["results"]:
            test = nodes.get(result["unique_id"], {})
            if (test.get("test_metadata") or {}).get("name", DBTS_OWN[0]) not in DBTS_OWN:
                passed[test["name"]] = result["status"]
    assert len(passed) > 90
    assert {name: status for name, status in passed.items() if status != "fail"} == {}


def pretend_to_have_scored(warehouse: Path) -> None:
    """A forecast of two weeks, how good such were, and products to propose: without them some marts have no rows."""
    weeks = pd.DataFrame({"week_start": [date(2018, 8, 20), date(2018, 8, 27)], "horizon": [1, 2]})
    units = dict.fromkeys(("forecast", "lower_80", "upper_80"), 1.0)
    money = dict.fromkeys(units, Decimal("1.00"))
    sums = {f"cumulative_{name}": value for name, value in units.items()}
    demand = weeks.assign(level="category", series="toys", method="mean_12", **units, **sums)
    revenue = weeks.assign(level="total", series="total", method="mean_12", **money)
    backtest = weeks.assign(
        series="total", model="mean_12", is_champion=True, origin_week=date(2018, 8, 13), actual=Decimal(2), **money
    )
    offers = pd.DataFrame({"customer_unique_id": ["ana"], "product_id": ["lamp"], "rank": [1], "score": [1.0]})
    metrics = pd.DataFrame({"subject": ["candidate"], "metric": ["wape"], "value": [0.1], "is_promoted": [True]})
    origin = Origin("forecast", 1, date(2018, 8, 19), datetime(2018, 8, 20, tzinfo=UTC))
    data.write(
        warehouse,
        {
            "demand_forecast": demand,
            "revenue_forecast": revenue,
            "forecast_backtest": backtest,
            "product_recommendations": offers.assign(method="popular_in_state"),
            "buy_again": offers,
            "model_metrics": metrics.assign(value_low=0.05, value_high=0.2),
        },
        origin,
    )


def fill_in_nonsense(warehouse: Path) -> None:
    """Two rows of one key in the seeds that people fill in, which come empty."""
    nonsense = {
        "inventory": {"category": ["toys"] * 2, "stock_units": [1, 1], "lead_time_weeks": [9, 9]},
        "executive_targets": {"metric": ["profit"] * 2, "weeks": [4, 4], "target": [Decimal(1)] * 2},
    }
    for seed, columns in nonsense.items():
        table = DeltaTable(TableName("gold", seed).path(warehouse))
        schema = pa.table(table.to_pyarrow_table()).schema
        write_deltalake(table, pa.table(columns).select(schema.names).cast(schema), mode="append")


def spoil(warehouse: Path, node: dict[str, Any]) -> None:
    """Put a row in twice, nulls where none may be, and the faults above."""
    faults = FAULTS.get(node["name"], [])
    if node["name"].startswith(("int_", "quarantined_")) and not faults:
        return
    table = DeltaTable(TableName(node["schema"], node["name"]).path(warehouse))
    first = pa.table(table.to_pyarrow_table()).slice(0, 1)
    required = [
        column["name"]
        for column in node["columns"].values()
        if any(constraint["type"] == "not_null" for constraint in column.get("constraints") or [])
    ]
    without = [first]
    if required:
        place = first.column_names.index(
            [name for name in required if not any(name in fault for fault in faults)][-1]
        )
        field = first.schema.field(place).with_nullable(True)
        without = [first.set_column(place, field, pa.nulls(1, field.type))]
    write_deltalake(table, pa.concat_tables([first, *without]), mode="append")
    for fault in faults:
        table.update(fault)
    if node["name"] in NEWEST_LOST:
        key = NEWEST_LOST[node["name"]]
        largest = query(warehouse, f"select max({key}) as key from silver__{node['name']}")[0]["key"]
        table.delete(f"{key} = '{largest}'")


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
    for words in (("ingest", "--path", str(files)), ("build", "--layer", "silver")):
        run = command(warehouse, *words)
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
    run = dbt(warehouse, "build", "--exclude-resource-type", "unit_test", "--vars", '{"as_of_date": "2017-09-30"}')
    assert run.returncode == 0, run.stdout[-2000:]
    bounded = query(
        warehouse,
        """select count(distinct o.order_id) as orders from silver__orders o
        join silver__order_items i on o.order_id = i.order_id
        where o.is_revenue_order and o.purchased_at < '2017-10-01'""",
    )[0]["orders"]
    assert 0 < bounded < 350
    for orders in (
        "sum(frequency) as n from gold__customer_360",
        "sum(orders) as n from gold__weekly_revenue",
        "max(order_count) as n from gold__int_product_affinity",
        "count(distinct order_id) as n from gold__fct_order_items where is_revenue_order",
        "count(*) as n from gold__fct_orders where is_revenue_order and items > 0",
    ):
        assert query(warehouse, f"select {orders}")[0]["n"] == bounded, orders
    for latest in (
        "max(last_interaction_at) as latest from gold__interaction_matrix",
        "greatest(max(purchase_date), max(delivery_date)) as latest from gold__fct_orders",
        "max(started_at) as latest from gold__fct_sessions",
        "max(last_sold_at) as latest from gold__product_performance",
        "max(active_month) as latest from gold__customer_cohorts",
        "max(reference_date) as latest from gold__churn_examples",
        "max(reporting_date) as latest from gold__customer_value",
    ):
        assert query(warehouse, f"select {latest}")[0]["latest"].isoformat() < "2017-10-01", latest

"""What the ml tables hold, and what is not let into them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]
from deltalake import DeltaTable

from lakehouse import catalog
from lakehouse.catalog import TableName
from lakehouse.settings import DBT_PROJECT
from ml import data
from ml.contracts import CONTRACTS, ORIGIN
from ml.data import Origin, conform
from tests.delta import query

ORIGIN_OF_TEST = Origin("forecast", 3, date(2018, 8, 19), datetime(2018, 9, 1, tzinfo=UTC))


def forecasts(**columns: object) -> pd.DataFrame:
    rows = {
        "level": ["total", "state"],
        "series": ["total", "SP"],
        "week_start": pd.to_datetime(["2018-08-20", "2018-08-20"]),
        "horizon": [1, 1],
        "forecast": [1234.567, 0.1],
        "lower_80": [1000.0, 0.0],
        "upper_80": [2000.0, 1.0],
        "method": ["mean", "mean"],
    }
    return pd.DataFrame(rows | columns)


def test_the_tables_are_those_of_the_design() -> None:
    assert set(CONTRACTS) == {
        *("product_recommendations", "similar_products", "buy_again", "churn_scores", "revenue_forecast"),
        *("demand_forecast", "forecast_backtest", "model_metrics", "drift"),
    }
    fixed = {
        "product_recommendations": {"customer_unique_id", "product_id", "rank", "score"},
        "churn_scores": {"customer_unique_id", "churn_probability", "decile", "method"},
        "revenue_forecast": {"series", "week_start", "horizon", "forecast", "lower_80", "upper_80"},
        "forecast_backtest": {"series", "model", "is_champion", "origin_week", "week_start", "horizon"},
    }
    for name, columns in fixed.items():
        assert columns <= set(CONTRACTS[name].schema.names), name


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_row_says_which_model_wrote_it_and_keys_are_required(name: str) -> None:
    contract = CONTRACTS[name]
    assert contract.schema.names[-4:] == [field.name for field in ORIGIN]
    assert set(contract.key) <= {field.name for field in contract.columns if not field.nullable}
    plain = {pa.string(), pa.int32(), pa.float64(), pa.date32(), pa.bool_(), pa.decimal128(18, 2), ORIGIN[-1].type}
    assert {field.type for field in contract.schema} <= plain


def test_dbt_knows_them_as_they_are() -> None:
    (source,) = yaml.safe_load((DBT_PROJECT / "models" / "ml" / "_sources.yml").read_text())["sources"]
    described = {table["name"]: [column["name"] for column in table["columns"]] for table in source["tables"]}
    assert described == {name: contract.schema.names for name, contract in CONTRACTS.items()}
    assert all(table["description"].startswith("One row per ") for table in source["tables"])


def test_they_are_made_empty_and_left_alone_afterwards(warehouse: Path) -> None:
    catalog.prepare(warehouse)
    data.prepare(warehouse)
    assert [table.name for table in catalog.tables(warehouse, ["ml"])] == sorted(CONTRACTS)
    data.write(warehouse, {"revenue_forecast": forecasts()}, ORIGIN_OF_TEST)
    data.prepare(warehouse)
    for name, contract in CONTRACTS.items():
        delta = DeltaTable(TableName("ml", name).path(warehouse))
        fields = {field.name: field.nullable for field in delta.schema().fields}
        assert fields == {field.name: field.nullable for field in contract.schema}
        assert delta.count() == (2 if name == "revenue_forecast" else 0)


def test_values_are_cast_and_the_origin_is_added() -> None:
    first = conform("revenue_forecast", forecasts(), ORIGIN_OF_TEST).to_pylist()[0]
    assert first == {
        **{"level": "state", "series": "SP", "week_start": date(2018, 8, 20), "horizon": 1},
        **{"forecast": Decimal("0.10"), "lower_80": Decimal("0.00"), "upper_80": Decimal("1.00"), "method": "mean"},
        **ORIGIN_OF_TEST._asdict(),
    }


def test_money_is_rounded_to_cents() -> None:
    table = conform("revenue_forecast", forecasts(forecast=[Decimal("2.675"), Decimal("1")]), ORIGIN_OF_TEST)
    assert set(table["forecast"].to_pylist()) == {Decimal("2.68"), Decimal("1.00")}


def test_rows_do_not_depend_on_the_order_they_come_in() -> None:
    backwards = forecasts().iloc[::-1, ::-1]
    assert conform("revenue_forecast", backwards, ORIGIN_OF_TEST).equals(
        conform("revenue_forecast", forecasts(), ORIGIN_OF_TEST)
    )


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (forecasts().drop(columns="method"), r"lacks \['method'\]"),
        (forecasts(more=1), r"has no place for \['more'\]"),
        (forecasts(forecast=[1.0, float("nan")]), "forecast has 1 nulls"),
        (forecasts(series=["total", None]), "series has 1 nulls"),
        (forecasts(forecast=[1e300, 1.0]), "forecast cannot hold"),
        (forecasts(horizon=[1.5, 1.0]), "horizon cannot hold"),
        (forecasts(horizon=[2**40, 1]), "horizon cannot hold"),
        (pd.concat([forecasts(), forecasts()]), "two rows with the same level, series, week_start"),
    ],
)
def test_what_does_not_fit_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=rf"ml\.revenue_forecast.*{message}"):
        conform("revenue_forecast", frame, ORIGIN_OF_TEST)


def test_new_rows_replace_the_old_ones(warehouse: Path) -> None:
    catalog.prepare(warehouse)
    data.write(warehouse, {"revenue_forecast": forecasts()}, ORIGIN_OF_TEST)
    written = data.write(
        warehouse, {"revenue_forecast": forecasts().head(1)}, ORIGIN_OF_TEST._replace(model_version=4)
    )
    assert written == {"revenue_forecast": 1}
    assert query(warehouse, "select series, model_version from ml__revenue_forecast") == [
        {"series": "total", "model_version": 4}
    ]


def test_where_history_is_kept_only_the_same_version_and_day_is_replaced(warehouse: Path) -> None:
    catalog.prepare(warehouse)
    drift = pd.DataFrame({"kind": ["feature"], "feature": ["orders"], "psi": [0.1], "level": ["none"]})
    later = ORIGIN_OF_TEST._replace(as_of_date=date(2018, 8, 26))
    for psi, origin in (
        (0.1, ORIGIN_OF_TEST),
        (0.2, later),
        (0.3, ORIGIN_OF_TEST._replace(model_version=4)),
        (0.4, later),
    ):
        data.write(warehouse, {"drift": drift.assign(psi=psi)}, origin)
    rows = query(warehouse, "select psi from ml__drift order by psi")
    assert [row["psi"] for row in rows] == [0.1, 0.3, 0.4]


def test_a_version_has_the_metrics_of_one_training(warehouse: Path) -> None:
    catalog.prepare(warehouse)
    metrics = pd.DataFrame(
        {
            "subject": ["candidate"],
            "metric": ["mae"],
            "value_low": [None],
            "value_high": [None],
            "is_promoted": [True],
        }
    )
    later = ORIGIN_OF_TEST._replace(as_of_date=date(2018, 8, 26))
    for value, origin in ((1.0, ORIGIN_OF_TEST), (2.0, ORIGIN_OF_TEST._replace(model_version=4)), (3.0, later)):
        data.write(warehouse, {"model_metrics": metrics.assign(value=value)}, origin)
    rows = query(warehouse, "select value from ml__model_metrics order by value")
    assert [row["value"] for row in rows] == [2.0, 3.0]


def test_if_one_frame_does_not_fit_no_table_is_written(warehouse: Path) -> None:
    catalog.prepare(warehouse)
    with pytest.raises(ValueError, match="drift"):
        data.write(warehouse, {"revenue_forecast": forecasts(), "drift": forecasts()}, ORIGIN_OF_TEST)
    assert catalog.tables(warehouse, ["ml"]) == []

"""A small shop with scores, made once for the tests of all that shows them."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.catalog import TableName
from ml import data
from ml.data import Origin
from tests.conftest import Once
from tests.delta import query
from tests.runs import dbt

TARGET = {"metric": "revenue", "weeks": 4, "target": Decimal("1000.0000")}


@pytest.fixture(scope="session")
def scored_warehouse(shop_warehouse: Path, once: Once) -> Path:
    """The small shop as if models had scored: chances, a forecast with its past, products to propose, a target."""

    def fill(folder: Path) -> None:
        warehouse = Path(shutil.copytree(shop_warehouse, folder / "warehouse"))
        _score(warehouse)
        run = dbt(warehouse, "run", "--selector", "marts")
        assert run.returncode == 0, run.stdout[-2000:]
        targets = DeltaTable(TableName("gold", "executive_targets").path(warehouse))
        schema = pa.table(targets.to_pyarrow_table()).schema
        write_deltalake(targets, pa.Table.from_pylist([TARGET], schema), mode="append")

    return once("scored", fill) / "warehouse"


def _score(warehouse: Path) -> None:
    [as_of] = query(warehouse, "select * from silver__as_of")
    people = query(
        warehouse,
        "select customer_unique_id from gold__churn_examples where label_days = 0 order by customer_unique_id",
    )
    products = query(warehouse, "select product_id from gold__dim_product order by product_id")
    last: date = as_of["last_complete_week"]
    origin = Origin("forecast", 3, as_of["reporting_date"], datetime(2018, 9, 1, tzinfo=UTC))
    data.write(
        warehouse,
        {
            "revenue_forecast": pd.DataFrame(
                {
                    "level": level,
                    "series": series,
                    "week_start": last + timedelta(weeks=ahead),
                    "horizon": ahead,
                    "forecast": Decimal(100 * share + ahead),
                    "lower_80": Decimal(80 * share),
                    "upper_80": Decimal(120 * share + ahead),
                    "method": "mean_12",
                }
                for level, series, share in (("total", "total", 3), ("category", "a", 2), ("category", "b", 1))
                for ahead in (1, 2, 3, 4)
            ),
            "demand_forecast": pd.DataFrame(
                {
                    "level": "category",
                    "series": series,
                    "week_start": last + timedelta(weeks=ahead),
                    "horizon": ahead,
                    "forecast": 5.0,
                    "lower_80": 4.0,
                    "upper_80": 6.0,
                    "cumulative_forecast": 5.0 * ahead,
                    "cumulative_lower_80": 4.0 * ahead,
                    "cumulative_upper_80": 6.0 * ahead,
                    "method": "mean_12",
                }
                for series in ("a", "b")
                for ahead in (1, 2, 3, 4)
            ),
            "forecast_backtest": pd.DataFrame(
                {
                    "series": "total",
                    "model": name,
                    "is_champion": name == "mean_12",
                    "origin_week": last - timedelta(weeks=back + ahead),
                    "week_start": last - timedelta(weeks=back),
                    "horizon": ahead,
                    "forecast": Decimal(90 + 7 * back + bias * ahead),
                    "lower_80": Decimal(70 + 7 * back) if bias == 1 else None,
                    "upper_80": Decimal(110 + 7 * back) if bias == 1 else None,
                    "actual": Decimal(100 + 11 * (back % 3) * 5),
                }
                for name, bias in (("mean_12", 1), ("naive", 9))
                for back in range(6)
                for ahead in (1, 2)
            ),
        },
        origin,
    )
    data.write(
        warehouse,
        {
            "churn_scores": pd.DataFrame(
                {
                    **person,
                    "churn_probability": 1 - (place % 9 + 1) / 20,
                    "repurchase_probability": (place % 9 + 1) / 20,
                    "previous_repurchase_probability": (place % 7 + 1) / 20 if place % 4 else None,
                    "decile": place % 10 + 1,
                    "method": "logistic",
                    "reason_1": "one order so far",
                    "reason_2": "bought long ago",
                    "reason_3": None,
                }
                for place, person in enumerate(people)
            )
        },
        origin._replace(model_name="churn", model_version=2),
    )
    offers = pd.DataFrame(
        {**person, **products[place % len(products)], "rank": 1, "score": 0.5} for place, person in enumerate(people)
    )
    data.write(
        warehouse,
        {"product_recommendations": offers.assign(method="popular_in_state"), "buy_again": offers.iloc[::3]},
        origin,
    )
    metrics = pd.DataFrame(
        {"subject": subject, "metric": "wape", "value": value, "is_promoted": subject == "candidate"}
        for subject, value in (("candidate", 0.14), ("naive", 0.17), ("mean_12", 0.16))
    )
    data.write(warehouse, {"model_metrics": metrics.assign(value_low=None, value_high=None)}, origin)

"""The same dbt project on Apache Spark gives the tables that the embedded engine gives, row by row.

Here on the small shop and without dbt's tests, so that every change can wait for it. ``make parity`` runs all of it:
the real shop with unit tests, checks and models (tests/parity/test_olist_parity.py), and a cluster.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lakehouse.catalog import MARKER
from tests.delta import contents, differences, drop_times
from tests.runs import SHORT_SPARK, dbt

pytestmark = [pytest.mark.spark, pytest.mark.slow]
SCHEMAS = ("silver", "gold")


@pytest.mark.usefixtures("java")
def test_every_table_of_the_small_shop_is_the_same_on_spark(shop_warehouse: Path, tmp_path: Path) -> None:
    spark = tmp_path / "spark"
    for name in ("bronze", "ml"):
        shutil.copytree(shop_warehouse / name, spark / name)
    shutil.copy(shop_warehouse / MARKER, spark)
    kinds = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    build = dbt(spark, "build", "--target", "spark", *kinds, **SHORT_SPARK)
    assert build.returncode == 0, build.stdout[-3000:]
    ours = drop_times(contents(shop_warehouse, SCHEMAS))
    assert {"customers", "products_history", "customer_360", "int_product_affinity", "inventory_plan"} <= {
        table.name for table in ours
    }
    assert differences(ours, drop_times(contents(spark, SCHEMAS))) == []

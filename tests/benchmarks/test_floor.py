"""The floor is honest if it makes the same tables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from benchmarks import floor
from lakehouse import catalog


@pytest.fixture(scope="module")
def script(shop_warehouse: Path) -> list[floor.Statement]:
    """What dbt compiled when the small shop was built."""
    return floor.statements(shop_warehouse.parent / "dbt_target")


@pytest.fixture(scope="module")
def database(shop_warehouse: Path, script: list[floor.Statement], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("floor") / "floor.duckdb"
    floor.run(script, shop_warehouse, path)
    return path


def different(database: Path, warehouse: Path, table: catalog.TableName) -> int:
    """How many rows only one of the two has; columns are compared under the types of the built table."""
    built: Any = DeltaTable(table.path(warehouse)).to_pyarrow_table()
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("built", built)
        columns = ", ".join(
            f'cast("{name}" as {kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")}) as "{name}"'
            for name, kind, *_ in connection.execute("describe built").fetchall()
        )
        ours, floors = f"select {columns} from built", f"select {columns} from {table}"
        count = "select count(*) from ({} except all {})"
        (one,), (other,) = (
            connection.execute(count.format(*pair)).fetchall()[0] for pair in ((ours, floors), (floors, ours))
        )
    return int(one + other)


def test_the_floor_makes_the_tables_that_the_project_makes(
    shop_warehouse: Path, script: list[floor.Statement], database: Path
) -> None:
    made = {statement.table for statement in script}
    tables = [table for table in catalog.tables(shop_warehouse, ["silver", "gold"]) if str(table) in made]
    assert len(tables) == len(made) > 40
    assert {str(table): different(database, shop_warehouse, table) for table in tables} == dict.fromkeys(made, 0)


def test_only_what_hangs_on_python_models_is_left_out(script: list[floor.Statement], shop_warehouse: Path) -> None:
    compiled = shop_warehouse.parent / "dbt_target" / "compiled" / "lakehouse" / "models"
    models = {
        f"{layer}.{path.stem}"
        for layer in floor.LAYERS
        for path in (compiled / layer).rglob("*.sql")
        if path.parent.suffix != ".yml"
    }
    left_out = models - {statement.table for statement in script}
    assert left_out == {"gold.channel_attribution", "gold.customer_value", "gold.product_affinity"}


def test_another_table_is_told_apart(shop_warehouse: Path, database: Path, tmp_path: Path) -> None:
    name = catalog.TableName("gold", "weekly_revenue")
    changed = tmp_path / "changed.duckdb"
    shutil.copy(database, changed)
    with duckdb.connect(str(changed)) as connection:
        newest = "week_start = (select max(week_start) from gold.weekly_revenue)"
        connection.execute(f"update gold.weekly_revenue set revenue = revenue + 0.01 where {newest}").fetchall()
    assert different(changed, shop_warehouse, name) == 2


@pytest.mark.parametrize(
    ("dividend", "divisor", "quotient"),
    [
        ("0.05", "2", "0.03"),
        ("-0.05", "2", "-0.03"),
        ("0.10", "3", "0.03"),
        ("2.00", "0.40", "5.00"),
        ("1.00", "null", "None"),
    ],
)
def test_quotients_are_rounded_as_on_spark(dividend: str, divisor: str, quotient: str) -> None:
    query = f"select cast(cast({dividend} as decimal(18, 2)) / nullif({divisor}, 0) as decimal(18, 2)) as it"
    with duckdb.connect() as connection:
        connection.execute(floor.QUOTIENT)
        assert str(connection.execute(floor.translated(query)).fetchall()[0][0]) == quotient

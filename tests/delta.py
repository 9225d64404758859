"""Reading Delta tables in tests, without the engine that wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from lakehouse import catalog
from lakehouse.catalog import TableName


def query(warehouse: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of a query over the warehouse; tables are named schema__table."""
    builder = QueryBuilder()
    for table in catalog.tables(warehouse):
        if f"{table.schema}__{table.name}" in sql:
            builder = builder.register(f"{table.schema}__{table.name}", DeltaTable(table.path(warehouse)))
    return pa.table(builder.execute(sql).read_all()).to_pylist()


def content(warehouse: Path, table: TableName) -> pa.Table:
    """A table's rows in an order that only depends on the rows, columns sorted by name."""
    rows = DeltaTable(table.path(warehouse)).to_pyarrow_table()
    names = sorted(rows.column_names)
    return rows.select(names).sort_by([(name, "ascending") for name in names])


def contents(warehouse: Path, schemas: tuple[str, ...] = ("bronze", "silver", "gold")) -> dict[TableName, pa.Table]:
    """The content of every table; reading it all proves that it can be read."""
    return {table: content(warehouse, table) for table in catalog.tables(warehouse, schemas)}


def drop_times(tables: dict[TableName, pa.Table]) -> dict[TableName, pa.Table]:
    """Without the one column that says when a row was taken in: two warehouses are filled at different times."""
    return {
        name: rows.drop_columns(["_ingested_at"]) if "_ingested_at" in rows.column_names else rows
        for name, rows in tables.items()
    }


def differences(one: dict[TableName, pa.Table], other: dict[TableName, pa.Table]) -> list[str]:
    """In words, what differs between two warehouses, to the last digit."""
    found = [f"{table} is in one of the two only" for table in sorted(one.keys() ^ other.keys())]
    for table in sorted(one.keys() & other.keys()):
        left, right = one[table], other[table]
        if left.schema.names != right.schema.names:
            found.append(f"{table} has the columns {left.schema.names}, or {right.schema.names}")
        elif left.num_rows != right.num_rows:
            found.append(f"{table} has {left.num_rows} rows, or {right.num_rows}")
        else:
            found += [f"{table}.{name} differs" for name in left.schema.names if not left[name].equals(right[name])]
    return found

"""Tables as everything but dbt sees them: their versions, their sizes, and the way back to an earlier state."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pyspark.sql import SparkSession

from lakehouse import catalog
from lakehouse.catalog import TableName

Versions = dict[TableName, int]


def versions(warehouse: Path, schemas: Iterable[str]) -> Versions:
    """The Delta version of every table in the schemas.

    Raises:
        LakehouseError: a table cannot be read.
    """
    return {
        table: catalog.open_delta(warehouse, table).version() for table in catalog.tables(warehouse, schemas)
    }


def restore(
    session: SparkSession, engine: str, warehouse: Path, schemas: Iterable[str], before: Versions
) -> list[TableName]:
    """Bring every table of the schemas back to the state noted in ``before``.

    A changed table gets a new version with the old content, so the failed versions stay for inspection;
    a table that did not exist is dropped.

    Returns:
        The tables that were changed back or dropped.
    """
    touched = []
    for table, version in versions(warehouse, schemas).items():
        if table not in before:
            catalog.drop(session, warehouse, table)
        elif version != before[table]:
            catalog.open_delta(warehouse, table).restore(before[table])
            catalog.register(session, engine, warehouse, table)
        else:
            continue
        touched.append(table)
    return touched


def row_count(warehouse: Path, table: TableName) -> int:
    """The number of rows, from the Delta log alone."""
    return catalog.open_delta(warehouse, table).count()

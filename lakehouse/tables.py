"""Tables as everything but dbt sees them: their versions, their sizes, and the way back to an earlier state."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse import catalog, lock
from lakehouse.catalog import TableName
from lakehouse.errors import disk_errors_explained

Versions = dict[TableName, int]


def versions(warehouse: Path, schemas: Iterable[str]) -> Versions:
    """The Delta version of every table in the schemas.

    Raises:
        LakehouseError: a table cannot be read.
    """
    return {table: catalog.open_delta(warehouse, table).version() for table in catalog.tables(warehouse, schemas)}


def restore(warehouse: Path, schemas: Iterable[str], before: Versions) -> list[TableName]:
    """Bring every table of the schemas back to the state noted in ``before``, on disk.

    A changed table gets a new version with the old content, so the failed versions stay for inspection;
    a table that did not exist is removed. An open session does not notice: close it.

    Returns:
        The tables that were changed back or removed.
    """
    touched = []
    for table, version in versions(warehouse, schemas).items():
        if table not in before:
            shutil.rmtree(table.path(warehouse))
        elif version != before[table]:
            catalog.open_delta(warehouse, table).restore(before[table])
        else:
            continue
        touched.append(table)
    return touched


@contextmanager
def writing(warehouse: Path, schemas: Iterable[str]) -> Iterator[None]:
    """The way to write: alone, all or nothing.

    Makes the warehouse if it is missing and holds its write lock; whatever goes wrong inside the block, the
    schemas' tables are then as they were before it.

    Raises:
        LakehouseError: the folder is not ours, another process is writing, or the disk is full or read-only.
    """
    schemas = tuple(schemas)
    with disk_errors_explained(warehouse):
        catalog.prepare(warehouse)
        with lock.writing(warehouse):
            before = versions(warehouse, schemas)
            try:
                yield
            except BaseException:
                restore(warehouse, schemas, before)
                raise


def row_count(warehouse: Path, table: TableName) -> int:
    """The number of rows, from the Delta log alone."""
    return int(catalog.open_delta(warehouse, table).count())

"""Tables as everything but dbt sees them: their versions, their sizes, and the way back to an earlier state."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deltalake.exceptions import DeltaError

from lakehouse import catalog, lock
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError, disk_errors_explained

Versions = dict[TableName, int]


def versions(warehouse: Path, schemas: Iterable[str]) -> Versions:
    """The Delta version of every table in the schemas.

    Raises:
        LakehouseError: a table cannot be read.
    """
    return {table: catalog.open_delta(warehouse, table).version() for table in catalog.tables(warehouse, schemas)}


def restore(warehouse: Path, schemas: Iterable[str], before: Versions) -> None:
    """Bring every table of the schemas back to the state noted in ``before``, on disk.

    A changed table gets a new version with the old content, so the failed versions stay for inspection;
    a table that did not exist is removed. An open session does not notice: close it.

    Raises:
        LakehouseError: some tables could not be put back; all others were, and the message names those.
    """
    stuck = {}
    # New tables go first: that frees the space which the others may need.
    for table in sorted(catalog.tables(warehouse, schemas), key=lambda table: table in before):
        try:
            if table not in before:
                shutil.rmtree(table.path(warehouse))
            elif (delta := catalog.open_delta(warehouse, table)).version() != before[table]:
                delta.restore(before[table])
        except (LakehouseError, DeltaError, OSError) as error:
            stuck[table] = str(error).splitlines()[0]
    if stuck:
        names = "; ".join(f"{table} ({reason})" for table, reason in stuck.items())
        raise LakehouseError(
            f"These tables hold the state of a failed step and could not be put back: {names}.",
            "Free space or give write access, then run the command again: it builds them anew.",
        )


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

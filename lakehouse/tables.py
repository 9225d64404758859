"""Tables as everything but dbt sees them: their versions, their sizes, and the way back to an earlier state."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake
from deltalake.exceptions import DeltaError

from lakehouse import catalog, lock
from lakehouse.appender import create_if_missing
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError, disk_errors_explained

Versions = dict[TableName, int]
FAILED_VERSIONS = TableName("quality", "failed_versions")


def versions(warehouse: Path, schemas: Iterable[str]) -> Versions:
    """The Delta version of every table in the schemas.

    Raises:
        LakehouseError: a table cannot be read.
    """
    return {table: catalog.open_delta(warehouse, table).version() for table in catalog.tables(warehouse, schemas)}


def restore(warehouse: Path, schemas: Iterable[str], before: Versions) -> Versions:
    """Bring every table of the schemas back to the state noted in ``before``, on disk.

    A changed table gets a new version with the old content, so the failed versions stay for inspection;
    a table that did not exist is removed. An open session does not notice: close it.

    Returns:
        The version that each table had which got its old content back.

    Raises:
        LakehouseError: some tables could not be put back; all others were, and the message names those.
    """
    stuck = {}
    failed = {}
    # New tables go first: that frees the space which the others may need.
    for table in sorted(catalog.tables(warehouse, schemas), key=lambda table: table in before):
        try:
            if table not in before:
                shutil.rmtree(table.path(warehouse))
            elif (version := (delta := catalog.open_delta(warehouse, table)).version()) != before[table]:
                delta.restore(before[table])
                failed[table] = version
        except (LakehouseError, DeltaError, OSError) as error:
            stuck[table] = str(error).splitlines()[0]
    if stuck:
        names = "; ".join(f"{table} ({reason})" for table, reason in stuck.items())
        raise LakehouseError(
            f"These tables hold the state of a failed step and could not be put back: {names}.",
            "Free space or give write access, then run the command again: it builds them anew.",
        )
    return failed


@contextmanager
def writing(warehouse: Path, schemas: Iterable[str]) -> Iterator[Versions]:
    """The way to write: alone, all or nothing.

    Makes the warehouse if it is missing and holds its write lock; whatever goes wrong inside the block, the
    schemas' tables are then as they were before it.

    Yields:
        The failed versions: empty, until the block fails and tables have been put back.

    Raises:
        LakehouseError: the folder is not ours, another process is writing, or the disk is full or read-only.
    """
    schemas = tuple(schemas)
    with disk_errors_explained(warehouse):
        catalog.prepare(warehouse)
        with lock.writing(warehouse):
            before = versions(warehouse, schemas)
            failed: Versions = {}
            try:
                yield failed
            except BaseException:
                failed.update(restore(warehouse, schemas, before))
                raise


def note_failed(warehouse: Path, run_id: str, failed: Versions) -> None:
    """Keep which versions a failed step left in the logs, so that they can be looked at."""
    if failed:
        rows = {
            "run_id": [run_id] * len(failed),
            "layer": [table.schema for table in failed],
            "table_name": [table.name for table in failed],
            "version": list(failed.values()),
        }
        append(warehouse, FAILED_VERSIONS, pa.table(rows))


def append(warehouse: Path, table: TableName, rows: pa.Table) -> None:
    """Add rows to a table, which is made if it is missing.

    Raises:
        DeltaError: the folder cannot be written.
    """
    create_if_missing(table.path(warehouse), rows.schema)
    write_deltalake(table.path(warehouse), rows, mode="append")


def row_count(warehouse: Path, table: TableName) -> int:
    """The number of rows, from the Delta log alone."""
    return int(catalog.open_delta(warehouse, table).count())

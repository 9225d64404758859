"""Tables as everything but dbt sees them: their versions, their sizes, and the way back to an earlier state."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import DeltaError
from filelock import FileLock

from lakehouse import catalog, lock, replacing, unity, written
from lakehouse.appender import create_if_missing
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError, disk_errors_explained, is_disk_full
from lakehouse.unity import Unity

Place = Path | Unity
"""Where tables are: a folder, or Unity Catalog."""
Versions = dict[TableName, int]
FAILED_VERSIONS = TableName("quality", "failed_versions")
STEP = ".step.json"
"""The file of a warehouse that says what to go back to if the step under way is killed."""


def place(target: str, warehouse: Path) -> Place:
    """Where a target's tables are."""
    return unity.opened() if target == "databricks" else warehouse


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Alone: the folder is ours, and nobody else writes to it. On Databricks the job sees to that.

    Raises:
        LakehouseError: the folder is not ours, another process is writing, or the disk is full or read-only.
    """
    if isinstance(place, Unity):
        yield
        return
    with disk_errors_explained(place):
        catalog.prepare(place)
        held = acquire(place)
    try:
        yield
    finally:
        held.release()


def acquire(warehouse: Path) -> FileLock:
    """Take the write lock of a warehouse, and put back what a step left in it that was killed before its gate.

    Returns:
        The lock; ``release()`` counts down.

    Raises:
        LakehouseError: another process holds it, or some tables cannot be put back.
    """
    held = lock.acquire_write(warehouse)
    try:
        if held.lock_counter == 1:
            _undo_killed(warehouse)
    except BaseException:
        held.release()
        raise
    return held


def _forget(warehouse: Path, *, gated: bool) -> None:
    if gated:
        (warehouse / STEP).unlink(missing_ok=True)


def _undo_killed(warehouse: Path) -> None:
    note = warehouse / STEP
    if not note.exists():
        return
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
    except ValueError:  # a machine that lost its power may have lost the words
        told = {"schemas": [], "versions": {}}
    before = {TableName(*name.split(".")): version for name, version in told["versions"].items()}
    restore(warehouse, told["schemas"], before)
    note.unlink()


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
            stuck[table] = "no space left on the disk" if is_disk_full(error) else str(error).splitlines()[0]
    if stuck:
        names = "; ".join(f"{table} ({reason})" for table, reason in stuck.items())
        raise LakehouseError(
            f"These tables hold the state of a failed step and could not be put back: {names}.",
            "Free space or give write access, then run the command again: it builds them anew.",
        )
    return failed


def names(place: Place, schemas: Iterable[str]) -> list[TableName]:
    """The tables that there are, sorted by layer."""
    return place.tables(schemas) if isinstance(place, Unity) else catalog.tables(place, schemas)


def columns(place: Place, table: TableName) -> set[str]:
    """The names of a table's columns.

    Raises:
        LakehouseError: it cannot be read.
    """
    if isinstance(place, Unity):
        return place.columns(table)
    return {field.name for field in catalog.open_delta(place, table).schema().fields}


def made(place: Place, table: TableName) -> tuple[int, str | None]:
    """The newest version of a table, and what its commit says of who made it."""
    if isinstance(place, Unity):
        return place.version(table), place.invocation(table)
    delta = catalog.open_delta(place, table)
    return delta.version(), delta.history(1)[0].get("userMetadata")


def ask(place: Place, table: TableName, sql: str) -> pa.Table | None:
    """The answer to a query over one table, which it calls ``{table}``; None if there is no such table."""
    if isinstance(place, Unity):
        return place.sql(sql.format(table=table.quoted)).toArrow() if table in place.tables([table.schema]) else None
    path = str(table.path(place))
    if not DeltaTable.is_deltatable(path):
        return None
    return pa.table(QueryBuilder().register("t", DeltaTable(path)).execute(sql.format(table="t")).read_all())


@contextmanager
def writing(place: Place, schemas: Iterable[str], *, gated: bool = False) -> Iterator[Versions]:
    """The way to write: alone, all or nothing.

    Makes the warehouse if it is missing and holds its write lock; whatever goes wrong inside the block, the
    schemas' tables are then as they were before it. In Unity Catalog, where others may have tables beside ours, those
    of the project are.

    Args:
        place: where the tables are.
        schemas: of the tables.
        gated: whether nothing may count before the block has ended well, even if the process is killed in it: then
            the next that takes the lock of the folder puts the tables back.

    Yields:
        The failed versions: empty, until the block fails and tables have been put back.

    Raises:
        LakehouseError: the folder is not ours, another process is writing, or the disk is full or read-only.
    """
    schemas = tuple(schemas)
    if isinstance(place, Unity):
        with place.writing(written.tables_of(schemas)) as failed:
            yield failed
        return
    with disk_errors_explained(place), locked(place):
        before = versions(place, schemas)
        if gated:
            note = {"schemas": schemas, "versions": {str(table): version for table, version in before.items()}}
            replacing.write_text(place / STEP, json.dumps(note))
        failed = {}
        try:
            yield failed
        except BaseException:
            failed.update(restore(place, schemas, before))
            _forget(place, gated=gated)
            raise
        _forget(place, gated=gated)


def note_failed(place: Place, run_id: str, failed: Versions) -> None:
    """Keep which versions a failed step left in the logs, so that they can be looked at."""
    if failed:
        rows = {
            "run_id": [run_id] * len(failed),
            "layer": [table.schema for table in failed],
            "table_name": [table.name for table in failed],
            "version": list(failed.values()),
        }
        append(place, FAILED_VERSIONS, pa.table(rows))


def create(place: Place, table: TableName, schema: pa.Schema) -> None:
    """Make an empty table, unless it is there."""
    if isinstance(place, Unity):
        place.create(table, schema)
    else:
        create_if_missing(table.path(place), schema)


def append(place: Place, table: TableName, rows: pa.Table) -> None:
    """Add rows to a table, which is made if it is missing.

    Raises:
        DeltaError: the folder cannot be written.
    """
    create(place, table, rows.schema)
    if isinstance(place, Unity):
        place.append(table, rows)
    else:
        write_deltalake(table.path(place), rows, mode="append")


def replace(place: Place, table: TableName, rows: pa.Table, where: str | None) -> None:
    """Replace the rows for which a condition holds, or all without one, in one commit; makes the table if need be."""
    create(place, table, rows.schema)
    if isinstance(place, Unity):
        place.replace(table, rows, where)
    else:
        write_deltalake(table.path(place), rows, mode="overwrite", predicate=where)


def row_count(place: Place, table: TableName) -> int:
    """The number of rows; of a folder's table from the Delta log alone."""
    if isinstance(place, Unity):
        return place.table(table.quoted).count()
    return int(catalog.open_delta(place, table).count())

"""Landing files to Bronze: what was delivered, as text, exactly once.

A file's content is its identity: its digest is the ``_batch_id`` of its rows. A file is one Delta commit;
lines that are no records go to ``bronze.rejected_rows`` with the reason; last comes one row in
``bronze.deliveries``, which says that the file is complete. A file that is complete already changes
nothing, and one whose ingest was killed is taken in again from the start.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from lakehouse import bronze, catalog, tables
from lakehouse.acceptance import Checked, check
from lakehouse.appender import Appender, create_if_missing
from lakehouse.bronze import DELIVERIES, DELIVERIES_SCHEMA, REJECTED_ROWS, REJECTED_SCHEMA
from lakehouse.catalog import TableName
from lakehouse.chunks import chunks
from lakehouse.csv_records import Reject
from lakehouse.delivery import Delivery
from lakehouse.errors import LakehouseError
from lakehouse.landing import LandingFile

Progress = Callable[[str, int, int], None]
"""Called with a file's name, how much of it has been read, and how much there is: bytes, or rows of Parquet."""


class FileReport(NamedTuple):
    """What became of one file; ``delivered_on`` is the day under which Bronze has had it, if it was there already."""

    file: str
    table: TableName
    rows: int
    rejected: int
    extra_columns: list[str]
    already_there: bool
    delivered_on: date | None = None


class _Plan(NamedTuple):
    landing: LandingFile
    delivery: Delivery
    file: str
    header: list[str]
    sha256: str
    delivered_on: date | None

    @property
    def batch_id(self) -> str:
        return self.sha256[:16]


class _Counts(NamedTuple):
    rows: int
    rejected: int
    delivered_on: date | None


def ingest(
    source: str,
    paths: Sequence[Path],
    warehouse: Path,
    progress: Progress = lambda *_: None,
    delivered_on: date | None = None,
) -> list[FileReport]:
    """Take a delivery into Bronze.

    All headers are checked before the first row is written, and if a file fails later on, Bronze is put back to
    what it was. Run again with the same files, it changes nothing.

    Args:
        source: which landing contract the files follow, a key of ``landing.SOURCES``.
        paths: folders or zips that hold the files between them. A whole delivery holds all the files of the shop; the
            files of its behaviour may come with it or alone.
        warehouse: the folder of the tables; made if it is missing.
        progress: called as files are read.
        delivered_on: the logical day of a drop, which may leave out files, and whose files may have no rows.

    Returns:
        A report per file, in the order of the contract.

    Raises:
        LakehouseError: the delivery cannot be used, another process is writing, or the warehouse cannot be written or
            is full.
    """
    checked = check(source, paths, delivered_on)
    with tables.writing(warehouse, ["bronze"]):
        return take_in(checked, warehouse, progress)


def take_in(checked: Checked, warehouse: Path, progress: Progress = lambda *_: None) -> list[FileReport]:
    """The second half of :func:`ingest`, to be called inside :func:`lakehouse.tables.writing`.

    Raises:
        LakehouseError: a file is damaged, or comes without a day where there are drops of days.
    """
    # Reading every file to its end finds what is damaged before the first row is written.
    plans = [
        _Plan(landing, delivery, file, checked.headers[landing], delivery.sha256(file), checked.delivered_on)
        for landing, (delivery, file) in checked.places.items()
    ]
    create_if_missing(REJECTED_ROWS.path(warehouse), REJECTED_SCHEMA)
    create_if_missing(DELIVERIES.path(warehouse), DELIVERIES_SCHEMA)
    reports = [_ingest_file(plan, warehouse, progress) for plan in plans]
    for landing in checked.behaviour:
        create_if_missing(TableName("bronze", landing.table).path(warehouse), bronze.schema_of(landing.columns))
    return reports


def _ingest_file(plan: _Plan, warehouse: Path, progress: Progress) -> FileReport:
    table = TableName("bronze", plan.landing.table)
    extra = [column for column in plan.header if column not in plan.landing.columns]
    there = _remove_unfinished(warehouse, plan, table)
    if there:
        return FileReport(
            plan.file, table, there.rows, there.rejected, extra, already_there=True, delivered_on=there.delivered_on
        )
    _check_day(warehouse, plan, table)

    rows = rejected = 0
    first_reason = ""
    now = _later_than_all(warehouse)
    schema = bronze.schema_of(_as_spelt_before(plan.header, warehouse, table))
    with (
        plan.delivery.open(plan.file, plan.sha256) as stream,
        _collector_paused(),
        Appender(table.path(warehouse), schema) as sound,
        Appender(REJECTED_ROWS.path(warehouse), REJECTED_SCHEMA) as broken,
    ):
        for chunk in chunks(stream, plan.file, plan.header, plan.delivery.size(plan.file)):
            progress(plan.file, chunk.done, chunk.size)
            if chunk.lines:
                audit = _audit(plan, now, len(chunk.lines), chunk.lines)
                sound.append(pa.RecordBatch.from_arrays([*chunk.columns, *audit.values()], schema=schema))
                rows += len(chunk.lines)
            if chunk.rejects:
                broken.append(_reject_batch(plan, now, chunk.rejects))
                rejected += len(chunk.rejects)
                first_reason = first_reason or chunk.rejects[0].reason
        if rejected and not rows:
            raise not_one_line(plan.file, first_reason)
    create_if_missing(table.path(warehouse), schema)
    delivered = {
        "table_name": [plan.landing.table],
        "row_count": [rows],
        "rejected_count": [rejected],
        **_audit(plan, now, 1),
    }
    with Appender(DELIVERIES.path(warehouse), DELIVERIES_SCHEMA) as deliveries:
        deliveries.append(pa.RecordBatch.from_pydict(delivered, schema=DELIVERIES_SCHEMA))
    return FileReport(plan.file, table, rows, rejected, extra, already_there=False)


def not_one_line(file: str, first_reason: str) -> LakehouseError:
    """What is said of a file that is no CSV file at all."""
    return LakehouseError(
        f"Not one line of {file} could be read; the first was rejected because: {first_reason}.",
        "Check how the file was written: commas between fields, double quotes around text.",
    )


def _check_day(warehouse: Path, plan: _Plan, table: TableName) -> None:
    """Refuse a file without a day where there are drops of days: nobody could tell which is newer."""
    if plan.delivered_on is None:
        days = f"select max(_delivered_on) as last from t where table_name = '{plan.landing.table}'"
        (row,) = _query_all(warehouse, DELIVERIES, days)
        if row["last"] is not None:
            raise LakehouseError(
                f"{table} holds drops of days, the last of {row['last']}, and {plan.file} comes without a day.",
                "Say which day it stands for, so that newer rows count: --delivered-on YYYY-MM-DD.",
            )


def _later_than_all(warehouse: Path) -> datetime:
    """Now, or just after the last delivery if the clock was put back: what is taken in later is later."""
    (row,) = _query_all(warehouse, DELIVERIES, "select max(_ingested_at) as last from t")
    now = datetime.now(UTC)
    return now if row["last"] is None else max(now, row["last"] + timedelta(microseconds=1))


def _as_spelt_before(header: list[str], warehouse: Path, table: TableName) -> list[str]:
    """The column names, with a later ``Note`` as ``note`` if that is how the table has it: to Delta they are one."""
    if not DeltaTable.is_deltatable(str(table.path(warehouse))):
        return header
    spelt = {field.name.lower(): field.name for field in catalog.open_delta(warehouse, table).schema().fields}
    return [spelt.get(column.lower(), column) for column in header]


def _remove_unfinished(warehouse: Path, plan: _Plan, table: TableName) -> _Counts | None:
    """Clear away what an interrupted ingest of this file left, whatever its content was then.

    Returns:
        The counts of the batch that is to be taken in, if it is there already and complete.

    Raises:
        LakehouseError: what was complete is there no more.
    """
    delivered = {
        row["_batch_id"]: _Counts(row["row_count"], row["rejected_count"], row["_delivered_on"])
        for row in _query(warehouse, DELIVERIES, plan, "_batch_id, row_count, rejected_count, _delivered_on")
    }
    rows, rejected = (
        {
            row["_batch_id"]: row["n"]
            for row in _query(warehouse, name, plan, "_batch_id, count(*) as n", "group by _batch_id")
        }
        for name in (table, REJECTED_ROWS)
    )
    if not delivered and len(rows) > 1:
        raise LakehouseError(
            f"{DELIVERIES} has lost its rows, which say what {table} holds in full.",
            f"Bring {DELIVERIES.path(warehouse)} back from a copy. Without one, start a new warehouse and ingest "
            "every delivery again, oldest first.",
        )
    # A log whose newest entry lost its bytes with the power of the machine is read as if that commit had never been.
    lost = {batch_id for batch_id, counts in delivered.items() if counts.rows} - rows.keys() - {plan.batch_id}
    if lost:
        path = table.path(warehouse)
        raise LakehouseError(
            f"The table {table} at {path} lacks {len(lost)} of its {len(delivered)} deliveries.",
            catalog.way_back(table, path),
        )
    told = delivered.get(plan.batch_id)
    there = _Counts(rows.get(plan.batch_id, 0), rejected.get(plan.batch_id, 0), told.delivered_on if told else None)
    # The word that a batch is complete comes last. Rows that are gone since then are gone because somebody wanted it:
    # a person who was erased must not come back with the next run. None at all is no erasure.
    complete = told is not None and there.rows <= told.rows and bool(there.rows or not told.rows)
    unfinished = (rows.keys() | rejected.keys()) - delivered.keys()
    if not complete:
        unfinished.add(plan.batch_id)
    # The word that a batch is complete goes first, so that it is never there without the rows.
    for name, batches in ((DELIVERIES, delivered), (table, rows), (REJECTED_ROWS, rejected)):
        for batch_id in sorted(unfinished & batches.keys()):
            catalog.open_delta(warehouse, name).delete(f"{_of_file(plan)} and _batch_id = '{batch_id}'")
    return there if complete else None


def _reject_batch(plan: _Plan, now: datetime, rejects: list[Reject]) -> pa.RecordBatch:
    columns = {
        "table_name": [plan.landing.table] * len(rejects),
        "raw_line": [reject.raw for reject in rejects],
        "reason": [reject.reason for reject in rejects],
        **_audit(plan, now, len(rejects), [reject.line for reject in rejects]),
    }
    return pa.RecordBatch.from_pydict(columns, schema=REJECTED_SCHEMA)


def _audit(plan: _Plan, now: datetime, count: int, lines: list[int] | None = None) -> dict[str, pa.Array]:
    return {
        "_source_file": pa.repeat(plan.file, count),
        **({"_source_row": pa.array(lines, pa.int64())} if lines is not None else {}),
        "_batch_id": pa.repeat(plan.batch_id, count),
        "_ingested_at": pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), count),
        "_delivered_on": pa.repeat(pa.scalar(plan.delivered_on, pa.date32()), count),
    }


def _query(warehouse: Path, table: TableName, plan: _Plan, select: str, tail: str = "") -> list[dict[str, Any]]:
    """What a table holds of a file; nothing if there is no such table."""
    if not DeltaTable.is_deltatable(str(table.path(warehouse))):
        return []
    return _query_all(warehouse, table, f"select {select} from t where {_of_file(plan)} {tail}")


def _query_all(warehouse: Path, table: TableName, sql: str) -> list[dict[str, Any]]:
    """The rows of a query over a table, which is called t."""
    reader = QueryBuilder().register("t", catalog.open_delta(warehouse, table)).execute(sql)
    return pa.table(reader.read_all()).to_pylist()


def _of_file(plan: _Plan) -> str:
    return f"_source_file = '{plan.file}'"


@contextmanager
def _collector_paused() -> Iterator[None]:
    # Millions of short-lived strings: the cycle collector finds nothing in them and doubles the time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

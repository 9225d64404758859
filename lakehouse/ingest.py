"""Landing files to Bronze: what was delivered, as text, exactly once.

A file's content is its identity: its digest is the ``_batch_id`` of its rows. A file is one Delta commit;
lines that are no records go to ``bronze.rejected_rows`` with the reason; last comes one row in
``bronze.deliveries``, which says that the file is complete. A file that is complete already changes
nothing, and one whose ingest was killed is taken in again from the start.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from lakehouse import catalog, tables
from lakehouse.appender import Appender, create_if_missing
from lakehouse.catalog import TableName
from lakehouse.csv_records import Record, Reject, physical_lines, read_header, read_records
from lakehouse.delivery import Delivery
from lakehouse.errors import LakehouseError
from lakehouse.landing import SOURCES, LandingFile

AUDIT_FIELDS = (
    pa.field("_source_file", pa.string(), nullable=False),
    pa.field("_source_row", pa.int64(), nullable=False),
    pa.field("_batch_id", pa.string(), nullable=False),
    pa.field("_ingested_at", pa.timestamp("us", tz="UTC"), nullable=False),
)
REJECTED_ROWS = TableName("bronze", "rejected_rows")
REJECTED_SCHEMA = pa.schema(
    [
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("raw_line", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        *AUDIT_FIELDS,
    ]
)
DELIVERIES = TableName("bronze", "deliveries")
DELIVERIES_SCHEMA = pa.schema(
    [
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("row_count", pa.int64(), nullable=False),
        pa.field("rejected_count", pa.int64(), nullable=False),
        *(field for field in AUDIT_FIELDS if field.name != "_source_row"),
    ]
)
CHUNK_BYTES = 4 << 20
UNUSABLE = frozenset(" ,;{}()\n\t=")
"""What Delta tables allow in no column name."""

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes read of it so far, and its size."""


class FileReport(NamedTuple):
    """What became of one file."""

    file: str
    table: TableName
    rows: int
    rejected: int
    extra_columns: list[str]
    already_there: bool


class _Plan(NamedTuple):
    landing: LandingFile
    header: list[str]
    sha256: str

    @property
    def batch_id(self) -> str:
        return self.sha256[:16]


class _Counts(NamedTuple):
    rows: int
    rejected: int


def ingest(source: str, path: Path, warehouse: Path, progress: Progress = lambda *_: None) -> list[FileReport]:
    """Take a delivery into Bronze.

    All headers are checked before the first row is written, and if a file fails later on, Bronze is put back to
    what it was. Run again with the same files, it changes nothing.

    Args:
        source: which landing contract the files follow, a key of ``landing.SOURCES``.
        path: a folder or a zip.
        warehouse: the folder of the tables; made if it is missing.
        progress: called as files are read.

    Returns:
        A report per file, in the order of the contract.

    Raises:
        LakehouseError: the delivery cannot be used, another process is writing, or the warehouse cannot be written or
            is full.
    """
    if source not in SOURCES:
        raise LakehouseError(f"There is no source called {source!r}.", f"Choose one of: {', '.join(SOURCES)}.")
    delivery = Delivery(path)
    headers = _check(delivery, SOURCES[source])
    with tables.writing(warehouse, ["bronze"]):
        # Reading every file to its end finds what is damaged before the first row is written.
        plans = [_Plan(landing, header, delivery.sha256(landing.file)) for landing, header in headers.items()]
        create_if_missing(REJECTED_ROWS.path(warehouse), REJECTED_SCHEMA)
        create_if_missing(DELIVERIES.path(warehouse), DELIVERIES_SCHEMA)
        return [_ingest_file(delivery, plan, warehouse, progress) for plan in plans]


def _check(delivery: Delivery, contract: tuple[LandingFile, ...]) -> dict[LandingFile, list[str]]:
    """The header of each file of the contract; raises if a file cannot be what the contract says."""
    delivery.require([landing.file for landing in contract])
    headers = {}
    for landing in contract:
        with delivery.open(landing.file) as stream:
            lines = physical_lines(stream)
            header = read_header(next(lines, b""), landing.file)
            _check_header(landing, header)
            if next(read_records(lines, len(header)), None) is None:
                raise LakehouseError(
                    f"{landing.file} in {delivery.path} has a header and no rows.",
                    "Deliver the file with its rows.",
                )
        headers[landing] = header
    return headers


def _check_header(landing: LandingFile, header: list[str]) -> None:
    absent = [column for column in landing.columns if column not in header]
    unknown = [column for column in header if column not in landing.columns]
    if absent:
        renamed = f" Renamed, perhaps, to {', '.join(map(repr, unknown))}?" if unknown else ""
        raise LakehouseError(
            f"{landing.file} lacks the column {', '.join(absent)}.{renamed}",
            f"Its header must name, separated by commas: {', '.join(landing.columns)}.",
        )
    # Delta tables do not tell A from a.
    names = [column.lower() for column in header]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise LakehouseError(
            f"{landing.file} names the column {', '.join(doubled)} more than once.", "Rename or remove one."
        )
    reserved = {field.name for field in AUDIT_FIELDS}
    unusable = [name for name in unknown if not name or name.lower() in reserved or set(name) & UNUSABLE]
    if unusable:
        raise LakehouseError(
            f"{landing.file} has a column that no table can take: {', '.join(map(repr, unusable))}.",
            f"Rename it: not empty, not one of {', '.join(sorted(reserved))}, "
            "without spaces and without any of , ; { } ( ) = .",
        )


def _ingest_file(delivery: Delivery, plan: _Plan, warehouse: Path, progress: Progress) -> FileReport:
    landing = plan.landing
    table = TableName("bronze", landing.table)
    extra = [column for column in plan.header if column not in landing.columns]
    there = _remove_unfinished(warehouse, plan, table)
    if there:
        return FileReport(landing.file, table, *there, extra, already_there=True)

    rows = rejected = 0
    first_reason = ""
    now = datetime.now(UTC)
    names = _as_spelt_before(plan.header, warehouse, table)
    schema = pa.schema([*(pa.field(name, pa.string()) for name in names), *AUDIT_FIELDS])
    size = delivery.size(landing.file)
    with (
        delivery.open(landing.file, plan.sha256) as stream,
        _collector_paused(),
        Appender(table.path(warehouse), schema) as sound,
        Appender(REJECTED_ROWS.path(warehouse), REJECTED_SCHEMA) as broken,
    ):
        for chunk, done in _chunks(stream, len(plan.header)):
            progress(landing.file, done, size)
            records = [item for item in chunk if isinstance(item, Record)]
            rejects = [item for item in chunk if isinstance(item, Reject)]
            if records:
                sound.append(_record_batch(plan, now, records, schema))
                rows += len(records)
            if rejects:
                broken.append(_reject_batch(plan, now, rejects))
                rejected += len(rejects)
                first_reason = first_reason or rejects[0].reason
        if not rows:
            raise LakehouseError(
                f"Not one line of {landing.file} could be read; the first was rejected because: {first_reason}.",
                "Check how the file was written: commas between fields, double quotes around text.",
            )
    delivered = {
        "table_name": [landing.table],
        "row_count": [rows],
        "rejected_count": [rejected],
        **_audit(plan, now, 1),
    }
    with Appender(DELIVERIES.path(warehouse), DELIVERIES_SCHEMA) as deliveries:
        deliveries.append(pa.RecordBatch.from_pydict(delivered, schema=DELIVERIES_SCHEMA))
    return FileReport(landing.file, table, rows, rejected, extra, already_there=False)


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
    """
    delivered = {
        row["_batch_id"]: _Counts(row["row_count"], row["rejected_count"])
        for row in _query(warehouse, DELIVERIES, plan, "_batch_id, row_count, rejected_count")
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
    there = _Counts(rows.get(plan.batch_id, 0), rejected.get(plan.batch_id, 0))
    complete = delivered.get(plan.batch_id) == there
    unfinished = (rows.keys() | rejected.keys()) - delivered.keys()
    if not complete:
        unfinished.add(plan.batch_id)
    # The word that a batch is complete goes first, so that it is never there without the rows.
    for name, batches in ((DELIVERIES, delivered), (table, rows), (REJECTED_ROWS, rejected)):
        for batch_id in sorted(unfinished & batches.keys()):
            catalog.open_delta(warehouse, name).delete(f"{_of_file(plan)} and _batch_id = '{batch_id}'")
    return there if complete else None


def _chunks(stream: IO[bytes], width: int) -> Iterator[tuple[list[Record | Reject], int]]:
    """What a file holds after its header, in lists of bounded size, each with the bytes read so far."""
    done = 0

    def lines() -> Iterator[bytes]:
        nonlocal done
        for line in physical_lines(stream):
            done += len(line)
            yield line

    source = lines()
    next(source)
    chunk: list[Record | Reject] = []
    limit = done + CHUNK_BYTES
    for item in read_records(source, width):
        chunk.append(item)
        if done >= limit:
            yield chunk, done
            chunk = []
            limit = done + CHUNK_BYTES
    if chunk:
        yield chunk, done


def _record_batch(plan: _Plan, now: datetime, records: list[Record], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*(record.values for record in records), strict=True)
    texts = [pa.array([value or None for value in column], pa.string()) for column in columns]
    audit = _audit(plan, now, len(records), [record.line for record in records])
    return pa.RecordBatch.from_arrays([*texts, *audit.values()], schema=schema)


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
        "_source_file": pa.repeat(plan.landing.file, count),
        **({"_source_row": pa.array(lines, pa.int64())} if lines is not None else {}),
        "_batch_id": pa.repeat(plan.batch_id, count),
        "_ingested_at": pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), count),
    }


def _query(warehouse: Path, table: TableName, plan: _Plan, select: str, tail: str = "") -> list[dict[str, Any]]:
    """What a table holds of a file; nothing if there is no such table."""
    if not DeltaTable.is_deltatable(str(table.path(warehouse))):
        return []
    sql = f"select {select} from t where {_of_file(plan)} {tail}"
    reader = QueryBuilder().register("t", catalog.open_delta(warehouse, table)).execute(sql)
    return pa.table(reader.read_all()).to_pylist()


def _of_file(plan: _Plan) -> str:
    return f"_source_file = '{plan.landing.file}'"


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

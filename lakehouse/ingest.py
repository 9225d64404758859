"""Landing files to Bronze: what was delivered, as text, exactly once.

A file's content is its identity: its digest is the ``_batch_id`` of its rows. A file is one Delta commit;
lines that are no records go to ``bronze.rejected_rows`` with the reason; last comes one row in
``bronze.deliveries``, which says that the file is complete. A file that is complete already changes
nothing, and one whose ingest was interrupted is taken in again from the start.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import DeltaError

from lakehouse import catalog, lock
from lakehouse.catalog import TableName
from lakehouse.csv_records import Record, Reject, read_header, read_records
from lakehouse.delivery import Delivery
from lakehouse.errors import LakehouseError, disk_full, is_disk_full
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
CHUNK_ROWS = 65_536

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
    batch_id: str


class _Counts(NamedTuple):
    rows: int
    rejected: int


def ingest(
    source: str, path: Path, warehouse: Path, progress: Progress = lambda *_: None
) -> list[FileReport]:
    """Take a delivery into Bronze.

    All headers are checked before the first row is written. Run again with the same files, it changes nothing.

    Args:
        source: which landing contract the files follow, a key of ``landing.SOURCES``.
        path: a folder or a zip.
        warehouse: the folder of the tables; made if it is missing.
        progress: called as files are read.

    Returns:
        A report per file, in the order of the contract.

    Raises:
        LakehouseError: the delivery cannot be used, another process is writing, or the disk is full.
    """
    if source not in SOURCES:
        raise LakehouseError(
            f"There is no source called {source!r}.", f"Choose one of: {', '.join(SOURCES)}."
        )
    with _full_disk_explained(warehouse):
        catalog.prepare(warehouse)
        with lock.writing(warehouse):
            delivery = Delivery(path)
            plans = _check(delivery, SOURCES[source])
            _create_if_missing(warehouse, REJECTED_ROWS, REJECTED_SCHEMA)
            _create_if_missing(warehouse, DELIVERIES, DELIVERIES_SCHEMA)
            return [_ingest_file(delivery, plan, warehouse, progress) for plan in plans]


def _check(delivery: Delivery, contract: tuple[LandingFile, ...]) -> list[_Plan]:
    missing = [landing.file for landing in contract if landing.file not in delivery]
    if missing:
        found = ", ".join(delivery.files()[:5]) or "nothing"
        raise LakehouseError(
            f"{delivery.path} lacks {', '.join(missing)}; it holds {found}.",
            "Give --path the folder or zip with all the files, under their original names.",
        )
    plans = []
    for landing in contract:
        with delivery.open(landing.file) as stream:
            header = read_header(stream.readline(), landing.file)
            _check_header(landing, header)
            if not stream.readline().strip():
                raise LakehouseError(
                    f"{landing.file} in {delivery.path} has a header and no rows.",
                    "Deliver the file with its rows.",
                )
        plans.append(_Plan(landing, header, delivery.sha256(landing.file)[:16]))
    return plans


def _check_header(landing: LandingFile, header: list[str]) -> None:
    absent = [column for column in landing.columns if column not in header]
    if absent:
        unknown = [column for column in header if column not in landing.columns]
        renamed = f" Renamed, perhaps, to {', '.join(unknown)}?" if unknown else ""
        raise LakehouseError(
            f"{landing.file} lacks the column {', '.join(absent)}.{renamed}",
            f"Its header must name: {', '.join(landing.columns)}.",
        )
    doubled = sorted({column for column in header if header.count(column) > 1})
    if doubled:
        raise LakehouseError(
            f"{landing.file} names the column {', '.join(doubled)} more than once.", "Rename or remove one."
        )


def _ingest_file(delivery: Delivery, plan: _Plan, warehouse: Path, progress: Progress) -> FileReport:
    landing = plan.landing
    table = TableName("bronze", landing.table)
    extra = [column for column in plan.header if column not in landing.columns]
    schema = pa.schema([*(pa.field(name, pa.string()) for name in plan.header), *AUDIT_FIELDS])
    _create_if_missing(warehouse, table, schema)
    there = _Counts(_count(warehouse, table, plan), _count(warehouse, REJECTED_ROWS, plan))
    if there == _delivered(warehouse, plan):
        return FileReport(landing.file, table, *there, extra, already_there=True)
    for leftover, count in zip((table, REJECTED_ROWS), there, strict=True):
        if count:
            catalog.open_delta(warehouse, leftover).delete(_of_batch(plan))

    rows = 0
    rejects: list[Reject] = []
    now = datetime.now(UTC)
    size = delivery.size(landing.file)

    def batches(stream: IO[bytes]) -> Iterator[pa.RecordBatch]:
        nonlocal rows
        stream.readline()
        lines = _reporting(stream, lambda done: progress(landing.file, done, size))
        items = read_records(lines, len(plan.header))
        while chunk := list(islice(items, CHUNK_ROWS)):
            records = [item for item in chunk if isinstance(item, Record)]
            rejects.extend(item for item in chunk if isinstance(item, Reject))
            rows += len(records)
            if records:
                columns = zip(*(record.values for record in records), strict=True)
                texts = [pa.array([value or None for value in column], pa.string()) for column in columns]
                audit = _audit(plan, now, len(records), [record.line for record in records])
                yield pa.RecordBatch.from_arrays([*texts, *audit.values()], schema=schema)

    with delivery.open(landing.file) as stream, _collector_paused():
        _append(warehouse, table, pa.RecordBatchReader.from_batches(schema, batches(stream)))
    if not rows:
        raise LakehouseError(
            f"Not one line of {landing.file} could be read; the first was rejected because: {rejects[0].reason}.",
            "Check how the file was written: commas between fields, double quotes around text.",
        )
    if rejects:
        rejected = {
            "table_name": [landing.table] * len(rejects),
            "raw_line": [reject.raw for reject in rejects],
            "reason": [reject.reason for reject in rejects],
            **_audit(plan, now, len(rejects), [reject.line for reject in rejects]),
        }
        _append(warehouse, REJECTED_ROWS, pa.table(rejected, schema=REJECTED_SCHEMA))
    delivered = {
        "table_name": [landing.table],
        "row_count": [rows],
        "rejected_count": [len(rejects)],
        **_audit(plan, now, 1),
    }
    _append(warehouse, DELIVERIES, pa.table(delivered, schema=DELIVERIES_SCHEMA))
    return FileReport(landing.file, table, rows, len(rejects), extra, already_there=False)


def _audit(plan: _Plan, now: datetime, count: int, lines: list[int] | None = None) -> dict[str, pa.Array]:
    return {
        "_source_file": pa.array([plan.landing.file] * count, pa.string()),
        **({"_source_row": pa.array(lines, pa.int64())} if lines else {}),
        "_batch_id": pa.array([plan.batch_id] * count, pa.string()),
        "_ingested_at": pa.array([now] * count, pa.timestamp("us", tz="UTC")),
    }


def _reporting(stream: IO[bytes], report: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    for number, line in enumerate(stream):
        done += len(line)
        if number % 8_192 == 0:
            report(done)
        yield line
    report(done)


def _create_if_missing(warehouse: Path, table: TableName, schema: pa.Schema) -> None:
    DeltaTable.create(table.path(warehouse), schema, mode="ignore")


def _append(warehouse: Path, table: TableName, data: pa.Table | pa.RecordBatchReader) -> None:
    write_deltalake(table.path(warehouse), data, mode="append", schema_mode="merge")


def _of_batch(plan: _Plan) -> str:
    return f"_batch_id = '{plan.batch_id}' and _source_file = '{plan.landing.file}'"


def _count(warehouse: Path, table: TableName, plan: _Plan) -> int:
    return int(_query(warehouse, table, f"select count(*) as n from t where {_of_batch(plan)}")[0]["n"])


def _delivered(warehouse: Path, plan: _Plan) -> _Counts | None:
    sql = f"select row_count, rejected_count from t where {_of_batch(plan)}"
    for row in _query(warehouse, DELIVERIES, sql):
        return _Counts(row["row_count"], row["rejected_count"])
    return None


def _query(warehouse: Path, table: TableName, sql: str) -> list[dict[str, Any]]:
    reader = QueryBuilder().register("t", catalog.open_delta(warehouse, table)).execute(sql)
    return pa.table(reader.read_all()).to_pylist()


@contextmanager
def _collector_paused() -> Iterator[None]:
    # Millions of short-lived strings: the cycle collector finds nothing in them and doubles the time.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _full_disk_explained(warehouse: Path) -> Iterator[None]:
    try:
        yield
    except (DeltaError, OSError) as error:
        if is_disk_full(error):
            raise disk_full(warehouse) from error
        raise

"""Landing files to Bronze in Unity Catalog: Auto Loader finds the files, and they are read as everywhere else.

Auto Loader hands over whole files, each once, and the same strict reader takes them apart on the executors: a file's
digest is its batch, lines that are no records go to ``bronze.rejected_rows``, and a row in ``bronze.deliveries`` says
last that a file is complete. Columns that the contract does not know are kept in ``_rescued_data`` as JSON, because a
table that many write to should not change its schema for one file.

A file is held in the memory of one executor; one of more than some hundred megabytes is to be split, or delivered as
several.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from lakehouse.acceptance import Checked
from lakehouse.bronze import AUDIT_FIELDS, DELIVERIES, DELIVERIES_SCHEMA, REJECTED_ROWS, REJECTED_SCHEMA
from lakehouse.catalog import TableName, quote
from lakehouse.csv_records import Record, physical_lines, read_header, read_records
from lakehouse.errors import LakehouseError
from lakehouse.ingest import FileReport, not_one_line
from lakehouse.landing import LandingFile
from lakehouse.parquet_records import open_parquet, text_batches
from lakehouse.unity import Unity

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RESCUED = "_rescued_data"
FILES = "path string, modificationTime timestamp, length bigint, content binary"
"""What Spark gives of a file that it does not read itself."""
READ = "_source_file string, _source_row bigint, _batch_id string, raw_line string, reason string"
"""What the reader says of each row, beside its values."""
HEADER = 1
"""The line of the header."""
Read = tuple[int, dict[str, str | None], str | None, str | None]
"""A line's number, its values by column, and for what is no record the raw line and the reason."""
AUTO_LOADER = {"cloudFiles.format": "binaryFile", "cloudFiles.allowOverwrites": "true"}
"""Deliveries come under the same names, so one that replaces another is a file to be read."""


def take_in(
    place: Unity,
    checked: Checked,
    checkpoints: Path,
    source: str = "cloudFiles",
    options: dict[str, str] = AUTO_LOADER,
) -> list[FileReport]:
    """Take a delivery that has been checked into Bronze.

    Args:
        place: where Bronze is.
        checked: as :func:`lakehouse.acceptance.check` gives it; folders, not zips.
        checkpoints: the folder where Auto Loader keeps which files it has seen.
        source: the streaming source that finds the files.
        options: of that source.

    Returns:
        What became of each file.

    Raises:
        LakehouseError: the delivery is a zip, comes without a day where there are drops of days, has a file without a
            line that can be read, or changed meanwhile.
    """
    folders = sorted({delivery.path for delivery, _ in checked.places.values()})
    if packed := [folder for folder in folders if not folder.is_dir()]:
        raise LakehouseError(f"{packed[0]} is no folder.", "Auto Loader reads folders: unpack it there first.")
    files = {name: landing for landing in (*checked.places, *checked.behaviour) for name in landing.names}
    place.create(DELIVERIES, DELIVERIES_SCHEMA)
    place.create(REJECTED_ROWS, REJECTED_SCHEMA)
    for landing in dict.fromkeys(files.values()):
        place.create(TableName("bronze", landing.table), _schema(landing))
    keys = {
        landing: (landing.table, delivery.sha256(name)[:16]) for landing, (delivery, name) in checked.places.items()
    }
    before = _complete(place)
    _check_days(place, checked.delivered_on, {table for table, _ in set(keys.values()) - before})
    take = _taker(place, files, checked.delivered_on)
    for folder in folders:
        stream = place.spark.readStream.format(source).options(**options).schema(FILES).load(str(folder))
        seen = checkpoints / hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        writer = stream.writeStream.foreachBatch(take)
        writer.option("checkpointLocation", str(seen)).trigger(availableNow=True).start().awaitTermination()
    # What the stream has seen it never gives again, even if a step that failed took the rows away.
    complete = _complete(place)
    places = checked.places.items()
    lost = [str(delivery.path / name) for landing, (delivery, name) in places if keys[landing] not in complete]
    if lost:
        take(place.spark.read.format("binaryFile").load(lost), 0)
    return _reports(place, checked, keys, before)


def _check_days(place: Unity, delivered_on: date | None, new: set[str]) -> None:
    """Refuse new files without a day where there are drops of days: nobody could tell which is newer."""
    if delivered_on is None:
        dated = place.sql(f"select distinct table_name from {DELIVERIES.quoted} where _delivered_on is not null")
        there = {row["table_name"] for row in dated.collect()} & new
        if there:
            raise LakehouseError(
                f"bronze.{min(there)} holds drops of days, and this delivery comes without a day.",
                "Say which day it stands for, so that newer rows count: --delivered-on YYYY-MM-DD.",
            )


def _later_than_all(place: Unity) -> datetime:
    """Now, or just after the last delivery if the clock was put back: what is taken in later is later."""
    last = place.sql(f"select max(_ingested_at) as last from {DELIVERIES.quoted}").toArrow()["last"][0].as_py()
    now = datetime.now(UTC)
    return now if last is None else max(now, last + timedelta(microseconds=1))


def _schema(landing: LandingFile) -> pa.Schema:
    columns = [pa.field(name, pa.string()) for name in (*landing.columns, RESCUED)]
    return pa.schema([*columns, *AUDIT_FIELDS])


def _taker(
    place: Unity, files: dict[str, LandingFile], delivered_on: date | None
) -> Callable[[DataFrame, int], None]:
    def take(found: DataFrame, _: int) -> None:
        from pyspark.sql import functions as F

        for landing in dict.fromkeys(files.values()):
            here = found.where(F.element_at(F.split("path", "/"), -1).isin(*landing.names))
            if not here.isEmpty():
                _take_file(place, here, landing, delivered_on)

    return take


def _take_file(place: Unity, here: DataFrame, landing: LandingFile, delivered_on: date | None) -> None:
    from pyspark.sql import functions as F

    table = TableName("bronze", landing.table)
    complete = [batch for name, batch in _complete(place) if name == landing.table]
    _remove_unfinished(place, table, complete)
    values = ", ".join(f"{quote(name)} string" for name in (*landing.columns, RESCUED))
    read = here.mapInPandas(_reader(landing), f"{READ}, {values}").where(~F.col("_batch_id").isin(*complete))
    read = (
        read.withColumn("_ingested_at", F.lit(_later_than_all(place)))
        .withColumn("_delivered_on", F.lit(delivered_on).cast("date"))
        .withColumn("table_name", F.lit(landing.table))
        .persist()
    )
    broken = F.col("reason").isNotNull()
    sound = ~broken & (F.col("_source_row") > HEADER)
    _append(place, table, read.where(sound).select(*_schema(landing).names))
    _append(place, REJECTED_ROWS, read.where(broken).select(*REJECTED_SCHEMA.names))
    counted = read.groupBy("table_name", "_source_file", "_batch_id", "_ingested_at", "_delivered_on").agg(
        F.count_if(sound).alias("row_count"), F.count_if(broken).alias("rejected_count")
    )
    _append(place, DELIVERIES, counted.select(*DELIVERIES_SCHEMA.names))
    read.unpersist()


def _append(place: Unity, table: TableName, rows: DataFrame) -> None:
    rows.write.format("delta").mode("append").saveAsTable(place.name(table))


def _complete(place: Unity) -> set[tuple[str, str]]:
    """Tables and batches that are in Bronze in full."""
    rows = place.sql(f"select table_name, _batch_id from {DELIVERIES.quoted}").collect()
    return {(row["table_name"], row["_batch_id"]) for row in rows}


def _remove_unfinished(place: Unity, table: TableName, complete: list[str]) -> None:
    """Clear away what an ingest that was interrupted left; without a row in the deliveries a batch is not there."""
    for name, which in ((table, "true"), (REJECTED_ROWS, f"table_name = '{table.name}'")):
        there = place.sql(f"select distinct _batch_id from {name.quoted} where {which}").collect()
        unfinished = sorted({row["_batch_id"] for row in there} - set(complete))
        if unfinished:
            batches = ", ".join(f"'{batch}'" for batch in unfinished)
            place.sql(f"delete from {name.quoted} where {which} and _batch_id in ({batches})").collect()


def _reports(
    place: Unity, checked: Checked, keys: dict[LandingFile, tuple[str, str]], before: set[tuple[str, str]]
) -> list[FileReport]:
    told = {
        (row["table_name"], row["_batch_id"]): row
        for row in place.sql(f"select * from {DELIVERIES.quoted}").collect()
    }
    reports = []
    for landing, (delivery, file) in checked.places.items():
        row = told.get(keys[landing])
        if row is None:
            raise LakehouseError(
                f"{file} in {delivery.path} changed while it was read.",
                "Wait until the delivery is complete, then run the command again.",
            )
        if row["rejected_count"] and not row["row_count"]:
            raise _unreadable(place, file, row["_batch_id"])
        extra = [column for column in checked.headers[landing] if column not in landing.columns]
        table = TableName("bronze", landing.table)
        reports.append(
            FileReport(file, table, row["row_count"], row["rejected_count"], extra, keys[landing] in before)
        )
    return reports


def _unreadable(place: Unity, file: str, batch: str) -> LakehouseError:
    rejects = place.sql(f"select reason from {REJECTED_ROWS.quoted} where _batch_id = '{batch}' order by _source_row")
    return not_one_line(file, str(rejects.limit(1).collect()[0]["reason"]))


def _reader(landing: LandingFile) -> Callable[[Iterable[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """Takes files apart: one row per record or reject, and one for the header, so that no file goes uncounted."""
    columns = [*(word.split()[0] for word in READ.split(", ")), *landing.columns, RESCUED]

    def read(files: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for some in files:
            for path, content in zip(some["path"], some["content"], strict=True):
                name, batch = path.rpartition("/")[2], hashlib.sha256(content).hexdigest()[:16]
                rows = parquet_rows(content, name) if name.endswith(".parquet") else csv_rows(content, name)
                rows = itertools.chain([(HEADER, {}, None, None)], rows)
                frame = pd.DataFrame([_placed(row, landing, name, batch) for row in rows], columns=columns)
                yield frame.astype(object).where(frame.notna(), None)

    return read


def csv_rows(content: bytes, name: str) -> Iterator[Read]:
    """The line, values by column, raw line and reason of each record or reject of a CSV file."""
    lines = physical_lines(io.BytesIO(content))
    header = read_header(next(lines, b""), name)
    for item in read_records(lines, len(header)):
        if isinstance(item, Record):
            values = {column: value or None for column, value in zip(header, item.values, strict=True)}
            yield item.line, values, None, None
        else:
            yield item.line, {}, item.raw, item.reason


def parquet_rows(content: bytes, name: str) -> Iterator[Read]:
    """As :func:`csv_rows`; rows are numbered as the lines of a CSV file would be, whose header is line 1."""
    with open_parquet(io.BytesIO(content), name) as parquet:
        header, line = list(parquet.schema_arrow.names), 2
        for columns in text_batches(parquet, header):
            for values in zip(*(column.to_pylist() for column in columns), strict=True):
                yield line, dict(zip(header, values, strict=True)), None, None
                line += 1


def _placed(row: Read, landing: LandingFile, name: str, batch: str) -> list[Any]:
    line, values, raw, reason = row
    unknown = {name: value for name, value in values.items() if name not in landing.columns and value is not None}
    rescued = json.dumps(unknown, ensure_ascii=False, sort_keys=True) if unknown else None
    return [name, line, batch, raw, reason, *(values.get(column) for column in landing.columns), rescued]

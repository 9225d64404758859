"""A landing file, CSV or Parquet, as chunks of columns of text that fit into memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from lakehouse.csv_records import Record, Reject, physical_lines, read_records
from lakehouse.parquet_records import open_parquet, text_batches

CHUNK_BYTES = 4 << 20


class Chunk(NamedTuple):
    """Some rows of a file: its columns as text, their lines, what is no record, and how far the file is read."""

    columns: list[pa.Array]
    lines: list[int]
    rejects: list[Reject]
    done: int
    size: int


def chunks(stream: io.BufferedReader, file: str, header: list[str], size: int) -> Iterator[Chunk]:
    """What a file holds, in chunks of bounded size.

    Args:
        stream: the file, from its start.
        file: its name, whose ending says whether it is CSV or Parquet.
        header: its columns.
        size: how many bytes it has.

    Raises:
        LakehouseError: it is damaged.
    """
    return _parquet_chunks(stream, file, header) if file.endswith(".parquet") else _csv_chunks(stream, header, size)


def _parquet_chunks(stream: io.BufferedReader, file: str, header: list[str]) -> Iterator[Chunk]:
    with open_parquet(stream, file) as parquet:
        done, size = 0, parquet.metadata.num_rows
        for columns in text_batches(parquet, header):
            # Rows are numbered as the lines of a CSV file would be, whose header is line 1.
            lines = range(done + 2, done + 2 + len(columns[0]))
            done += len(lines)
            yield Chunk(columns, list(lines), [], done, size)


def _csv_chunks(stream: io.BufferedReader, header: list[str], size: int) -> Iterator[Chunk]:
    done = 0

    def lines() -> Iterator[bytes]:
        nonlocal done
        for line in physical_lines(stream):
            done += len(line)
            yield line

    source = lines()
    next(source)
    items: list[Record | Reject] = []
    limit = done + CHUNK_BYTES
    for item in read_records(source, len(header)):
        items.append(item)
        if done >= limit:
            yield _csv_chunk(items, done, size)
            items = []
            limit = done + CHUNK_BYTES
    if items:
        yield _csv_chunk(items, done, size)


def _csv_chunk(items: list[Record | Reject], done: int, size: int) -> Chunk:
    records = [item for item in items if isinstance(item, Record)]
    columns = zip(*(record.values for record in records), strict=True)
    return Chunk(
        [pa.array([value or None for value in column], pa.string()) for column in columns],
        [record.line for record in records],
        [item for item in items if isinstance(item, Reject)],
        done,
        size,
    )

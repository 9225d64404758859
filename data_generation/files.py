"""Landing files, written part by part, whole or not at all."""

from __future__ import annotations

import re
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

ROWS_PER_GROUP = 1 << 16
"""Rows in a row group of Parquet, however many come at a time."""
FORMATS = ("csv", "parquet")
LATIN = 0xE000
"""Characters from here on stand for single bytes of Latin-1: what a program with the wrong encoding writes."""
LATIN_BYTES = re.compile(rb"\xee([\x80-\x83])([\x80-\xbf])")


class Writer(Protocol):
    """Takes the parts of a file, in order."""

    def write(self, part: bytes | pa.Table) -> None:
        """Append a part, as :func:`encode` made it."""

    def close(self) -> None:
        """End the file."""

    def abandon(self) -> None:
        """Write no more; what is there is no whole file."""


def encode(table: pa.Table, file_format: str) -> bytes | pa.Table:
    """A part of a file as its writer takes it: for CSV the bytes of its lines, without a header."""
    if file_format == "parquet":
        return table
    text = BytesIO()
    csv.write_csv(table, text, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return LATIN_BYTES.sub(_latin_byte, text.getvalue())


def open_writer(path: Path, schema: pa.Schema, file_format: str) -> Writer:
    """A writer for a new file; what the columns are is written at once, so that a file may have no rows."""
    return _CsvWriter(path, schema) if file_format == "csv" else _ParquetWriter(path, schema)


class _Appended(RawIOBase):
    """A new file that is open only while it is written to: a year of drops has thousands of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self.abandoned = False
        path.touch(exist_ok=False)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        if self.abandoned:
            return len(data)
        with self._path.open("ab") as stream:
            self._size += stream.write(data)
        return len(data)


class _CsvWriter:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = _Appended(path)
        self.write((",".join(f'"{name}"' for name in schema.names) + "\n").encode())

    def write(self, part: bytes | pa.Table) -> None:
        if part:
            self._file.write(part)

    def close(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        self.close()


class _ParquetWriter:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = _Appended(path)
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        self._waiting = schema.empty_table()

    def write(self, part: bytes | pa.Table) -> None:
        # Row groups of one size: the bytes of the file do not depend on the size of its parts.
        waiting = pa.concat_tables([self._waiting, part])
        while len(waiting) >= ROWS_PER_GROUP:
            self._writer.write_table(waiting.slice(0, ROWS_PER_GROUP).combine_chunks())
            waiting = waiting.slice(ROWS_PER_GROUP)
        self._waiting = waiting

    def close(self) -> None:
        if len(self._waiting):
            self._writer.write_table(self._waiting.combine_chunks())
        self._writer.close()

    def abandon(self) -> None:
        # The library ends its file whatever happens; that must not meet the full disk again.
        self._file.abandoned = True
        self._writer.close()


def _latin_byte(found: re.Match[bytes]) -> bytes:
    return bytes([(found[1][0] - 0x80) * 64 + found[2][0] - 0x80])

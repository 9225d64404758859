"""Landing files, written part by part, whole or not at all, and put in the place of those before them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from lakehouse.errors import LakehouseError, is_disk_full
from lakehouse.lock import writing

ROWS_PER_GROUP = 1 << 16
"""Rows in a row group of Parquet, however many come at a time."""
WAITING_BYTES = 1 << 28
"""How much of all files together may wait in memory for the rest of its row groups; beyond that it waits on disk."""
WORKPLACE = ".generating"
"""The hidden folder, inside the one that is written to, in which everything is made."""
FORMATS = ("csv", "parquet")
LATIN = 0xE000
"""Characters from here on stand for single bytes of Latin-1: what a program with the wrong encoding writes."""
LATIN_BYTES = re.compile(rb"\xee([\x80-\x83])([\x80-\xbf])")


def encode(table: pa.Table, file_format: str) -> bytes | pa.Table:
    """A part of a file as its writer takes it: for CSV the bytes of its lines, without a header."""
    if file_format == "parquet":
        return table
    text = BytesIO()
    csv.write_csv(table, text, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return LATIN_BYTES.sub(_latin_byte, text.getvalue())


class Files:
    """New files in a folder, thousands of them at a time, each appended to part by part.

    Args:
        folder: where they go; the folders in it are made as they are needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, _Writer] = {}
        self._waiting = 0

    def append(self, path: str, schema: pa.Schema, part: bytes | pa.Table) -> None:
        """Append a part, as :func:`encode` made it; the first one starts the file, and may hold no rows.

        Args:
            path: of the file in the folder; its suffix says the format.
            schema: its columns.
            part: the next rows.
        """
        if path not in self._writers:
            (self._folder / path).parent.mkdir(exist_ok=True)
            writer = _CsvWriter if path.endswith(".csv") else _ParquetWriter
            self._writers[path] = writer(self._folder / path, schema)
        self._waiting += self._writers[path].write(part)
        if self._waiting > WAITING_BYTES:
            for each in self._writers.values():
                each.put_aside()
            self._waiting = 0

    def close(self) -> None:
        """End the files."""
        for writer in self._writers.values():
            writer.close()

    def abandon(self) -> None:
        """Write no more; what is there is no whole file."""
        for writer in self._writers.values():
            writer.abandon()


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """A hidden, empty folder inside ``out``, so that what is made there can be renamed into it.

    Both are made if they are missing. The hidden one is gone afterwards, and so is ``out`` if nothing came of it;
    what a process that was killed left there is removed by the next.

    Raises:
        LakehouseError: ``out`` cannot be made, or another process is at work in it.
    """
    missing = [folder for folder in (out, *out.parents) if not os.path.lexists(folder)]
    work = out / WORKPLACE
    try:
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if is_disk_full(error):
                raise
            raise LakehouseError(
                f"{out} cannot be written: {(error.strerror or str(error)).lower()}.",
                "Give yourself write access, or point --out at another folder.",
            ) from error
        with writing(work):
            for left in (entry for entry in work.iterdir() if entry.is_dir()):
                shutil.rmtree(left)
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
    finally:
        _remove_empty(missing)


def put_in_place(made: Path, out: Path, before: Collection[str], aside: Path) -> None:
    """Move files into a folder, in the place of those that were there; whatever fails, it is as it was.

    Args:
        made: all files that it holds are moved.
        out: where to; other files there stay.
        before: paths in ``out`` of files to be removed, and of folders with nothing else in them.
        aside: a folder for what is replaced, on the same disk as the others.
    """
    new = [str(path.relative_to(made)) for path in sorted(made.rglob("*")) if path.is_file()]
    replaced = [path for path in sorted({*before, *new}) if os.path.lexists(out / path)]
    moves = [(out / path, aside / path) for path in replaced] + [(made / path, out / path) for path in new]
    begun: list[tuple[Path, Path]] = []
    filled = {(out / path).parent for path in new}
    try:
        for folder in {target.parent for _, target in moves}:
            folder.mkdir(parents=True, exist_ok=True)
        for source, target in moves:
            begun.append((source, target))
            source.replace(target)
    except BaseException:
        for source, target in reversed(begun):
            if os.path.lexists(target):
                target.replace(source)
        _remove_empty(filled - {out})
        raise
    _remove_empty({(out / path).parent for path in before} - filled - {out})


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


class _Writer(Protocol):
    def write(self, part: bytes | pa.Table) -> int:
        """Append a part; how many bytes more wait in memory after it, or fewer if negative."""

    def put_aside(self) -> None:
        """Let what waits in memory wait on disk."""

    def close(self) -> None:
        """End the file."""

    def abandon(self) -> None:
        """Write no more."""


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

    def write(self, part: bytes | pa.Table) -> int:
        if part:
            self._file.write(part)
        return 0

    def put_aside(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        self.close()


class _ParquetWriter:
    """Row groups of one size: the bytes of the file do not depend on the size of its parts or on where they wait."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = _Appended(path)
        self._schema = schema
        # Opened with the first row group: a writer takes memory, and a year of drops has thousands of files.
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0
        self._aside = path.with_name(f"{path.name}.waiting")

    def write(self, part: bytes | pa.Table) -> int:
        before = self._bytes
        assert isinstance(part, pa.Table)
        self._waiting.append(part)
        self._rows += len(part)
        self._bytes += part.nbytes
        if self._rows >= ROWS_PER_GROUP:
            waiting = self._all_waiting()
            whole = len(waiting) - len(waiting) % ROWS_PER_GROUP
            for start in range(0, whole, ROWS_PER_GROUP):
                self._write_group(waiting.slice(start, ROWS_PER_GROUP))
            rest = waiting.slice(whole)
            self._waiting, self._rows, self._bytes = [rest], len(rest), rest.nbytes
        return self._bytes - before

    def put_aside(self) -> None:
        if any(map(len, self._waiting)):
            with self._aside.open("ab") as file, pa.ipc.new_stream(file, self._schema) as stream:
                for table in self._waiting:
                    stream.write_table(table)
        self._waiting, self._bytes = [], 0

    def close(self) -> None:
        waiting = self._all_waiting()
        if len(waiting) or self._writer is None:
            self._write_group(waiting)
        assert self._writer is not None
        self._writer.close()

    def abandon(self) -> None:
        if self._writer is not None:
            # The library ends its file whatever happens; that must not meet the full disk again.
            self._file.abandoned = True
            self._writer.close()

    def _write_group(self, rows: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        if len(rows):
            self._writer.write_table(rows.combine_chunks())

    def _all_waiting(self) -> pa.Table:
        tables = [self._schema.empty_table()]
        if self._aside.exists():
            with self._aside.open("rb") as file:
                while file.peek(1):
                    tables.append(pa.ipc.open_stream(file).read_all())
            self._aside.unlink()
        return pa.concat_tables([*tables, *self._waiting])


def _latin_byte(found: re.Match[bytes]) -> bytes:
    return bytes([(found[1][0] - 0x80) * 64 + found[2][0] - 0x80])

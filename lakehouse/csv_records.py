"""Tolerant CSV reading: every record is either whole or rejected with its raw line and a reason.

The standard library's parser decides what a record is, in strict mode. What this module adds is that a
damaged record costs only its own first line: the lines that a broken quote swallowed are read again.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lakehouse.errors import LakehouseError

MAX_RECORD_BYTES = 1 << 20
csv.field_size_limit(MAX_RECORD_BYTES)


class Record(NamedTuple):
    """A whole record; ``line`` is the 1-based physical line on which it starts, the header being line 1."""

    line: int
    values: list[str]


class Reject(NamedTuple):
    """A line that is no record, as it was delivered, and why."""

    line: int
    raw: str
    reason: str


def read_header(first_line: bytes, name: str) -> list[str]:
    """The column names in a file's first line; a byte order mark is dropped.

    Raises:
        LakehouseError: the line is empty or is not UTF-8.
    """
    try:
        text = first_line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise LakehouseError(
            f"{name} does not start with a header in UTF-8 (byte {error.start + 1} of the first line).",
            "Save the file as UTF-8.",
        ) from error
    if not text.strip():
        raise LakehouseError(f"{name} is empty: it has no header.", "Deliver the file again.")
    return next(csv.reader([text]))


def read_records(lines: Iterable[bytes], width: int, first_line: int = 2) -> Iterator[Record | Reject]:
    """Split the lines after a header into records and rejects, in the order of the file.

    Args:
        lines: physical lines with their line ends.
        width: the number of fields in a record.
        first_line: the number of the first of ``lines`` in its file.

    Yields:
        A :class:`Record` of ``width`` values, or a :class:`Reject` of one physical line.
    """
    source = _Lines(lines, first_line)
    reader = csv.reader(source, strict=True)
    while True:
        source.begin()
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield source.reject(_explain(error))
            reader = csv.reader(source, strict=True)
            continue
        if source.broken_utf8:
            yield source.reject("not valid UTF-8")
            reader = csv.reader(source, strict=True)
        elif len(values) == width:
            yield Record(source.start, values)
        elif values:
            few_or_many = "too few" if len(values) < width else "too many"
            yield source.reject(f"{few_or_many} fields: {len(values)} instead of {width}")


class _Lines:
    """Feeds lines to the parser, remembers those of the record at hand, and can take lines back."""

    def __init__(self, lines: Iterable[bytes], first_line: int) -> None:
        self._lines = iter(lines)
        self._again: deque[bytes] = deque()
        self._record: list[bytes] = []
        self._next_line = first_line
        self._size = 0
        self.start = first_line
        self.broken_utf8 = False

    def begin(self) -> None:
        self.start = self._next_line
        self._record.clear()
        self._size = 0
        self.broken_utf8 = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._again.popleft() if self._again else next(self._lines)
        self._record.append(raw)
        self._size += len(raw)
        self._next_line += 1
        if self._size > MAX_RECORD_BYTES:
            raise csv.Error("record larger than limit")
        if b"\0" in raw:
            raise csv.Error("line contains NUL")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.broken_utf8 = True
            return raw.decode("utf-8", "replace")

    def reject(self, reason: str) -> Reject:
        """Reject the record's first line and give the others back to be read again."""
        first, *others = self._record
        self._again.extendleft(reversed(others))
        self._next_line = self.start + 1
        return Reject(self.start, first.decode("utf-8", "backslashreplace").rstrip("\r\n"), reason)


def _explain(error: csv.Error) -> str:
    text = str(error)
    if "NUL" in text:
        return "holds a NUL byte"
    if "limit" in text or "unexpected end of data" in text:
        return "a quote is opened and never closed"
    if "expected after" in text:
        return "a quote stands in the middle of a field"
    return text

"""Tolerant CSV reading: every record is either whole or rejected with its raw line and a reason.

The standard library's parser decides what a record is, in strict mode. What this module adds is that a
damaged record costs only its own first line: the lines that a broken quote swallowed are read again.
Memory is bounded whatever the file holds: no line and no record over ``MAX_RECORD_BYTES`` is kept.
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from lakehouse.errors import LakehouseError

MAX_RECORD_BYTES = 1 << 20
# Each line that opens a quote may cost a reading of all these lines, which files of text never have.
MAX_RECORD_LINES = 1_000
csv.field_size_limit(MAX_RECORD_BYTES)

NEVER_CLOSED = "a quote is opened and never closed"


class Record(NamedTuple):
    """A whole record; ``line`` is the 1-based physical line on which it starts, the header being line 1."""

    line: int
    values: list[str]


class Reject(NamedTuple):
    """What is no record, as it was delivered but for the last line end, and why; ``line`` as in a record."""

    line: int
    raw: str
    reason: str


def physical_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream with their line ends; one over ``MAX_RECORD_BYTES`` is cut to a byte more than that."""
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        yield line
        while len(line) > MAX_RECORD_BYTES and not line.endswith(b"\n"):
            line = stream.readline(MAX_RECORD_BYTES + 1)


def read_header(first_line: bytes, name: str) -> list[str]:
    """The column names in a file's first line; a byte order mark is dropped.

    Args:
        first_line: as :func:`physical_lines` gives it.
        name: the file's name, for messages.

    Raises:
        LakehouseError: the line is empty, is not UTF-8, or is not one line of CSV.
    """
    if first_line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in first_line:
        raise LakehouseError(f"{name} is not UTF-8 text: it looks like UTF-16.", "Save the file as UTF-8.")
    try:
        text = first_line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise LakehouseError(
            f"{name} does not start with a header in UTF-8 (byte {error.start + 1} of the first line).",
            "Save the file as UTF-8.",
        ) from error
    if not text.strip():
        raise LakehouseError(f"{name} is empty: it has no header.", "Deliver the file again.")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise LakehouseError(
            f"The header of {name} cannot be read: {_explain(error)}.",
            "Its first line must hold the column names, separated by commas, and end with a line feed.",
        ) from error


def read_records(lines: Iterable[bytes], width: int, first_line: int = 2) -> Iterator[Record | Reject]:
    """Split the lines after a header into records and rejects, in the order of the file.

    Blank lines are neither. A record with a byte that is no text is rejected whole; where the quotes or the
    number of fields are wrong, a record's end cannot be known and only its first line is rejected.

    Args:
        lines: physical lines with their line ends.
        width: the number of fields in a record.
        first_line: the number of the first of ``lines`` in its file.

    Yields:
        A :class:`Record` of ``width`` values, or a :class:`Reject`.
    """
    source = _Lines(lines, first_line)
    reader = csv.reader(source, strict=True)
    while True:
        source.begin()
        try:
            values = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            yield source.reject_first_line(NEVER_CLOSED if source.goes_on else _explain(error))
            reader = csv.reader(source, strict=True)
            continue
        if not values:
            continue
        if source.has_unpaired_quotes(values):
            yield source.reject_first_line(NEVER_CLOSED)
        elif len(values) != width:
            few_or_many = "too few" if len(values) < width else "too many"
            yield source.reject_first_line(f"{few_or_many} fields: {len(values)} instead of {width}")
        elif source.damage:
            yield source.reject_record(source.damage)
        else:
            yield Record(source.start, values)


class _TooLong(Exception):
    """A record goes on beyond what is read of one."""


class _Lines:
    """Feeds lines to the parser, remembers those of the record at hand, and can take lines back."""

    def __init__(self, lines: Iterable[bytes], first_line: int) -> None:
        self._lines = iter(lines)
        self._again: deque[bytes] = deque()
        self._record: list[bytes] = []
        self._next_line = first_line
        self._size = 0
        self._quotes = 0
        self.start = first_line
        self.damage = ""

    def begin(self) -> None:
        self.start = self._next_line
        self._record.clear()
        self._size = 0
        self._quotes = 0
        self.damage = ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._again.popleft() if self._again else next(self._lines)
        self._record.append(raw)
        self._size += len(raw)
        self._quotes += raw.count(b'"')
        self._next_line += 1
        if self._size > MAX_RECORD_BYTES or len(self._record) > MAX_RECORD_LINES:
            raise _TooLong(f"longer than {MAX_RECORD_BYTES} bytes")
        if b"\0" in raw:
            self.damage = "holds a NUL byte"
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.damage = "not valid UTF-8"
            return raw.decode("utf-8", "replace")

    @property
    def goes_on(self) -> bool:
        """Whether a quote took the record beyond its first line."""
        return len(self._record) > 1

    def has_unpaired_quotes(self, values: list[str]) -> bool:
        """Whether a quote was taken for the start or end of a field, and one of them lacks its partner.

        The parser lets such a record pass when the quotes of the next field or line happen to close it.
        Quotes that are all part of a field's text, as in ``5" tube``, need no partner.
        """
        return self._quotes % 2 == 1 and self._quotes != sum(value.count('"') for value in values)

    def reject_first_line(self, reason: str) -> Reject:
        """Reject the record's first line and give the others back to be read again."""
        first, *others = self._record
        self._again.extendleft(reversed(others))
        self._next_line = self.start + 1
        return self._reject(first, reason)

    def reject_record(self, reason: str) -> Reject:
        """Reject all lines of the record."""
        return self._reject(b"".join(self._record), reason)

    def _reject(self, raw: bytes, reason: str) -> Reject:
        return Reject(self.start, raw.decode("utf-8", "backslashreplace").rstrip("\r\n"), reason)


def _explain(error: Exception) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return NEVER_CLOSED
    if "expected after" in text:
        return "a quote stands in the middle of a field"
    if "new-line character" in text:
        return "a carriage return stands in the middle of a line"
    return text

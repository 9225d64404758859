"""Damaged CSV costs the damaged lines and no others."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import csv_records
from lakehouse.csv_records import MAX_RECORD_BYTES, Record, Reject, physical_lines, read_header, read_records
from lakehouse.errors import LakehouseError


def read(content: bytes, width: int = 2) -> list[Record | Reject]:
    return list(read_records(physical_lines(io.BytesIO(content)), width))


def rejects(content: bytes, width: int = 2) -> list[tuple[int, str]]:
    return [(item.line, item.reason) for item in read(content, width) if isinstance(item, Reject)]


def records(content: bytes, width: int = 2) -> list[tuple[int, list[str]]]:
    return [(item.line, item.values) for item in read(content, width) if isinstance(item, Record)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"a,b\nc,d\n", [(2, ["a", "b"]), (3, ["c", "d"])], id="plain"),
        pytest.param(b"a,b\nc,d", [(2, ["a", "b"]), (3, ["c", "d"])], id="no newline at the end"),
        pytest.param(b"a,b\r\nc,d\r\n", [(2, ["a", "b"]), (3, ["c", "d"])], id="windows line ends"),
        pytest.param(b'"a","b"\n', [(2, ["a", "b"])], id="quotes"),
        pytest.param(b'"say ""hi""",b\n', [(2, ['say "hi"', "b"])], id="escaped quotes"),
        pytest.param(b'"a,b",c\n', [(2, ["a,b", "c"])], id="comma in quotes"),
        pytest.param(b'"1\n2\n\n4",b\nc,d\n', [(2, ["1\n2\n\n4", "b"]), (6, ["c", "d"])], id="line breaks in quotes"),
        pytest.param(b'"1\r\n2",b\r\nc,d\r\n', [(2, ["1\r\n2", "b"]), (4, ["c", "d"])], id="windows line breaks"),
        pytest.param(b"\na,b\n\r\n\nc,d\n\n", [(3, ["a", "b"]), (6, ["c", "d"])], id="blank lines"),
        pytest.param(b",\n", [(2, ["", ""])], id="empty fields"),
        pytest.param(" a , b\n\u2028,é\n".encode(), [(2, [" a ", " b"]), (3, ["\u2028", "é"])], id="text as it is"),
        pytest.param(b'5" tube,b\nc,d\n', [(2, ['5" tube', "b"]), (3, ["c", "d"])], id="quote that is only text"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_records_come_whole_with_their_first_line(content: bytes, expected: list[tuple[int, list[str]]]) -> None:
    assert read(content) == [Record(line, values) for line, values in expected]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"a", "too few fields: 1 instead of 2", id="too few"),
        pytest.param(b"a,b,c", "too many fields: 3 instead of 2", id="too many"),
        pytest.param(b'"a"b,c', "a quote stands in the middle of a field", id="stray quote"),
        pytest.param(b'"a,",x"', "a quote is opened and never closed", id="quotes that close each other"),
        pytest.param(b"a\0,b", "holds a NUL byte", id="NUL"),
        pytest.param(b"a,\xe9", "not valid UTF-8", id="latin-1"),
        pytest.param(b"a,\xed\xa0\x80", "not valid UTF-8", id="surrogate"),
        pytest.param(b"a\rb,c", "a carriage return stands in the middle of a line", id="carriage return"),
        pytest.param(b"a" * MAX_RECORD_BYTES + b",b", "longer than 1048576 bytes", id="long line"),
        pytest.param(b"a" * MAX_RECORD_BYTES * 3 + b",b", "longer than 1048576 bytes", id="very long line"),
    ],
)
@pytest.mark.parametrize("around", [b"p,q\n", b'"p","q"\n', b'"p\np","q"\n'], ids=["plain", "quoted", "two lines"])
def test_a_bad_line_is_rejected_alone(line: bytes, reason: str, around: bytes) -> None:
    lines_around = around.count(b"\n")
    assert rejects(around + line + b"\n" + around) == [(2 + lines_around, reason)]
    assert [start for start, _ in records(around + line + b"\n" + around)] == [2, 3 + lines_around]
    assert rejects(around + line) == [(2 + lines_around, reason)], "at the very end"


def test_a_rejected_line_is_kept_as_delivered() -> None:
    (reject,) = (item for item in read(b'a,b\r\n "x", \xe9\\,3\r\nc,d\r\n') if isinstance(item, Reject))
    assert reject.raw == r' "x", \xe9\,3'


@pytest.mark.parametrize("after", [b"c,d\ne,f\n", b'"c","d"\n"e","f"\n'], ids=["unquoted file", "quoted file"])
@pytest.mark.parametrize("line", [b'"a,b\n', b'a,"b\n', b'"a","b\n'])
def test_an_unclosed_quote_costs_its_own_line(line: bytes, after: bytes) -> None:
    assert rejects(b"p,q\n" + line + after) == [(3, csv_records.NEVER_CLOSED)]
    assert records(b"p,q\n" + line + after) == [(2, ["p", "q"]), (4, ["c", "d"]), (5, ["e", "f"])]


def test_an_unclosed_quote_in_the_last_line_costs_that_line() -> None:
    assert rejects(b'a,b\nc,"d') == [(3, csv_records.NEVER_CLOSED)]
    assert records(b'a,b\nc,"d') == [(2, ["a", "b"])]


def test_what_an_unclosed_quote_swallowed_comes_back_from_any_distance() -> None:
    """Beyond the limits of a record, by bytes and by lines, and with a closing quote far below."""
    for row in (b"x" * 5_000 + b",y\n", b"x,y\n"):
        content = b'"a,b\n' + row * 2_500 + b'"c",d\n'
        assert rejects(content) == [(2, csv_records.NEVER_CLOSED)]
        assert [line for line, _ in records(content)] == list(range(3, 2_504))


def test_a_record_of_several_lines_with_bad_bytes_is_rejected_whole() -> None:
    """Its end is known, so no line of its text is taken for a record."""
    for byte, reason in ((b"\xff", "not valid UTF-8"), (b"\0", "holds a NUL byte")):
        content = b'a,"1\nx,' + byte + b'\ny,z"\nc,d\n'
        assert [item for item in read(content) if isinstance(item, Reject)] == [
            Reject(2, content.decode("utf-8", "backslashreplace").removesuffix("\nc,d\n"), reason)
        ]
        assert records(content) == [(5, ["c", "d"])]


def test_a_swallowed_line_is_judged_by_itself() -> None:
    assert rejects(b'"a,b\nc,\xff\ne\n"f",g\n') == [
        (2, csv_records.NEVER_CLOSED),
        (3, "not valid UTF-8"),
        (4, "too few fields: 1 instead of 2"),
    ]


def test_a_record_may_be_as_long_as_the_limit() -> None:
    fits = b"x" * (MAX_RECORD_BYTES - 3) + b",y\n"
    assert [line for line, _ in records(fits + b"c,d\n")] == [2, 3]
    assert rejects(b"x" + fits + b"c,d\n") == [(2, "longer than 1048576 bytes")]


def test_no_more_of_a_long_line_is_held_than_the_limit() -> None:
    class Endless(io.RawIOBase):
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= MAX_RECORD_BYTES + 1
            self.longest += size
            return b"x" * size if self.longest < 20 * MAX_RECORD_BYTES else b""

    (line,) = physical_lines(Endless())  # type: ignore[arg-type]
    assert len(line) == MAX_RECORD_BYTES + 1


def test_many_lines_that_each_open_a_quote_read_on_only_so_far() -> None:
    consumed = 0

    def lines() -> Iterator[bytes]:
        nonlocal consumed
        for _ in range(5_000):
            consumed += 1
            yield b'x","y\n'

    found = read_records(lines(), 2)
    assert next(found) == Reject(2, 'x","y', csv_records.NEVER_CLOSED)
    assert consumed == csv_records.MAX_RECORD_LINES + 1


# --- headers


def test_a_header_loses_its_byte_order_mark_and_its_quotes() -> None:
    assert read_header(b'\xef\xbb\xbf"a",b\r\n', "f.csv") == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "f.csv is empty"),
        (b" \r\n", "f.csv is empty"),
        ("prénom,b\n".encode("latin-1"), r"header in UTF-8 \(byte 3 of the first line\)"),
        ("a,b\n".encode("utf-16"), "looks like UTF-16"),
        ("a,b\n".encode("utf-16-be"), "looks like UTF-16"),
        (b"a,b\rc,d\r", "header of f.csv cannot be read: a carriage return"),
        (b'"a,b\n', "header of f.csv cannot be read: a quote is opened and never closed"),
        (b"a" * (MAX_RECORD_BYTES + 1), "header of f.csv cannot be read"),
    ],
)
def test_a_header_that_is_none_is_explained(line: bytes, words: str) -> None:
    with pytest.raises(LakehouseError, match=words) as caught:
        read_header(line, "f.csv")
    assert caught.value.mend


# --- for all contents

TEXT = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=12)
NASTY = st.text(st.sampled_from('",\n a\u2028é'), max_size=6)
SINGLE_LINE = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8)
NASTY_SINGLE_LINE = st.text(st.sampled_from('",a'), max_size=4) | st.sampled_from([",a", ",", '"', ',",'])


def tables(field: st.SearchStrategy[str], min_size: int = 0) -> st.SearchStrategy[list[list[str]]]:
    return st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(field, min_size=width, max_size=width), min_size=min_size, max_size=8)
    )


def written(rows: list[list[str]], quote_all: bool = False, end: str = "\n") -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL, lineterminator=end).writerows(rows)
    return text.getvalue().encode()


@settings(deadline=None)
@given(rows=tables(TEXT | NASTY, min_size=1), quote_all=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_what_is_read(rows: list[list[str]], quote_all: bool, end: str) -> None:
    found = read(written(rows, quote_all, end), len(rows[0]))
    assert [item.values for item in found if isinstance(item, Record)] == rows
    assert len(found) == len(rows)


def damaged(how: str, row: list[str], line: bytes, choice: random.Random) -> bytes:
    if how == "drop a field":
        return written([row[:-1]])
    if how == "add a field":
        return written([[*row, "x"]])
    if how == "insert a bad byte":
        at = choice.randrange(len(line.rstrip(b"\n")) + 1)
        return line[:at] + choice.choice([b"\xff", b"\0", b"\xc3("]) + line[at:]
    # A quote is opened at the start of a field, or the one that ends a field is lost.
    fields = [written([[value, ""]]).removesuffix(b",\n") for value in row]
    at = choice.randrange(len(row))
    is_quoted = fields[at].startswith(b'"')
    fields[at] = fields[at][:-1] if is_quoted else b'"' + fields[at]
    return b",".join(fields) + b"\n"


@settings(deadline=None, max_examples=300)
@given(
    rows=tables(SINGLE_LINE | NASTY_SINGLE_LINE, min_size=1),
    quote_all=st.booleans(),
    how=st.sampled_from(["drop a field", "add a field", "insert a bad byte", "open a quote"]),
    choice=st.randoms(use_true_random=False),
)
def test_damage_to_one_line_costs_that_line_alone(
    rows: list[list[str]], quote_all: bool, how: str, choice: random.Random
) -> None:
    lines = [written([row], quote_all) for row in rows]
    bad = choice.randrange(len(rows))
    lines[bad] = damaged(how, rows[bad], lines[bad], choice)
    found = read(b"".join(lines), len(rows[0]))
    assert [item.line for item in found] == list(range(2, len(rows) + 2)), "every line is accounted for, once"
    assert [item.line for item in found if isinstance(item, Reject)] == [bad + 2]
    assert [item.values for item in found if isinstance(item, Record)] == rows[:bad] + rows[bad + 1 :]


@settings(deadline=None, max_examples=300)
@given(
    pieces=st.lists(st.sampled_from([b'"', b",", b"a", b"\n", b'x","y\n', b'"",', b"\xff", b"\0"]), max_size=40),
    limit=st.integers(2, 5),
)
def test_whatever_a_file_holds_every_line_is_accounted_for_once(pieces: list[bytes], limit: int) -> None:
    content = b"".join(pieces)
    lines = dict(enumerate(content.split(b"\n"), start=2))
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "MAX_RECORD_LINES", limit)
        found = read(content)
    for item in found:
        breaks = item.raw.count("\n") if isinstance(item, Reject) else "".join(item.values).count("\n")
        span = range(item.line, item.line + breaks + 1)
        seen += span
        if isinstance(item, Reject):
            assert item.raw == b"\n".join(lines[line] for line in span).decode("utf-8", "backslashreplace")
    blank = [line for line in lines if not lines[line] and line not in seen]
    assert sorted([*seen, *blank]) == list(lines)
    assert [item.line for item in found] == sorted({item.line for item in found})

"""Whatever bytes a delivered file holds: it is read, or refused in words."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import acceptance, catalog
from lakehouse.csv_records import physical_lines, read_header, read_records
from lakehouse.errors import LakehouseError
from lakehouse.landing import OLIST
from lakehouse.parquet_records import open_parquet, text_batches
from lakehouse.session import open_session

pytestmark = pytest.mark.slow

SELLERS = OLIST[7]
FEW = settings(max_examples=200, deadline=None)
MANY = settings(max_examples=20_000, deadline=None)
HEADERS = st.binary(max_size=200) | st.lists(
    st.text(max_size=8) | st.sampled_from([*SELLERS.columns, "_batch_id", 'a"b', "a`b", "a;drop table x", "--", "'"]),
    max_size=9,
).map(lambda names: ",".join(names).encode("utf-8", "replace"))
COLUMNS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=12, unique_by=str.lower
)


def parquet() -> bytes:
    stream = io.BytesIO()
    moments = pa.array([0, None, 7], pa.timestamp("us"))
    rows = pa.table({"id": ["a", "b", None], "n": [1, None, 3], "at": moments, "x": [0.5, None, float("nan")]})
    pq.write_table(rows, stream)
    return stream.getvalue()


def reads_csv(content: bytes) -> None:
    with suppress(LakehouseError):
        lines = physical_lines(io.BytesIO(content))
        header = read_header(next(lines, b""), SELLERS.file)
        acceptance._check_header(SELLERS, SELLERS.file, header)
        for _ in read_records(lines, len(header)):
            pass


def reads_parquet(changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(parquet())
    for place, value in changes:
        content[-1 - place % len(content)] = value
    with suppress(LakehouseError), open_parquet(io.BytesIO(content[: len(content) - length]), "a.parquet") as file:
        for _ in text_batches(file, list(file.schema_arrow.names)):
            pass


CSV = given(content=st.builds(lambda header, rest: header + b"\n" + rest, HEADERS, st.binary(max_size=300)))
PARQUET = given(
    changes=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 40) | st.just(0),
)


def test_a_csv_file_of_any_bytes() -> None:
    FEW(CSV(reads_csv))()


def test_a_parquet_file_of_any_bytes() -> None:
    FEW(PARQUET(reads_parquet))()


def test_a_parquet_file_whose_column_is_called_no_text() -> None:
    content = parquet().replace(b"\x02id", b"\x02i\x80")
    assert content != parquet()
    with (
        pytest.raises(LakehouseError, match=r"a\.parquet is not a whole Parquet file: 'utf-8' codec can't decode"),
        open_parquet(io.BytesIO(content), "a.parquet"),
    ):
        pass


@pytest.mark.chaos
def test_many_csv_files_of_any_bytes() -> None:
    MANY(CSV(reads_csv))()


@pytest.mark.chaos
def test_many_parquet_files_of_any_bytes() -> None:
    MANY(PARQUET(reads_parquet))()


def admitted(names: list[str]) -> list[str]:
    """Those of the names that the header of a delivered file may have beside what it must have."""
    good = []
    for name in names:
        with suppress(LakehouseError):
            acceptance._check_header(SELLERS, SELLERS.file, [*SELLERS.columns, name])
            good.append(name)
    return good


def test_every_name_that_is_admitted_can_be_a_column(tmp_path: Path) -> None:
    """Quoted wherever it goes into SQL: by the catalog, which tells the engine of every column at each start."""
    names = admitted(
        [
            *(chr(code) for code in range(256)),
            *("a\u200b", "a\ufeff", "a\u2028", 'a"b', "a`b", "a``", "'a'", "a--", "select", "a\\b", "列"),
        ]
    )
    assert len(names) > 80
    warehouse = tmp_path / "warehouse"
    catalog.prepare(warehouse)
    # Delta does not tell A from a.
    columns = {name.lower(): name for name in names}
    write_deltalake(warehouse / "bronze" / "odd", pa.table({name: [name] for name in columns.values()}))
    read = open_session("local", warehouse).table("bronze.odd")
    assert read.columns == list(columns.values())
    [row] = read.collect()
    assert list(row) == read.columns


@pytest.mark.chaos
@settings(max_examples=100, deadline=None)
@given(names=COLUMNS)
def test_many_names_that_are_admitted_can_be_columns(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    columns = admitted(names)
    if columns:
        warehouse = tmp_path_factory.mktemp("names") / "warehouse"
        catalog.prepare(warehouse)
        write_deltalake(warehouse / "bronze" / "odd", pa.table({name: ["a"] for name in columns}))
        assert open_session("local", warehouse).table("bronze.odd").columns == columns

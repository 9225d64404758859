"""Beyond the nine files: the clickstream and contacts beside them, Parquet, several folders, and daily drops."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from datetime import date, datetime, tzinfo
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from data_generation.generate import generate
from data_generation.request import Request
from lakehouse import catalog, ingest
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError
from lakehouse.landing import BEHAVIOUR, OLIST
from tests import delta

EVENTS, CONTACTS = (landing.file for landing in BEHAVIOUR)
DAY = date(2018, 3, 5)
AUDIT = ["_source_file", "_source_row", "_batch_id", "_ingested_at", "_delivered_on"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small generated shop, as CSV in one folder and as Parquet in another."""
    folder = tmp_path_factory.mktemp("made")
    for file_format in ("csv", "parquet"):
        generate(Request(folder / file_format, scale=0.002, seed=8, file_format=file_format))
        shutil.rmtree(folder / file_format / "truth")
    return folder


@pytest.fixture
def files(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "csv", tmp_path / "files"))


def content(warehouse: Path, table: str) -> list[dict[str, object]]:
    return delta.query(warehouse, f"select * from bronze__{table} order by _source_file, _source_row")


def delivered(warehouse: Path, table: str) -> list[dict[str, object]]:
    return [{key: row[key] for key in row if key not in AUDIT} for row in content(warehouse, table)]


def test_the_behaviour_comes_with_the_shop(made: Path, warehouse: Path) -> None:
    reports = ingest.ingest("olist", [made / "csv"], warehouse)
    assert [report.file for report in reports] == [landing.file for landing in (*OLIST, *BEHAVIOUR)]
    assert {row["provenance"] for row in content(warehouse, "clickstream_events")} == {"generated"}
    assert {row["_delivered_on"] for row in content(warehouse, "orders")} == {None}


@pytest.mark.slow
def test_parquet_arrives_as_csv_does(made: Path, warehouse: Path, tmp_path: Path) -> None:
    ingest.ingest("olist", [made / "csv"], warehouse)
    ingest.ingest("olist", [made / "parquet"], tmp_path / "other")
    for landing in (*OLIST, *BEHAVIOUR):
        found = delivered(tmp_path / "other", landing.table)
        assert found == delivered(warehouse, landing.table)
        assert found
    lines = [row["_source_row"] for row in content(tmp_path / "other", "orders")]
    assert lines == list(range(2, len(lines) + 2))
    again = ingest.ingest("olist", [made / "parquet"], tmp_path / "other")
    assert all(report.already_there for report in again)


def test_without_behaviour_its_tables_are_there_and_empty(files: Path, warehouse: Path) -> None:
    for landing in BEHAVIOUR:
        (files / landing.file).unlink()
    reports = ingest.ingest("olist", [files], warehouse)
    assert len(reports) == len(OLIST)
    for landing in BEHAVIOUR:
        schema = catalog.open_delta(warehouse, TableName("bronze", landing.table)).schema()
        assert [field.name for field in schema.fields] == [*landing.columns, *AUDIT]
        assert content(warehouse, landing.table) == []


@pytest.mark.slow
def test_behaviour_may_come_from_another_folder_or_later(files: Path, tmp_path: Path, warehouse: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    for file in (EVENTS, CONTACTS):
        shutil.move(files / file, beside / file)
    ingest.ingest("olist", [files, beside], warehouse)
    ingest.ingest("olist", [files], tmp_path / "later")
    ingest.ingest("olist", [beside], tmp_path / "later")
    for landing in BEHAVIOUR:
        assert delivered(warehouse, landing.table) == delivered(tmp_path / "later", landing.table) != []


def test_a_file_that_is_delivered_twice_is_refused(made: Path, files: Path, warehouse: Path) -> None:
    with pytest.raises(
        LakehouseError, match=r"same file is delivered more than once: .*olist_customers.*Leave only one"
    ):
        ingest.ingest("olist", [made / "csv", files], warehouse)
    shutil.copy(made / "parquet" / "customer_contacts.parquet", files)
    with pytest.raises(
        LakehouseError, match=r"more than once: customer_contacts\.csv in .*customer_contacts\.parquet in"
    ):
        ingest.ingest("olist", [files], warehouse)
    assert not warehouse.exists()


def test_files_that_lie_in_several_folders_are_missed_in_all_of_them(
    files: Path, tmp_path: Path, warehouse: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (files / OLIST[3].file).unlink()
    with pytest.raises(LakehouseError, match=rf"files, .*other lack {OLIST[3].file}.*all the files between them"):
        ingest.ingest("olist", [files, other], warehouse)


def test_a_drop_may_lack_files_and_rows(made: Path, files: Path, warehouse: Path) -> None:
    ingest.ingest("olist", [made / "csv"], warehouse, delivered_on=DAY)
    for landing in OLIST[2:]:
        (files / landing.file).unlink()
    orders = files / OLIST[0].file
    header = orders.read_bytes().split(b"\n")[0]
    orders.write_bytes(header + b"\n")
    reports = ingest.ingest("olist", [files], warehouse, delivered_on=date(2018, 3, 6))
    assert (reports[0].file, reports[0].rows) == (OLIST[0].file, 0)
    assert {row["_delivered_on"] for row in content(warehouse, "customers")} == {DAY}
    again = ingest.ingest("olist", [files], warehouse, delivered_on=date(2018, 3, 7))
    assert all(report.already_there for report in again)


def test_the_first_drop_may_be_empty(files: Path, warehouse: Path) -> None:
    for path in files.glob("*.csv"):
        path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    ingest.ingest("olist", [files], warehouse, delivered_on=DAY)
    assert content(warehouse, "orders") == []


def test_an_empty_file_is_no_whole_delivery(files: Path, warehouse: Path) -> None:
    (files / EVENTS).write_bytes((files / EVENTS).read_bytes().split(b"\n")[0] + b"\n")
    with pytest.raises(LakehouseError, match=r"a header and no rows.*say which day: --delivered-on"):
        ingest.ingest("olist", [files], warehouse)


def test_a_drop_with_no_file_of_the_contract_is_refused(tmp_path: Path, warehouse: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(LakehouseError, match=r"lacks olist_customers_dataset\.csv"):
        ingest.ingest("olist", [tmp_path], warehouse, delivered_on=DAY)


def as_parquet(files: Path, table: pa.Table) -> None:
    (files / CONTACTS).unlink()
    pq.write_table(table, files / "customer_contacts.parquet")


def contacts(files: Path) -> pa.Table:
    return csv.read_csv(files / CONTACTS, convert_options=csv.ConvertOptions(column_types={"phone": pa.string()}))


def test_typed_parquet_becomes_the_text_that_csv_would_hold(files: Path, warehouse: Path) -> None:
    table = contacts(files).slice(0, 3)
    typed = table.set_column(4, "marketing_consent", pa.array([True, False, None]))
    typed = typed.set_column(3, "phone", pa.array([0, 86_400, None], pa.timestamp("us")))
    typed = typed.set_column(1, "full_name", pa.array(["a", "", "a"]).dictionary_encode())
    as_parquet(files, typed)
    ingest.ingest("olist", [files], warehouse)
    rows = content(warehouse, "customer_contacts")
    assert [row["marketing_consent"] for row in rows] == ["true", "false", None]
    assert [row["phone"] for row in rows] == ["1970-01-01 00:00:00", "1970-01-01 00:00:00", None]
    assert [row["full_name"] for row in rows] == ["a", None, "a"]


@pytest.mark.parametrize(
    ("zone", "said"), [("America/Sao_Paulo", "1969-12-31 21:00:00"), ("UTC", "1970-01-01 00:00:00")]
)
def test_a_time_with_a_zone_is_what_the_clock_showed_there(
    zone: str, said: str, files: Path, warehouse: Path
) -> None:
    as_parquet(files, contacts(files).slice(0, 1).set_column(3, "phone", pa.array([0], pa.timestamp("us", tz=zone))))
    ingest.ingest("olist", [files], warehouse)
    assert [row["phone"] for row in content(warehouse, "customer_contacts")] == [said]


def test_a_full_temporary_folder_is_named(files: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    as_parquet(files, contacts(files))
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(LakehouseError, match=re.escape(tempfile.gettempdir())) as caught:
        ingest.ingest("olist", [files], warehouse)
    assert "TMPDIR" in str(caught.value.mend)


def test_parquet_that_cannot_be_taken_is_explained(files: Path, warehouse: Path) -> None:
    good = contacts(files)
    as_parquet(files, good.append_column("tags", pa.array([["x"]] * len(good))))
    with pytest.raises(LakehouseError, match=r"customer_contacts\.parquet has a nested column: tags"):
        ingest.ingest("olist", [files], warehouse)
    pq.write_table(good.drop_columns("email"), files / "customer_contacts.parquet")
    with pytest.raises(LakehouseError, match=r"customer_contacts\.parquet lacks the column email"):
        ingest.ingest("olist", [files], warehouse)
    whole = (files / "customer_contacts.parquet").read_bytes()
    for broken in (whole[:-20], b"", b"PAR1 not at all"):
        (files / "customer_contacts.parquet").write_bytes(broken)
        with pytest.raises(LakehouseError, match=r"customer_contacts\.parquet is not a whole Parquet file"):
            ingest.ingest("olist", [files], warehouse)
    assert not warehouse.exists()


@pytest.mark.slow
def test_a_file_without_a_day_is_refused_where_there_are_drops(files: Path, made: Path, warehouse: Path) -> None:
    ingest.ingest("olist", [made / "csv"], warehouse)
    drop = files / "olist_orders_dataset.csv"
    lines = drop.read_text().splitlines()
    drop.write_text("\n".join(lines[:5]) + "\n")
    ingest.ingest("olist", [files], warehouse, delivered_on=DAY)
    before = delta.contents(warehouse, ("bronze",))
    drop.write_text("\n".join(lines[:9]) + "\n")
    with pytest.raises(
        LakehouseError, match=r"bronze.orders holds drops of days, the last of 2018-03-05, and olist_ord"
    ):
        ingest.ingest("olist", [files], warehouse)
    assert delta.differences(before, delta.contents(warehouse, ("bronze",))) == []
    # What is there already needs no day.
    ingest.ingest("olist", [made / "csv"], warehouse)
    assert delta.differences(before, delta.contents(warehouse, ("bronze",))) == []


def test_a_later_delivery_is_later_even_if_the_clock_was_put_back(
    files: Path, made: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.ingest("olist", [made / "csv"], warehouse)
    first = delta.query(warehouse, "select max(_ingested_at) as at from bronze__deliveries")[0]["at"]

    class LastYear(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> LastYear:
            return cls.fromtimestamp(first.timestamp() - 365 * 86_400, tz)

    monkeypatch.setattr(ingest, "datetime", LastYear)
    drop = files / "olist_orders_dataset.csv"
    drop.write_text("\n".join(drop.read_text().splitlines()[:5]) + "\n")
    ingest.ingest("olist", [files], warehouse, delivered_on=DAY)
    rows = delta.query(warehouse, f"select min(_ingested_at) as at from bronze__orders where _delivered_on = '{DAY}'")
    assert rows[0]["at"] > first

"""Landing files to Bronze on real Delta tables: everything that was delivered, exactly once, whatever happens."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lakehouse import catalog, chunks, ingest, tables
from lakehouse.bronze import DELIVERIES
from lakehouse.delivery import UNDER_WAY
from lakehouse.errors import LakehouseError
from lakehouse.ingest import FileReport
from lakehouse.landing import BEHAVIOUR, OLIST
from lakehouse.settings import ROOT
from tests import delta
from tests.unit.ingested import (
    CUSTOMERS,
    HEADER,
    ITEMS,
    PRODUCTS,
    REVIEWS,
    SELLERS,
    TABLE_OF,
    TRANSLATION,
    add_lines,
    bronze,
    report,
    rows,
    take_in,
    zipped,
)


def parsed(path: Path) -> list[dict[str, str | None]]:
    """A file's rows by the standard library, empty fields as None."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(stream)]


# --- what was delivered, as text


def test_every_row_arrives_as_text_and_with_its_line(shop: Path, ingested: Path) -> None:
    for landing in OLIST:
        expected = parsed(shop / landing.file)
        found = rows(ingested, landing.file)
        assert [{name: row[name] for name in landing.columns} for row in found] == expected
        lines = (shop / landing.file).read_text(encoding="utf-8-sig").split("\n")
        for row in found:
            assert isinstance(line := row["_source_row"], int)
            assert str(row[landing.columns[0]]) in lines[line - 1]


def test_line_breaks_leading_zeros_accents_and_quotes_survive(ingested: Path) -> None:
    messages = [row["review_comment_message"] for row in rows(ingested, REVIEWS)]
    assert "Primeira linha\nsegunda linha\n\nquarta linha, com vírgula" in messages
    assert '"Errado", 2 de 3 peças\nveio "quebrado"' in messages
    customers = rows(ingested, CUSTOMERS)
    assert any(str(row["customer_zip_code_prefix"]).startswith("01") for row in customers)
    assert any(row["customer_city"] == "são paulo" for row in customers)


def test_columns_are_the_delivered_ones_and_the_audit(ingested: Path) -> None:
    for landing in OLIST:
        schema = catalog.open_delta(ingested, TABLE_OF[landing.file]).schema()
        audit = {
            "_source_file": "string",
            "_source_row": "long",
            "_batch_id": "string",
            "_ingested_at": "timestamp",
            "_delivered_on": "date",
        }
        assert {field.name: field.type.type for field in schema.fields} == {
            **dict.fromkeys(landing.columns, "string"),
            **audit,
        }
        assert [field.name for field in schema.fields if not field.nullable] == list(audit)[:-1]


def test_the_byte_order_mark_is_no_part_of_a_name(ingested: Path) -> None:
    assert rows(ingested, TRANSLATION)[0]["product_category_name"] == "cafe_torrado_na_hora"


def test_every_row_tells_its_file_batch_and_time(ingested: Path) -> None:
    deliveries = delta.query(ingested, "select * from bronze__deliveries")
    assert len(deliveries) == len(OLIST) + len(BEHAVIOUR)
    for delivery in deliveries:
        sql = f"select distinct _source_file, _batch_id, _ingested_at from bronze__{delivery['table_name']}"
        (found,) = delta.query(ingested, sql)
        assert found == {name: delivery[name] for name in found}


def test_the_report_counts_what_the_tables_hold(shop: Path, warehouse: Path) -> None:
    reports = take_in(shop, warehouse)
    assert [report.file for report in reports] == [landing.file for landing in (*OLIST, *BEHAVIOUR)]
    for found in reports:
        count = len(parsed(shop / found.file))
        assert found == FileReport(found.file, TABLE_OF[found.file], count, 0, [], already_there=False)
        assert tables.row_count(warehouse, found.table) == count
    delivered = delta.query(warehouse, "select table_name, row_count, rejected_count from bronze__deliveries")
    assert {row["table_name"]: row["row_count"] for row in delivered} == {r.table.name: r.rows for r in reports}


@pytest.mark.parametrize("prefix", ["", "archive/olist/"])
def test_a_zip_gives_the_same_bronze_as_the_folder(prefix: str, shop: Path, ingested: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in shop.iterdir():
            archive.write(file, prefix + file.name)
    take_in(tmp_path / "shop.zip", tmp_path / "warehouse")
    assert bronze(tmp_path / "warehouse") == bronze(ingested)


@pytest.mark.slow
def test_reading_in_many_small_pieces_gives_the_same_bronze(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_lines(files / SELLERS, b"too,few", b'a,"b,c,d', b"x,01000,y\xff,SP")
    take_in(files, tmp_path / "whole" / "warehouse")
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 500)
    calls: list[tuple[str, int, int]] = []
    ingest.ingest("olist", [files], tmp_path / "pieces" / "warehouse", lambda *call: calls.append(call))
    assert bronze(tmp_path / "pieces" / "warehouse") == bronze(tmp_path / "whole" / "warehouse")
    for landing in OLIST:
        done = [done for file, done, _ in calls if file == landing.file]
        size = (files / landing.file).stat().st_size
        assert done == sorted(done)
        assert done[-1] == size
        assert size // 1_500 <= len(done) <= size // 500 + 1
    assert {size for file, _, size in calls if file == ITEMS} == {(files / ITEMS).stat().st_size}


# --- exactly once


def test_a_second_ingest_changes_nothing(shop: Path, warehouse: Path) -> None:
    first = take_in(shop, warehouse)
    before = tables.versions(warehouse, ["bronze"])
    second = take_in(shop, warehouse)
    assert tables.versions(warehouse, ["bronze"]) == before
    assert second == [report._replace(already_there=True) for report in first]


def test_a_changed_file_is_a_new_batch_and_the_others_stay(files: Path, warehouse: Path) -> None:
    take_in(files, warehouse)
    before = bronze(warehouse)
    add_lines(files / SELLERS, b"s1,01000,manaus,AM")
    reports = take_in(files, warehouse)
    assert [report.file for report in reports if not report.already_there] == [SELLERS]
    after = bronze(warehouse)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {TABLE_OF[SELLERS], DELIVERIES}
    batches = delta.query(warehouse, "select count(*) as n from bronze__sellers group by _batch_id order by n")
    assert [batch["n"] for batch in batches] == [12, 13]


def test_nothing_is_taken_from_a_folder_while_it_is_filled(files: Path, warehouse: Path) -> None:
    (files / UNDER_WAY).touch()
    with pytest.raises(LakehouseError, match="is being filled"):
        take_in(files, warehouse)
    assert not warehouse.exists()


@pytest.mark.slow
def test_an_older_delivery_that_comes_again_changes_nothing(files: Path, shop: Path, warehouse: Path) -> None:
    take_in(shop, warehouse)
    add_lines(files / SELLERS, b"s1,01000,manaus,AM")
    take_in(files, warehouse)
    before = tables.versions(warehouse, ["bronze"])
    assert all(report.already_there for report in take_in(shop, warehouse))
    assert tables.versions(warehouse, ["bronze"]) == before


def add_column(path: Path, name: bytes, value: bytes) -> None:
    header, *lines = path.read_bytes().splitlines()
    path.write_bytes(b"".join([header + b"," + name + b"\n", *(line + b"," + value + b"\n" for line in lines)]))


@pytest.mark.slow
def test_an_extra_column_is_kept_and_reported(files: Path, shop: Path, warehouse: Path) -> None:
    take_in(shop, warehouse)
    add_column(files / SELLERS, "avaliação".encode(), b"A+")
    reports = take_in(files, warehouse)
    assert report(reports, SELLERS).extra_columns == ["avaliação"]
    assert report(reports, CUSTOMERS).extra_columns == []
    values = [row["avaliação"] for row in rows(warehouse, SELLERS)]
    assert sorted(values, key=str) == ["A+"] * 12 + [None] * 12
    assert report(take_in(files, warehouse), SELLERS) == report(reports, SELLERS)._replace(already_there=True)


def test_an_extra_column_that_goes_away_again_is_null_from_then_on(files: Path, shop: Path, warehouse: Path) -> None:
    add_column(files / SELLERS, b"rating", b"A+")
    take_in(files, warehouse)
    take_in(shop, warehouse)
    assert sorted(str(row["rating"]) for row in rows(warehouse, SELLERS)) == ["A+"] * 12 + ["None"] * 12


@pytest.mark.slow
def test_an_extra_column_in_other_capitals_is_the_same_column(files: Path, shop: Path, warehouse: Path) -> None:
    """Delta tables and SQL do not tell ``Rating`` from ``rating``."""
    add_column(files / SELLERS, b"rating", b"A")
    take_in(files, warehouse)
    shutil.copy(shop / SELLERS, files / SELLERS)
    add_column(files / SELLERS, b"Rating", b"B")
    assert report(take_in(files, warehouse), SELLERS).extra_columns == ["Rating"]
    assert sorted(str(row["rating"]) for row in rows(warehouse, SELLERS)) == ["A"] * 12 + ["B"] * 12


def test_columns_in_another_order_go_where_they_belong(files: Path, ingested: Path, warehouse: Path) -> None:
    turned = [row[::-1] for row in csv.reader((files / SELLERS).open(newline=""))]
    with (files / SELLERS).open("w", newline="") as stream:
        csv.writer(stream).writerows(turned)
    take_in(files, warehouse)
    assert [row["seller_id"] for row in rows(warehouse, SELLERS)] == [
        row["seller_id"] for row in rows(ingested, SELLERS)
    ]


# --- lines that are no records


def test_a_bad_line_is_kept_with_its_reason_and_counted(files: Path, warehouse: Path) -> None:
    bad = {
        b"only,three,fields": "too few fields: 3 instead of 4",
        b"one,too,many,fields,here": "too many fields: 5 instead of 4",
        b"s1,01000,s\xe3o paulo,SP": "not valid UTF-8",
        b"s2,01000,x\0y,SP": "holds a NUL byte",
        b's3,01000,"never closed,SP': "a quote is opened and never closed",
    }
    good_lines = [b"s4,01000,manaus,AM", b'"s5","01000",manaus,AM']
    add_lines(files / SELLERS, *bad, *good_lines)
    found = report(take_in(files, warehouse), SELLERS)
    assert (found.rows, found.rejected) == (12 + len(good_lines), len(bad))
    assert [row["seller_id"] for row in rows(warehouse, SELLERS)][-2:] == ["s4", "s5"]
    rejected = delta.query(warehouse, "select * from bronze__rejected_rows order by _source_row")
    assert [(row["_source_row"], row["raw_line"], row["reason"]) for row in rejected] == [
        (line, raw.decode("utf-8", "backslashreplace"), reason)
        for line, (raw, reason) in enumerate(bad.items(), start=14)
    ]
    (delivered,) = delta.query(warehouse, "select * from bronze__deliveries where table_name = 'sellers'")
    assert (delivered["row_count"], delivered["rejected_count"]) == (found.rows, found.rejected)
    for row in rejected:
        assert row["table_name"] == "sellers"
        assert [row[name] for name in ("_source_file", "_batch_id", "_ingested_at")] == [
            delivered[name] for name in ("_source_file", "_batch_id", "_ingested_at")
        ]
    again = take_in(files, warehouse)
    assert report(again, SELLERS) == found._replace(already_there=True)


def test_one_bad_line_in_each_file_costs_one_line_of_each(files: Path, ingested: Path, warehouse: Path) -> None:
    for file in (CUSTOMERS, REVIEWS, PRODUCTS):
        header, first, rest = (files / file).read_bytes().split(b"\n", 2)
        (files / file).write_bytes(b"\n".join([header, b'"' + first.replace(b'"', b""), rest]))
    reports = take_in(files, warehouse)
    assert [report.rejected for report in reports if report.file in (CUSTOMERS, REVIEWS, PRODUCTS)] == [1, 1, 1]
    for file in (CUSTOMERS, REVIEWS, PRODUCTS):
        columns = next(landing.columns for landing in OLIST if landing.file == file)
        kept = [[row[name] for name in (*columns, "_source_row")] for row in rows(warehouse, file)]
        assert kept == [[row[name] for name in (*columns, "_source_row")] for row in rows(ingested, file)][1:]


# Not ru_maxrss: a child starts with the peak of the process that it was forked from.
MEASURED = """
import sys
from pathlib import Path
from lakehouse.ingest import ingest
ingest("olist", [Path(sys.argv[1])], Path(sys.argv[2]))
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(int(peak.split()[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory of a process from /proc")
def test_memory_does_not_grow_with_a_file_or_a_line(shop: Path, tmp_path: Path, warehouse: Path) -> None:
    """A small archive that unpacks to half a gigabyte: good lines, broken quotes, and a line that is most of it."""
    good, broken = b"s1,01000,manaus,AM\n", b's2,"01000,manaus,AM\n'
    path = zipped(shop, tmp_path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for landing in OLIST:
            if landing.file != SELLERS:
                archive.write(shop / landing.file, landing.file)
        with archive.open(SELLERS, "w", force_zip64=True) as stream:
            stream.write(HEADER + b"\n")
            for _ in range(50):
                stream.write(good * 20_000 + broken)
            for _ in range(500):
                stream.write(b"x" * 1_000_000)
            stream.write(b"\n" + good)
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path), str(warehouse)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(measured.stdout) < 550, "megabytes"
    (sellers,) = delta.query(warehouse, "select * from bronze__deliveries where table_name = 'sellers'")
    assert (sellers["row_count"], sellers["rejected_count"]) == (1_000_001, 51)


# --- the real data


@pytest.mark.slow
@pytest.mark.olist
def test_every_row_of_the_real_archive_arrives(olist_archive: Path, warehouse: Path) -> None:
    reports = take_in(olist_archive, warehouse)
    assert {report.file: (report.rows, report.rejected) for report in reports} == {
        "olist_orders_dataset.csv": (99_441, 0),
        "olist_order_items_dataset.csv": (112_650, 0),
        "olist_customers_dataset.csv": (99_441, 0),
        "olist_order_payments_dataset.csv": (103_886, 0),
        "olist_order_reviews_dataset.csv": (99_224, 0),
        "olist_products_dataset.csv": (32_951, 0),
        "olist_sellers_dataset.csv": (3_095, 0),
        "olist_geolocation_dataset.csv": (1_000_163, 0),
        "product_category_name_translation.csv": (71, 0),
    }
    for found in reports:
        assert tables.row_count(warehouse, found.table) == found.rows

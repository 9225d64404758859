"""Landing files to Bronze on real Delta tables: everything that was delivered, exactly once, whatever happens."""

from __future__ import annotations

import csv
import gc
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse import catalog, chunks, ingest, tables
from lakehouse.bronze import DELIVERIES, REJECTED_ROWS
from lakehouse.catalog import TableName
from lakehouse.delivery import UNDER_WAY
from lakehouse.errors import LakehouseError
from lakehouse.ingest import FileReport
from lakehouse.landing import BEHAVIOUR, OLIST
from lakehouse.settings import ROOT
from tests import delta

CUSTOMERS = "olist_customers_dataset.csv"
ITEMS = "olist_order_items_dataset.csv"
PRODUCTS = "olist_products_dataset.csv"
REVIEWS = "olist_order_reviews_dataset.csv"
SELLERS = "olist_sellers_dataset.csv"
TRANSLATION = "product_category_name_translation.csv"
TABLE_OF = {landing.file: TableName("bronze", landing.table) for landing in (*OLIST, *BEHAVIOUR)}


def take_in(path: Path, warehouse: Path) -> list[FileReport]:
    return ingest.ingest("olist", [path], warehouse)


def report(reports: list[FileReport], file: str) -> FileReport:
    return next(report for report in reports if report.file == file)


def bronze(warehouse: Path) -> dict[TableName, pa.Table]:
    """All that Bronze holds but the time of the ingest."""
    return {
        name: content.drop_columns("_ingested_at") for name, content in delta.contents(warehouse, ("bronze",)).items()
    }


def rows(warehouse: Path, file: str) -> list[dict[str, object]]:
    return delta.query(warehouse, f"select * from bronze__{TABLE_OF[file].name} order by _source_row")


def parsed(path: Path) -> list[dict[str, str | None]]:
    """A file's rows by the standard library, empty fields as None."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(stream)]


def edit(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def add_lines(path: Path, *lines: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(b"".join(line + b"\n" for line in lines))


@pytest.fixture
def files(shop: Path, tmp_path: Path) -> Path:
    """The shop's files, for this test to change."""
    return Path(shutil.copytree(shop, tmp_path / "files"))


@pytest.fixture(scope="module")
def ingested(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bronze of the small shop; tests read it and leave it as it is."""
    warehouse = tmp_path_factory.mktemp("ingested") / "warehouse"
    take_in(shop, warehouse)
    return warehouse


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


# --- interrupted, and run again


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [Stop, LakehouseError, KeyboardInterrupt], ids=lambda error: error.__name__)
def test_an_interrupted_ingest_is_finished_by_the_next(
    error: type[BaseException],
    files: Path,
    shop: Path,
    ingested: Path,
    warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is raised midway comes out as it is, at once, and Bronze is what it was: here, nothing."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1_000)

    def stop(file: str, done: int, size: int) -> None:
        if file == ITEMS and done > size / 2:
            if error is KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
            raise error("midway")

    with pytest.raises(error):
        ingest.ingest("olist", [shop], warehouse, stop)
    assert gc.isenabled()
    assert catalog.tables(warehouse) == []
    take_in(shop, warehouse)
    assert bronze(warehouse) == bronze(ingested)


def test_lost_deliveries_are_refused_and_no_earlier_row_is_removed(files: Path, warehouse: Path) -> None:
    take_in(files, warehouse)
    with (files / SELLERS).open("ab") as stream:
        stream.write(b"new,01000,manaus,AM\n")
    take_in(files, warehouse)
    before = rows(warehouse, SELLERS)
    catalog.open_delta(warehouse, DELIVERIES).delete()
    with pytest.raises(LakehouseError, match=r"bronze\.deliveries has lost its rows.*ingest every delivery again"):
        take_in(files, warehouse)
    assert rows(warehouse, SELLERS) == before


def forget_the_delivery(warehouse: Path) -> None:
    catalog.open_delta(warehouse, DELIVERIES).delete("table_name = 'sellers'")


def miscount_the_delivery(warehouse: Path) -> None:
    catalog.open_delta(warehouse, DELIVERIES).update(
        {"row_count": "row_count + 1"}, predicate="table_name = 'sellers'"
    )


def lose_rows(warehouse: Path) -> None:
    catalog.open_delta(warehouse, TABLE_OF[SELLERS]).delete("_source_row > 5")


def lose_the_rejected(warehouse: Path) -> None:
    catalog.open_delta(warehouse, REJECTED_ROWS).delete()


def lose_the_table(warehouse: Path) -> None:
    shutil.rmtree(TABLE_OF[SELLERS].path(warehouse))


def go_back_to_empty(warehouse: Path) -> None:
    catalog.open_delta(warehouse, TABLE_OF[SELLERS]).restore(0)


@pytest.mark.parametrize(
    "damage",
    [forget_the_delivery, miscount_the_delivery, lose_rows, lose_the_rejected, lose_the_table, go_back_to_empty],
)
def test_a_batch_that_is_not_whole_is_taken_in_again(
    damage: Callable[[Path], None], files: Path, warehouse: Path
) -> None:
    add_lines(files / SELLERS, b"too,few")
    take_in(files, warehouse)
    whole = bronze(warehouse)
    damage(warehouse)
    assert bronze(warehouse) != whole
    assert [report.file for report in take_in(files, warehouse) if not report.already_there] == [SELLERS]
    assert bronze(warehouse) == whole


def test_the_rest_of_an_interrupted_batch_goes_when_the_file_comes_in_another_form(
    files: Path, shop: Path, ingested: Path, warehouse: Path
) -> None:
    add_lines(files / SELLERS, b"s1,01000,manaus,AM", b"too,few")
    take_in(files, warehouse)
    forget_the_delivery(warehouse)
    take_in(shop, warehouse)
    assert bronze(warehouse) == bronze(ingested)


def test_rows_that_somebody_removed_from_an_older_batch_stay_removed(
    files: Path, shop: Path, warehouse: Path
) -> None:
    take_in(shop, warehouse)
    lose_rows(warehouse)
    add_lines(files / SELLERS, b"s1,01000,manaus,AM")
    take_in(files, warehouse)
    batches = delta.query(warehouse, "select count(*) as n from bronze__sellers group by _batch_id order by n")
    assert [batch["n"] for batch in batches] == [4, 13]


KILLED = """
import os, signal, sys
from pathlib import Path
from lakehouse import ingest
from lakehouse.appender import Appender

moment = int(sys.argv[3])

class Deadly(Appender):
    def __exit__(self, *error):
        global moment
        moment -= 1
        if moment == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super().__exit__(*error)

ingest.Appender = Deadly
ingest.ingest("olist", [Path(sys.argv[1])], Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_killed_again_and_again_the_next_run_finishes(files: Path, tmp_path: Path) -> None:
    """Between the commits of rejects, of rows, and of the word that a file is complete."""
    add_lines(files / ITEMS, b"too,few")
    warehouse = tmp_path / "killed" / "warehouse"
    # Each file has three commits at most. Before the third of the first file; when that is done again and the next is
    # taken in, before the second of the third file; before its third.
    for moment in (3, 8, 3):
        process = subprocess.run(
            [sys.executable, "-c", KILLED, str(files), str(warehouse), str(moment)], cwd=ROOT, check=False
        )
        assert process.returncode == -signal.SIGKILL
        bronze(warehouse)
    take_in(files, warehouse)
    take_in(files, tmp_path / "whole" / "warehouse")
    assert bronze(warehouse) == bronze(tmp_path / "whole" / "warehouse")


# --- input that cannot be used


def remove(file: str) -> Callable[[Path], None]:
    return lambda files: (files / file).unlink()


def replace(file: str, content: bytes) -> Callable[[Path], None]:
    def damage(files: Path) -> None:
        (files / file).write_bytes(content)

    return damage


def change(file: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    return lambda files: edit(files / file, old, new)


def to_utf16(files: Path) -> None:
    (files / SELLERS).write_bytes((files / SELLERS).read_text().encode("utf-16"))


def folder_in_its_place(files: Path) -> None:
    (files / SELLERS).unlink()
    (files / SELLERS).mkdir()


HEADER = b"seller_id,seller_zip_code_prefix,seller_city,seller_state"
QUOTED_HEADER = HEADER.replace(b",", b'","')


@pytest.mark.parametrize(
    ("damage", "words", "mend"),
    [
        (remove(SELLERS), ["lacks", SELLERS, "it holds", CUSTOMERS], "under their original names"),
        (folder_in_its_place, [SELLERS, "is a folder, not a file"], "Put the file itself"),
        (
            change(SELLERS, b',"seller_state"', b""),
            [SELLERS, "lacks the column seller_state."],
            "must name, separated by commas: seller_id",
        ),
        (
            change(SELLERS, b'"seller_city"', b'"seller_town"'),
            [SELLERS, "lacks the column seller_city.", "Renamed, perhaps, to 'seller_town'?"],
            "must name",
        ),
        (
            change(SELLERS, QUOTED_HEADER, HEADER.replace(b",", b";")),
            [SELLERS, "lacks the column seller_id"],
            "separated by commas",
        ),
        (
            change(SELLERS, b'"seller_state"', b'"seller_state","seller_city"'),
            [SELLERS, "names the column seller_city more than once"],
            "Rename or remove one",
        ),
        (
            change(SELLERS, b'"seller_state"', b'"seller_state","SELLER_CITY"'),
            [SELLERS, "names the column seller_city more than once"],
            "Rename or remove one",
        ),
        (
            change(SELLERS, b'"seller_state"', b'"seller_state",'),
            [SELLERS, "a column that no table can take: ''"],
            "Rename it: not empty",
        ),
        (
            change(SELLERS, b'"seller_state"', b'"seller_state","_Batch_id"'),
            [SELLERS, "a column that no table can take: '_Batch_id'"],
            "not one of _batch_id",
        ),
        (
            change(SELLERS, b'"seller_state"', b'"seller_state","seller rating"'),
            [SELLERS, "a column that no table can take: 'seller rating'"],
            "without spaces",
        ),
        (replace(SELLERS, b""), [SELLERS, "is empty"], "Deliver the file again"),
        (replace(SELLERS, HEADER + b"\n"), [SELLERS, "a header and no rows"], "Deliver the file with its rows"),
        (replace(SELLERS, HEADER + b"\n\r\n\n"), [SELLERS, "a header and no rows"], "Deliver the file with its rows"),
        (
            change(SELLERS, b"seller_city", "seller_ção".encode("latin-1")),
            [SELLERS, "header in UTF-8 (byte 46 of the first line)"],
            "Save the file as UTF-8",
        ),
        (to_utf16, [SELLERS, "looks like UTF-16"], "Save the file as UTF-8"),
        (
            replace(SELLERS, HEADER + b"\rs1,01000,manaus,AM\r"),
            [SELLERS, "carriage return"],
            "end with a line feed",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_explained_before_anything_is_written(
    damage: Callable[[Path], None], words: list[str], mend: str, files: Path, warehouse: Path
) -> None:
    damage(files)
    with pytest.raises(LakehouseError) as caught:
        take_in(files, warehouse)
    for word in words:
        assert word in caught.value.what
    assert mend in caught.value.mend
    assert not warehouse.exists()


def test_a_path_without_anything_is_explained(tmp_path: Path, warehouse: Path) -> None:
    with pytest.raises(LakehouseError, match=r"There is nothing at .*nowhere\. Give --path a folder or a zip"):
        take_in(tmp_path / "nowhere", warehouse)
    assert not warehouse.exists()


def test_an_unknown_source_is_explained(shop: Path, warehouse: Path) -> None:
    with pytest.raises(LakehouseError, match=r"no source called 'shopify'\. Choose one of: olist"):
        ingest.ingest("shopify", [shop], warehouse)
    assert not warehouse.exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_zip_that_was_cut_short_writes_no_table(share: float, shop: Path, tmp_path: Path, warehouse: Path) -> None:
    path = zipped(shop, tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(LakehouseError, match=r"shop\.zip is not a whole zip archive.* Download it again"):
        take_in(path, warehouse)
    assert not warehouse.exists()


def test_damage_in_the_last_file_is_found_before_the_first_is_written(
    shop: Path, tmp_path: Path, warehouse: Path
) -> None:
    path = zipped(shop, tmp_path, zipfile.ZIP_STORED)
    edit(path, b"folding_bikes", b"folding_bakes")
    with pytest.raises(LakehouseError, match=rf"reading {TRANSLATION} failed \(Bad CRC-32"):
        take_in(path, warehouse)
    assert catalog.tables(warehouse) == []


def zipped(shop: Path, tmp_path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w", compression) as archive:
        for landing in OLIST:
            archive.write(shop / landing.file, landing.file)
    return tmp_path / "shop.zip"


def test_a_file_without_one_good_line_is_explained_and_not_taken_in(files: Path, warehouse: Path) -> None:
    (files / ITEMS).write_bytes((files / ITEMS).read_bytes().replace(b",", b";").replace(b'";"', b'","', 6))
    with pytest.raises(LakehouseError) as caught:
        take_in(files, warehouse)
    assert f"Not one line of {ITEMS} could be read" in caught.value.what
    assert "the first was rejected because: a quote stands in the middle of a field" in caught.value.what
    assert "commas between fields" in caught.value.mend
    assert catalog.tables(warehouse) == []


def test_a_file_that_changes_while_it_is_read_is_not_taken_in(files: Path, ingested: Path, warehouse: Path) -> None:
    original = (files / ITEMS).read_bytes()

    def change_next(file: str, done: int, size: int) -> None:
        if file == OLIST[1].file:
            add_lines(files / ITEMS, b"still,1,being,written,,1.00,1.00")

    with pytest.raises(LakehouseError, match=f"{ITEMS} in .* changed while it was read.*Wait until the delivery"):
        ingest.ingest("olist", [files], warehouse, change_next)
    assert TABLE_OF[ITEMS] not in catalog.tables(warehouse)
    (files / ITEMS).write_bytes(original)
    take_in(files, warehouse)
    assert bronze(warehouse) == bronze(ingested)


# --- a warehouse that cannot be used


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(shop: Path, warehouse: Path) -> None:
    warehouse.mkdir()
    (warehouse / "thesis.docx").write_text("my only copy")
    with pytest.raises(LakehouseError, match=r"is not a warehouse of this project: it holds thesis\.docx"):
        take_in(shop, warehouse)
    assert [entry.name for entry in warehouse.iterdir()] == ["thesis.docx"]
    assert (warehouse / "thesis.docx").read_text() == "my only copy"


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_place_of_the_warehouse_is_refused_and_left_as_it_is(
    below: str, shop: Path, warehouse: Path
) -> None:
    warehouse.write_text("my only copy")
    with pytest.raises(LakehouseError, match=r"is a file, not a folder|cannot be written: not a directory"):
        take_in(shop, warehouse / below)
    assert warehouse.read_text() == "my only copy"


def test_a_table_that_cannot_be_read_is_named(shop: Path, warehouse: Path) -> None:
    take_in(shop, warehouse)
    log = TABLE_OF[SELLERS].path(warehouse) / "_delta_log" / f"{0:020}.json"
    log.write_text("{ damaged")
    with pytest.raises(LakehouseError, match=r"table bronze\.sellers at .* cannot be read: .* Bring .* back"):
        take_in(shop, warehouse)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of its own: called with mount options it is mounted, called again it is mounted anew with others."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        if folder.is_mount():
            options = f"remount,{options}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.decode().strip()}")
        return folder

    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    yield mount
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.mark.parametrize("size", ["4k", "16k", "100k", "200k"])
def test_a_full_disk_is_named_and_the_next_run_finishes(
    size: str, disk: Callable[[str], Path], shop: Path, ingested: Path
) -> None:
    warehouse = disk(f"size={size}") / "warehouse"
    with pytest.raises(LakehouseError, match=r"no space left on the disk that holds .*Free some space"):
        take_in(shop, warehouse)
    disk("size=64m")
    take_in(shop, warehouse)
    assert bronze(warehouse) == bronze(ingested)


def test_a_disk_that_may_only_be_read_is_named(disk: Callable[[str], Path], shop: Path, files: Path) -> None:
    warehouse = disk("size=64m") / "warehouse"
    disk("ro")
    with pytest.raises(LakehouseError, match=r"cannot be written: read-only file system.*write access"):
        take_in(shop, warehouse)
    disk("rw")
    take_in(shop, warehouse)
    before = bronze(warehouse)
    add_lines(files / SELLERS, b"s1,01000,manaus,AM")
    disk("ro")
    with pytest.raises(LakehouseError, match=r"cannot be written: read-only file system.*write access"):
        take_in(files, warehouse)
    assert bronze(warehouse) == before


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
    """A small archive that unpacks to a gigabyte: good lines, broken quotes, and a line of half of it."""
    good, broken = b"s1,01000,manaus,AM\n", b's2,"01000,manaus,AM\n'
    path = zipped(shop, tmp_path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for landing in OLIST:
            if landing.file != SELLERS:
                archive.write(shop / landing.file, landing.file)
        with archive.open(SELLERS, "w", force_zip64=True) as stream:
            stream.write(HEADER + b"\n")
            for _ in range(100):
                stream.write(good * 20_000 + broken)
            for _ in range(1_000):
                stream.write(b"x" * 1_000_000)
            stream.write(b"\n" + good)
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path), str(warehouse)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(measured.stdout) < 700, "megabytes"
    (sellers,) = delta.query(warehouse, "select * from bronze__deliveries where table_name = 'sellers'")
    assert (sellers["row_count"], sellers["rejected_count"]) == (2_000_001, 101)


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

"""Deliveries that cannot be used: each is explained before anything is written."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse import catalog, ingest
from lakehouse.errors import LakehouseError
from lakehouse.landing import OLIST
from tests.unit.ingested import (
    CUSTOMERS,
    HEADER,
    ITEMS,
    SELLERS,
    TABLE_OF,
    TRANSLATION,
    add_lines,
    bronze,
    edit,
    take_in,
    zipped,
)

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
            [SELLERS, "names the column 'seller_city' more than once"],
            "Rename or remove one",
        ),
        (
            change(SELLERS, b'"seller_state"', b'"seller_state","SELLER_CITY"'),
            [SELLERS, "names the column 'seller_city' more than once"],
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

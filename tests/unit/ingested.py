"""The files of a shop, changed line by line, and what Bronze holds of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow as pa

from lakehouse import ingest
from lakehouse.catalog import TableName
from lakehouse.ingest import FileReport
from lakehouse.landing import BEHAVIOUR, OLIST
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


def edit(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def add_lines(path: Path, *lines: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(b"".join(line + b"\n" for line in lines))


HEADER = b"seller_id,seller_zip_code_prefix,seller_city,seller_state"


def zipped(shop: Path, tmp_path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w", compression) as archive:
        for landing in OLIST:
            archive.write(shop / landing.file, landing.file)
    return tmp_path / "shop.zip"

"""A small made-up shop, and what stands in its files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.csv as csv

from data_generation.request import FILES, Request

SMALL = 0.01
START = date(2018, 3, 5)


def small(out: Path, **options: Any) -> Request:
    return Request(out, **{"scale": SMALL, "seed": 3, **options})


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    path = folder / f"{FILES[table]}.csv"
    options = csv.ConvertOptions(column_types={}, strings_can_be_null=True)
    return csv.read_csv(
        path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=options
    ).to_pylist()

"""Where names, e-mail addresses and phone numbers are, by value."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lakehouse import catalog
from tests.delta import query

PERSONAL = ("full_name", "email", "phone")


def values(warehouse: Path) -> set[str]:
    """Every name, address and number that the shop knows, consent given or not."""
    rows = query(warehouse, f"select {', '.join(PERSONAL)} from silver__customer_contacts")
    return {value for row in rows for value in row.values() if value}


def columns_with(warehouse: Path, personal: set[str]) -> set[str]:
    """The columns, as ``schema.table.column``, in which any text holds any of the values."""
    found = set()
    for table in catalog.tables(warehouse):
        rows = DeltaTable(table.path(warehouse)).to_pyarrow_table()
        found |= {f"{table}.{name}" for name in rows.column_names if _holds(_texts(rows[name]), personal)}
    return found


def files_with(files: Iterable[Path], personal: set[str]) -> list[Path]:
    """The files that hold any of the values: in their bytes, or in what is packed in Parquet and NumPy files."""
    return [path for path in files if path.is_file() and _holds(_contents(path), personal)]


def _contents(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        for column in pq.read_table(path).columns:
            yield from _texts(column)
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            for array in (stored[name] for name in stored.files):
                yield from (
                    map(str, array.ravel()) if array.dtype.kind in "US" else (array.tobytes().decode("latin-1"),)
                )
    else:
        # A database and a manifest of dbt are no text, but hold texts as they are.
        text = path.read_bytes().decode("utf-8", "replace")
        yield text
        yield html.unescape(text)


def _texts(column: pa.ChunkedArray) -> Iterator[str]:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        yield from (text for text in column.unique().to_pylist() if text)


def _holds(texts: Iterable[str], personal: set[str]) -> bool:
    """All texts are looked through at once: there are as many values as people, and more texts."""
    whole = "\n".join(texts)
    return any(value in whole for value in personal)

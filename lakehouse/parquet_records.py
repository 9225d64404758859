"""Parquet landing files as text: what a CSV file with the same rows would have delivered."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.errors import LakehouseError, disk_errors_explained

ROWS_AT_A_TIME = 1 << 16


@contextmanager
def open_parquet(stream: IO[bytes], name: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file that comes as a stream; it is copied to a temporary file, for its index is at its end.

    Args:
        stream: of the whole file.
        name: the file's name, for messages.

    Raises:
        LakehouseError: it is no whole Parquet file, or a column is nested; when opened, or when read from.
    """
    with tempfile.TemporaryFile() as copy:
        with disk_errors_explained(Path(tempfile.gettempdir()), "point TMPDIR at another"):
            shutil.copyfileobj(stream, copy)
            copy.seek(0)
        try:
            file = pq.ParquetFile(copy)
            nested = [field.name for field in file.schema_arrow if pa.types.is_nested(field.type)]
            if nested:
                raise LakehouseError(
                    f"{name} has a nested column: {', '.join(nested)}.", "Deliver plain columns, one value a field."
                )
            yield file
        except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
            raise LakehouseError(
                f"{name} is not a whole Parquet file: {str(error).splitlines()[0].rstrip('.')}.",
                "Deliver the file again.",
            ) from error


def text_batches(file: pq.ParquetFile, columns: list[str]) -> Iterator[list[pa.Array]]:
    """The rows of a file, some at a time, each column as text; empty text is null, as it is in CSV."""
    for batch in file.iter_batches(ROWS_AT_A_TIME, columns=columns):
        yield [_text(batch.column(name)) for name in columns]


def _text(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_timestamp(values.type):
        if values.type.tz:
            values = pc.local_timestamp(values)  # what the clock showed where the shop is, as CSV would have it
        values = values.cast(pa.timestamp("s"), safe=False)
    text = values.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), None, text)

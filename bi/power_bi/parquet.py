"""The Parquet folder of the model ``gold_parquet``: for who looks at the tables without Databricks."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bi.power_bi.contracts import shared_tables
from lakehouse import catalog
from lakehouse.catalog import TableName
from lakehouse.replacing import replacing


def write_parquet(warehouse: Path, folder: Path) -> list[Path]:
    """Write each table of the shared model to ``<folder>/<table>.parquet``; other Parquet files there are removed.

    Only the columns of the shared model are read, so what is personal is never in the folder. Moments are UTC and
    carry no zone, because Power Query would turn them into those of the reader's own.

    Args:
        warehouse: the folder of the Delta tables; it needs no engine.
        folder: made if it is missing.

    Returns:
        The files, in the order of the tables' names.

    Raises:
        LakehouseError: a table cannot be read.
        KeyError: a table lacks a column of its contract.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in sorted(shared_tables().items()):
        rows = catalog.open_delta(warehouse, TableName(table.schema, name)).to_pyarrow_dataset()
        path = folder / f"{name}.parquet"
        with replacing(path) as new:
            pq.write_table(_without_zone(rows.to_table(columns=table.column_names)), new, compression="zstd")
        written.append(path)
    for stale in set(folder.glob("*.parquet")) - set(written):
        stale.unlink()
    return written


def _without_zone(rows: pa.Table) -> pa.Table:
    fields = [
        pa.field(field.name, pa.timestamp("us") if pa.types.is_timestamp(field.type) else field.type)
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))

"""What Bronze holds beside the columns as delivered: where a row is from, what was no row, and what came when."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from lakehouse.catalog import TableName

AUDIT_FIELDS = (
    pa.field("_source_file", pa.string(), nullable=False),
    pa.field("_source_row", pa.int64(), nullable=False),
    pa.field("_batch_id", pa.string(), nullable=False),
    pa.field("_ingested_at", pa.timestamp("us", tz="UTC"), nullable=False),
    pa.field("_delivered_on", pa.date32()),
)
REJECTED_ROWS = TableName("bronze", "rejected_rows")
REJECTED_SCHEMA = pa.schema(
    [
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("raw_line", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        *AUDIT_FIELDS,
    ]
)
DELIVERIES = TableName("bronze", "deliveries")
DELIVERIES_SCHEMA = pa.schema(
    [
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("row_count", pa.int64(), nullable=False),
        pa.field("rejected_count", pa.int64(), nullable=False),
        *(field for field in AUDIT_FIELDS if field.name != "_source_row"),
    ]
)


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """The schema of a table with these columns as delivered: all text, and the audit columns."""
    return pa.schema([*(pa.field(name, pa.string()) for name in columns), *AUDIT_FIELDS])

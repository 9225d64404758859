"""What dbt asks of an engine beyond SQL: to replace a table, to keep rows for a merge, to say what failed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from pyspark.sql.types import StructField, StructType

from lakehouse import catalog, errors, settings

if TYPE_CHECKING:
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame

INCREMENTS = ".increments"
"""The folder of a warehouse in which the rows of increments are until they are merged."""


def replace_table(frame: DataFrame, table: str, partitions: list[str], invocation: str) -> None:
    """Replace a Delta table by a frame in one commit, schema included.

    Args:
        frame: the rows.
        table: schema and name.
        partitions: columns to partition by.
        invocation: by which whoever reads the table can tell what made it.

    Raises:
        LakehouseError: a partitioning that could not be registered again.
    """
    catalog.check_layout(frame.schema, partitions)
    # As on Spark, every column may hold nulls. The embedded engine would make those NOT NULL that have
    # none by the look of this query, and no later merge or snapshot could bring one.
    nullable = StructType([StructField(field.name, field.dataType) for field in frame.schema])
    frame = frame.unionAll(frame.sparkSession.createDataFrame([], nullable))
    options = {"overwriteSchema": "true", "userMetadata": invocation}
    frame.write.saveAsTable(table, "delta", "overwrite", partitions or None, **options)


def keep_rows(rows: DataFrame, view: str, engine: str, warehouse: Path) -> None:
    """Make a view of a copy of the rows of an increment: they are asked for several times before they are merged.

    Raises:
        PySparkException: the rows cannot be computed or written.
    """
    path = str(catalog.engine_folder(engine, warehouse) / INCREMENTS / uuid4().hex)
    rows.write.format("delta").save(path)
    rows.sparkSession.read.format("delta").load(path).createOrReplaceTempView(view)


def drop_rows(warehouse: Path) -> None:
    """Remove what :func:`keep_rows` has copied."""
    shutil.rmtree(warehouse / INCREMENTS, ignore_errors=True)


def explain(error: PySparkException) -> str:
    """An engine's error in the words a person needs, without the engine's own stack trace."""
    if errors.is_disk_full(error):
        return str(errors.disk_full(settings.warehouse()))
    said = (error.getMessage() or str(error)).split("JVM stacktrace:")[0].strip()
    if "TABLE_OR_VIEW_NOT_FOUND" in said and not catalog.tables(settings.warehouse(), ["bronze"]):
        said += "\nBronze is empty: run `lakehouse ingest --path ...` first."
    if "Failed to allocate" in said and settings.threads() > 1:
        said += "\nThe shop is large for this machine's memory: set LAKEHOUSE_THREADS=1 to build one model at a time."
    return said

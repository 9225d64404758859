"""Tables in Unity Catalog, seen through a Spark session alone: no folder, no Delta log, no lock of ours.

The layers have the names that the profile ``databricks`` gives them; whoever asks calls them ``silver``, ``gold`` and
so on, as everywhere. Works on any Spark with Delta Lake, which is where it is tested.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from lakehouse import settings
from lakehouse.catalog import TableName, quote
from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RUNTIME = "DATABRICKS_RUNTIME_VERSION"
"""Set on all compute of Databricks."""
LAYER = re.compile(rf"(?<![\w.])(`?)({'|'.join(settings.SCHEMAS)})\1\.(?=[`\w])")
"""A layer's name before that of a table."""


class Unity:
    """A session, and tables by the names of their layers.

    Args:
        spark: a session whose current catalog holds the tables.
        schema_of: what a layer is called there.
    """

    def __init__(self, spark: SparkSession, schema_of: Callable[[str], str] = settings.databricks_schema) -> None:
        self.spark = spark
        self._schema_of = schema_of

    # --- as of a session

    def sql(self, query: str) -> DataFrame:
        """A query that calls layers by their names."""
        return self.spark.sql(LAYER.sub(lambda found: f"{quote(self._schema_of(found[2]))}.", query))

    def table(self, name: str) -> DataFrame:
        """A table by its layer and name."""
        return self.sql(f"select * from {name}")

    def __str__(self) -> str:
        return f"the catalog {settings.databricks_catalog()}"

    # --- as of a warehouse

    def tables(self, schemas: Iterable[str]) -> list[TableName]:
        """The tables that there are, sorted; no views."""
        there = {str(row[0]) for row in self.spark.sql("show schemas").collect()}
        found = []
        for schema in schemas:
            if self._schema_of(schema) in there:
                where = quote(self._schema_of(schema))
                tables, views = (
                    {
                        row[f"{kind}Name"]
                        for row in self.spark.sql(f"show {kind}s in {where}").collect()
                        if not row["isTemporary"]
                    }
                    for kind in ("table", "view")
                )
                found += [TableName(schema, name) for name in tables - views]
        return sorted(found)

    def columns(self, table: TableName) -> set[str]:
        """The names of a table's columns."""
        return set(self.table(table.quoted).columns)

    def version(self, table: TableName) -> int:
        """The newest Delta version."""
        return int(self._newest(table)["version"])

    def invocation(self, table: TableName) -> str | None:
        """What the newest commit says of who made it."""
        told = self._newest(table)["userMetadata"]
        return None if told is None else str(told)

    def _newest(self, table: TableName) -> dict[str, Any]:
        newest: dict[str, Any] = self.sql(f"describe history {table.quoted}").limit(1).collect()[0].asDict()
        return newest

    def create(self, table: TableName, schema: pa.Schema) -> None:
        """Make an empty table, and its schema, unless they are there."""
        from pyspark.sql.pandas.types import from_arrow_schema

        columns = ", ".join(
            f"{quote(field.name)} {field.dataType.simpleString()}{'' if field.nullable else ' not null'}"
            for field in from_arrow_schema(schema)
        )
        self.spark.sql(f"create schema if not exists {quote(self._schema_of(table.schema))}")
        kept = "tblproperties ('delta.deletedFileRetentionDuration' = 'interval 30 days')"
        self.sql(f"create table if not exists {table.quoted} ({columns}) using delta {kept}")

    def append(self, table: TableName, rows: pa.Table) -> None:
        """Add rows to a table that is there."""
        self._frame(rows).write.format("delta").mode("append").saveAsTable(self.name(table))

    def replace(self, table: TableName, rows: pa.Table, where: str | None) -> None:
        """Replace the rows of a table for which a condition holds, or all, in one commit."""
        writer = self._frame(rows).write.format("delta").mode("overwrite")
        (writer.option("replaceWhere", where) if where else writer).saveAsTable(self.name(table))

    @contextmanager
    def writing(self, ours: Collection[TableName]) -> Iterator[dict[TableName, int]]:
        """Whatever goes wrong inside the block, these tables are as they were before it; no other is touched.

        There is no lock: nobody else may write these tables meanwhile, or their rows are put back too. The job runs
        once at a time, and development has schemas of its own for each person.

        Args:
            ours: the tables that the block may write.

        Yields:
            The failed versions: empty, until the block fails and tables have been put back.

        Raises:
            LakehouseError: some tables could not be put back.
        """
        before = {table: self.version(table) for table in self._there(ours)}
        failed: dict[TableName, int] = {}
        try:
            yield failed
        except BaseException:
            self._restore(ours, before, failed)
            raise

    def _there(self, ours: Collection[TableName]) -> list[TableName]:
        return [table for table in self.tables(sorted({table.schema for table in ours})) if table in ours]

    def _restore(
        self, ours: Collection[TableName], before: dict[TableName, int], failed: dict[TableName, int]
    ) -> None:
        stuck = []
        for table in self._there(ours):
            try:
                if table not in before:
                    self.sql(f"drop table {table.quoted}")
                elif (version := self.version(table)) != before[table]:
                    self.sql(f"restore table {table.quoted} to version as of {before[table]}").collect()
                    failed[table] = version
            except Exception as error:  # of many kinds; the other tables are put back all the same
                stuck.append(f"{table} ({str(error).splitlines()[0]})")
        if stuck:
            raise LakehouseError(
                f"These tables hold the state of a failed step and could not be put back: {'; '.join(stuck)}.",
                "Run the command again: it builds them anew.",
            )

    def _frame(self, rows: pa.Table) -> DataFrame:
        return self.spark.createDataFrame(rows)

    def name(self, table: TableName) -> str:
        """What a table is called there, quoted."""
        return f"{quote(self._schema_of(table.schema))}.{quote(table.name)}"


@functools.cache
def opened() -> Unity:
    """The tables of the profile ``databricks``, by the session of the job, or of Databricks Connect where that is
    installed; one per process.

    Raises:
        LakehouseError: this is no job there, and Databricks Connect is missing or finds no compute.
    """
    try:
        from databricks.connect import DatabricksSession
    except ImportError:
        if RUNTIME not in os.environ:
            raise LakehouseError(
                "The target databricks needs a session there, and this is not a job of Databricks.",
                "Start the job (docs/production.md), or install databricks-connect in an environment of its own.",
            ) from None
        from pyspark.sql import SparkSession

        spark = SparkSession.builder.getOrCreate()
    else:
        try:
            spark = cast("SparkSession", DatabricksSession.builder.getOrCreate())
        except Exception as error:  # each way of not being configured has an exception of its own
            raise LakehouseError(
                f"Databricks Connect opened no session: {str(error).splitlines()[0].rstrip('.')}.",
                "DATABRICKS_HOST, and DATABRICKS_CLUSTER_ID or DATABRICKS_SERVERLESS_COMPUTE_ID, say where to.",
            ) from error
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.sql(f"use catalog {quote(settings.databricks_catalog())}")
    return Unity(spark)

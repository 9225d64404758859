"""The tables on disk: ``<warehouse>/<schema>/<table>``, each a Delta table.

The embedded engine and in-process Spark forget their catalogs when they stop. The folders are the
truth: :func:`register_all` makes every table known again at each start, with columns and nullability
from its Delta log.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructType

from lakehouse.errors import LakehouseError
from lakehouse.settings import SCHEMAS

MARKER = ".lakehouse"


class TableName(NamedTuple):
    """A table's two-part name; ``str()`` gives ``schema.table``."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The name with both parts quoted for SQL."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    def path(self, warehouse: Path) -> Path:
        """The folder of the table's Delta log and files."""
        return warehouse / self.schema / self.name


def quote(identifier: str) -> str:
    """Quote a name for Spark SQL."""
    return "`" + identifier.replace("`", "``") + "`"


def prepare(warehouse: Path) -> None:
    """Make the warehouse folder if it is not there, and make sure that it is ours.

    Raises:
        LakehouseError: the path is a file, cannot be written, or is a folder with other content.
    """
    if warehouse.exists() and not warehouse.is_dir():
        raise LakehouseError(f"{warehouse} is a file, not a folder.", "Point LAKEHOUSE_WAREHOUSE at a folder.")
    marker = warehouse / MARKER
    try:
        if marker.exists():
            return
        warehouse.mkdir(parents=True, exist_ok=True)
        strangers = sorted(entry.name for entry in warehouse.iterdir())
        if strangers:
            raise LakehouseError(
                f"{warehouse} is not a warehouse of this project: it holds {', '.join(strangers[:3])}"
                f"{' and more' if len(strangers) > 3 else ''}, and no {MARKER} file.",
                "Point LAKEHOUSE_WAREHOUSE at an empty or new folder.",
            )
        marker.write_text("This folder holds the Delta tables of the Customer Intelligence Lakehouse.\n")
    except PermissionError as error:
        raise LakehouseError(
            f"{warehouse} cannot be written: {error.strerror}.",
            "Give yourself write access, or point LAKEHOUSE_WAREHOUSE at another folder.",
        ) from error


def tables(warehouse: Path, schemas: Iterable[str] = SCHEMAS) -> list[TableName]:
    """The tables on disk, sorted; a folder without a commit is not a table."""
    return [
        TableName(schema, folder.name)
        for schema in schemas
        if (warehouse / schema).is_dir()
        for folder in sorted((warehouse / schema).iterdir())
        if any((folder / "_delta_log").glob("*.json"))
    ]


def open_delta(warehouse: Path, table: TableName) -> DeltaTable:
    """The table's Delta log at its newest version.

    Raises:
        LakehouseError: the log cannot be read; the message says how to go on.
    """
    path = table.path(warehouse)
    try:
        return DeltaTable(path)
    except (DeltaError, OSError) as error:
        raise LakehouseError(
            f"The table {table} at {path} cannot be read: {str(error).splitlines()[0]}",
            f"Bring {path} back from a copy, or delete that folder; the next run builds the table again.",
        ) from error


def register_all(session: SparkSession, engine: str, warehouse: Path) -> None:
    """Make all schemas and all tables on disk known to a fresh session.

    Raises:
        LakehouseError: a table's log cannot be read.
    """
    for schema in SCHEMAS:
        create_schema(session, warehouse, schema)
    for table in tables(warehouse):
        register(session, engine, warehouse, table)


def create_schema(session: SparkSession, warehouse: Path, schema: str) -> None:
    """Create a schema over its folder, so that tables made in it outlive the session."""
    location = str(warehouse / schema).replace("'", "\\'")
    session.sql(f"create schema if not exists {quote(schema)} location '{location}'")


def register(session: SparkSession, engine: str, warehouse: Path, table: TableName) -> None:
    """Make one table on disk known, or known anew after its schema has changed."""
    delta = open_delta(warehouse, table)
    location = str(table.path(warehouse)).replace("'", "\\'")
    declared = ""
    if engine == "local":
        # Spark reads the log itself; the embedded engine describes only what it is told.
        fields = StructType.fromJson(json.loads(delta.schema().to_json())).fields
        columns = ", ".join(
            f"{quote(field.name)} {field.dataType.simpleString()}{'' if field.nullable else ' not null'}"
            for field in fields
        )
        declared = f"({columns})"
    partitions = delta.metadata().partition_columns
    partitioned = f"partitioned by ({', '.join(map(quote, partitions))})" if partitions and declared else ""
    session.sql(f"drop table if exists {table.quoted}")
    session.sql(f"create table {table.quoted} {declared} using delta {partitioned} location '{location}'")


def drop(session: SparkSession, warehouse: Path, table: TableName) -> None:
    """Drop a table and its files; the engines leave the files of a table with a location behind."""
    session.sql(f"drop table if exists {table.quoted}")
    shutil.rmtree(table.path(warehouse), ignore_errors=True)


def check_partitions(schema: StructType, partitions: list[str]) -> None:
    """Refuse a partitioning that the embedded engine could not register again at the next start.

    Raises:
        LakehouseError: a partition column is text, or is not among the last columns in order.
    """
    names = schema.fieldNames()
    if partitions and names[-len(partitions) :] != partitions:
        raise LakehouseError(
            f"The partition columns {partitions} must be the last columns, in that order; they are {names}.",
            "Move them to the end of the select list.",
        )
    texts = [column for column in partitions if isinstance(schema[column].dataType, StringType)]
    if texts:
        raise LakehouseError(
            f"The table cannot be partitioned by the text column {texts[0]} on the local engine.",
            "Partition by a date or a number.",
        )

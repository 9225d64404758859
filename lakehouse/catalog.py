"""The tables on disk: ``<warehouse>/<schema>/<table>``, each a Delta table.

The embedded engine and in-process Spark forget their catalogs when they stop. The folders are the
truth: :func:`register_all` makes every table known again at each start, with columns and nullability
from its Delta log.
"""

from __future__ import annotations

import atexit
import functools
import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlparse

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, MapType, StringType, StructType

from lakehouse.errors import LakehouseError
from lakehouse.lock import LOCK_FILE, OWNER_FILE
from lakehouse.settings import SCHEMAS

MARKER = ".lakehouse"
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


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


def _literal(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


def prepare(warehouse: Path) -> None:
    """Make the warehouse folder if it is not there, and make sure that it is ours.

    Raises:
        LakehouseError: the path is a file, or a folder with other content.
        OSError: it cannot be written.
    """
    if warehouse.exists() and not warehouse.is_dir():
        raise LakehouseError(f"{warehouse} is a file, not a folder.", "Point LAKEHOUSE_WAREHOUSE at a folder.")
    marker = warehouse / MARKER
    if marker.exists():
        return
    warehouse.mkdir(parents=True, exist_ok=True)
    # Another process may be making the same warehouse at this moment.
    strangers = sorted({entry.name for entry in warehouse.iterdir()} - {MARKER, LOCK_FILE, OWNER_FILE})
    if strangers:
        raise LakehouseError(
            f"{warehouse} is not a warehouse of this project: it holds {', '.join(strangers[:3])}"
            f"{' and more' if len(strangers) > 3 else ''}, and no {MARKER} file.",
            "Point LAKEHOUSE_WAREHOUSE at an empty or new folder.",
        )
    marker.write_text("This folder holds the Delta tables of the Customer Intelligence Lakehouse.\n")


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
        # A machine that loses its power may leave such a one; Delta would read on as if it had never been.
        if empty := [
            entry.name for entry in sorted((path / "_delta_log").glob("*.json")) if not entry.stat().st_size
        ]:
            raise DeltaError(f"the entry {empty[0]} of its log is empty")
        return DeltaTable(path)
    except (DeltaError, OSError) as error:
        raise LakehouseError(
            f"The table {table} at {path} cannot be read: {str(error).splitlines()[0].rstrip('.')}.",
            way_back(table, path),
        ) from error


def damage(warehouse: Path) -> LakehouseError | None:
    """What is wrong with the first table whose log cannot be read or whose files are not all there; None if all are.

    To be asked once something has failed: it opens every table.
    """
    for table in tables(warehouse):
        try:
            files = [Path(unquote(uri)) for uri in open_delta(warehouse, table).file_uris()]
        except LakehouseError as error:
            return error
        path = table.path(warehouse)
        if lost := [file.name for file in files if not file.exists()]:
            return LakehouseError(
                f"The table {table} at {path} lacks {len(lost)} of its {len(files)} files; the first is {lost[0]}.",
                way_back(table, path),
            )
    return None


def way_back(table: TableName, path: Path) -> str:
    """How to get a table back that cannot be read."""
    mend = f"Bring {path} back from a copy. "
    if table.schema == "bronze":
        return mend + "Without one, start a new warehouse and ingest every delivery again, oldest first."
    mend += "Or delete that folder: the next run builds the table again"
    return mend + (", without what it alone remembers of earlier days." if table.name.endswith("_history") else ".")


def engine_folder(engine: str, warehouse: Path) -> Path:
    """The warehouse under a path that the engine takes as it is.

    The embedded engine percent-encodes spaces, accents and the like, and would write beside the folder that
    is meant. For such a path it is given a link, which lasts as long as this process.
    """
    return _plain_link(warehouse) if engine == "local" and not PLAIN_PATH.fullmatch(str(warehouse)) else warehouse


@functools.cache
def _plain_link(warehouse: Path) -> Path:
    holder = Path(tempfile.mkdtemp(prefix="lakehouse-"))
    atexit.register(shutil.rmtree, holder, ignore_errors=True)
    link = holder / "warehouse"
    link.symlink_to(warehouse, target_is_directory=True)
    return link


def register_all(session: SparkSession, engine: str, warehouse: Path) -> None:
    """Make all schemas and tables on disk known to a fresh session, which may share its catalog with earlier ones.

    Raises:
        LakehouseError: a table's log cannot be read, or the catalog is of another warehouse.
    """
    for schema in SCHEMAS:
        create_schema(session, engine, warehouse, schema)
    for table in tables(warehouse):
        register(session, engine, warehouse, table)


def create_schema(session: SparkSession, engine: str, warehouse: Path, schema: str) -> None:
    """Create a schema over its folder, so that tables made in it outlive the session."""
    location = engine_folder(engine, warehouse) / schema
    session.sql(f"create schema if not exists {quote(schema)} location {_literal(location)}")
    if engine == "spark":
        there = Path(unquote(urlparse(session.catalog.getDatabase(schema).locationUri).path))
        if there.resolve() != location.resolve():
            raise LakehouseError(
                f"This Spark server holds the tables of {there.parent}, and not those of {warehouse}.",
                "Start another one for this warehouse; the sessions of a server share one catalog.",
            )


def register(session: SparkSession, engine: str, warehouse: Path, table: TableName) -> None:
    """Make one table on disk known, or known anew after its schema has changed."""
    delta = open_delta(warehouse, table)
    location = table.path(engine_folder(engine, warehouse))
    layout = "using delta"
    if engine == "local":
        partitions = delta.metadata().partition_columns
        # Spark reads the log itself; the embedded engine describes only what it is told, partitions last.
        fields = StructType.fromJson(json.loads(delta.schema().to_json())).fields
        columns = ", ".join(
            f"{quote(field.name)} {field.dataType.simpleString()}{'' if field.nullable else ' not null'}"
            for field in sorted(fields, key=lambda field: field.name in partitions)
        )
        layout = f"({columns}) using delta"
        if partitions:
            layout += f" partitioned by ({', '.join(map(quote, partitions))})"
        session.sql(f"drop table if exists {table.quoted}")
    # Another session of the same Spark may have made it, and to drop it here would take its files away.
    session.sql(f"create table if not exists {table.quoted} {layout} location {_literal(location)}")


def drop(session: SparkSession, warehouse: Path, table: TableName) -> None:
    """Drop a table and its files; the engines leave the files of a table with a location behind."""
    session.sql(f"drop table if exists {table.quoted}")
    shutil.rmtree(table.path(warehouse), ignore_errors=True)


def check_layout(schema: StructType, partitions: list[str]) -> None:
    """Refuse a table that the embedded engine could not register again at the next start.

    Raises:
        LakehouseError: a column is nested, or a partition column is text or not among the last columns.
    """
    for field in schema.fields:
        if isinstance(field.dataType, ArrayType | MapType | StructType):
            raise LakehouseError(
                f"The column {field.name} is {field.dataType.simpleString()}; tables hold plain columns only.",
                "Give each element a row, or write the value as JSON text.",
            )
    names = schema.fieldNames()
    if partitions and names[-len(partitions) :] != partitions:
        raise LakehouseError(
            f"The partition columns {partitions} must be the last columns, in that order; they are {names}.",
            "Move them to the end of the select list.",
        )
    for column in partitions:
        if isinstance(schema[column].dataType, StringType):
            raise LakehouseError(
                f"The table cannot be partitioned by the text column {column}.", "Partition by a date or a number."
            )

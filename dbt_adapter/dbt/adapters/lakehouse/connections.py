"""Connections: every dbt thread shares the one session of this process."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.exceptions import FailedToConnectError
from dbt.adapters.spark.connections import SparkConnectionManager, SparkConnectionMethod, SparkCredentials
from dbt.adapters.spark.session import Cursor, SessionConnectionWrapper
from dbt.flags import get_flags
from dbt_common.exceptions import DbtDatabaseError
from dbt_common.invocation import get_invocation_id
from filelock import FileLock
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse import catalog, engine, errors, session, settings, tables

WRITING_COMMANDS = {"build", "run", "seed", "snapshot", "clone", "retry", "run-operation"}

# What this adapter's create_table_as emits. Neither engine is handed it: the embedded one refuses a
# changed schema, while the writer below replaces a table atomically on both, schema included.
REPLACE_TABLE = re.compile(
    r"\s*(?:/\*.*?\*/\s*)?create or replace table (?P<table>\S+)\s+using delta\s+"
    r"(?:partitioned by \((?P<partitions>[^)]*)\)\s+)?as\s(?P<query>.*)",
    re.IGNORECASE | re.DOTALL,
)
# And for the rows of an increment, which are in a folder of the warehouse until they are merged.
STAGE_ROWS = re.compile(
    r"\s*(?:/\*.*?\*/\s*)?create temporary table (?P<view>\S+)\s+as\s(?P<query>.*)", re.IGNORECASE | re.DOTALL
)


@dataclass
class LakehouseCredentials(SparkCredentials):
    """A profile's output: ``engine`` (``local`` or ``spark``), ``schema`` and ``threads``; no secrets."""

    engine: str = "local"
    method: SparkConnectionMethod = SparkConnectionMethod.SESSION
    host: str = "localhost"

    @property
    def type(self) -> str:
        return "lakehouse"

    @property
    def unique_field(self) -> str:
        return str(self.warehouse)

    @property
    def warehouse(self) -> Path:
        return settings.warehouse()

    def _connection_keys(self) -> tuple[str, ...]:
        return ("engine", "warehouse", "schema")

    def session(self) -> SparkSession:
        """The process's session over the warehouse, started at first use."""
        return session.open_session(self.engine, self.warehouse)


class LakehouseCursor(Cursor):
    """dbt-spark's session cursor on our session; replaces tables through the DataFrame writer."""

    def __init__(self, spark: SparkSession, credentials: LakehouseCredentials) -> None:
        super().__init__()
        self._spark = spark
        self._place = (credentials.engine, credentials.warehouse)

    def execute(self, sql: str, *parameters: Any) -> None:
        self._rows = self._df = None
        if replacement := REPLACE_TABLE.fullmatch(sql):
            partitions = [name.strip() for name in (replacement["partitions"] or "").split(",") if name.strip()]
            rows = self._spark.sql(replacement["query"])
            engine.replace_table(rows, replacement["table"], partitions, get_invocation_id())
        elif staged := STAGE_ROWS.fullmatch(sql):
            engine.keep_rows(self._spark.sql(staged["query"]), staged["view"].strip("`"), *self._place)
        else:
            self._df = self._spark.sql(sql)

    def fetchall(self) -> list[Any] | None:
        # DataFrame.collect would move timestamps from UTC into the time zone of this machine.
        if self._rows is None and self._df is not None:
            columns = [column.to_pylist() for column in self._df.toArrow().columns]
            self._rows = list(zip(*columns, strict=True))  # type: ignore[arg-type]  # tuples do for rows
        return self._rows


class LakehouseConnectionManager(SparkConnectionManager):
    """Opens the shared session, and holds the write lock while a command that writes is running."""

    TYPE = "lakehouse"
    _guard = threading.Lock()
    _write_lock: FileLock | None = None
    _warehouse: Path

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        if connection.state == ConnectionState.OPEN:
            return connection
        try:
            with errors.disk_errors_explained(connection.credentials.warehouse):
                cls._hold_write_lock(connection.credentials.warehouse)
                spark = connection.credentials.session()
        except errors.LakehouseError as error:
            connection.state = ConnectionState.FAIL
            raise FailedToConnectError(str(error)) from error
        cursor = partial(LakehouseCursor, spark, connection.credentials)
        maker = SimpleNamespace(cursor=cursor)  # all that the wrapper asks for
        connection.handle = SessionConnectionWrapper(maker)  # type: ignore[arg-type]
        connection.state = ConnectionState.OPEN
        return connection

    @classmethod
    def _hold_write_lock(cls, warehouse: Path) -> None:
        with cls._guard:
            flags = get_flags()
            if cls._write_lock is None and (
                flags.WHICH in WRITING_COMMANDS or getattr(flags, "STORE_FAILURES", False)
            ):
                catalog.prepare(warehouse)
                cls._write_lock = tables.acquire(warehouse)
                cls._warehouse = warehouse
                engine.drop_rows(warehouse)  # of a command that was killed

    def cleanup_all(self) -> None:
        super().cleanup_all()
        with self._guard:
            if self._write_lock is not None:
                engine.drop_rows(self._warehouse)
                self._write_lock.release()
                type(self)._write_lock = None

    @contextmanager
    def exception_handler(self, sql: str) -> Generator[None, None, None]:
        try:
            yield
        except errors.LakehouseError as error:
            raise DbtDatabaseError(str(error)) from error
        except PySparkException as error:
            raise DbtDatabaseError(engine.explain(error)) from error

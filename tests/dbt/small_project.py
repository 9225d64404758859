"""A throw-away dbt project over a throw-away warehouse, and what can be seen of the tables from outside."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from dbt.artifacts.schemas.results import NodeStatus, TestStatus
from dbt.cli.main import dbtRunner, dbtRunnerResult
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse import session

PROJECT_YML = """
    name: small
    version: "1.0"
    config-version: 2
    profile: small
    flags: {send_anonymous_usage_stats: false}
    models: {+materialized: table, +file_format: delta}
    snapshots: {+file_format: delta}
"""
PROFILES_YML = """
    small:
      target: local
      outputs:
        local: {type: lakehouse, engine: local, schema: silver, threads: 2}
"""
INCREMENTAL = "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }}\n"
UTC = ZoneInfo("UTC")
GOOD = {NodeStatus.Success, NodeStatus.Pass, TestStatus.Pass}


class Project:
    """Files in, dbt commands, and the state on disk.

    Args:
        folder: where the project's files go.
        warehouse: the folder that LAKEHOUSE_WAREHOUSE names.
        parsed: a parsed empty project, so that dbt reads its own 500 macros once in a session and not each time.
    """

    def __init__(self, folder: Path, warehouse: Path, parsed: Path | None = None) -> None:
        self.folder = folder
        self.warehouse = warehouse
        self.file("dbt_project.yml", PROJECT_YML)
        self.file("profiles.yml", PROFILES_YML)
        for kind in ("models", "seeds", "snapshots", "macros"):
            (folder / kind).mkdir()
        if parsed:
            self.target.mkdir()
            shutil.copy(parsed, self.parsed)

    @property
    def target(self) -> Path:
        return self.folder / "target"

    @property
    def parsed(self) -> Path:
        return self.target / "partial_parse.msgpack"

    def file(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(dedent(text).lstrip("\n"))

    def model(self, name: str, sql: str, yml: str = "") -> None:
        self.file(f"models/{name}.sql", sql)
        if yml:
            self.file(f"models/{name}.yml", yml)

    def python_model(self, name: str, code: str) -> None:
        self.file(f"models/{name}.py", code)

    def seed(self, name: str, csv: str, yml: str = "") -> None:
        # Not file(): white space belongs to the values.
        (self.folder / f"seeds/{name}.csv").write_text(csv)
        if yml:
            self.file(f"seeds/{name}.yml", yml)

    def arguments(self, *arguments: str) -> list[str]:
        """What a dbt command needs to run here, silently."""
        places = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        quiet = ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-version-check"]
        files = ["--log-path", str(self.folder / "logs"), *([] if "docs" in arguments else ["--no-write-json"])]
        return [*arguments, *places, *quiet, *files]

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        return dbtRunner().invoke(self.arguments(*arguments))

    def succeeds(self, *arguments: str) -> dbtRunnerResult:
        result = self.dbt(*arguments)
        assert result.success, message(result)
        return result

    def fails(self, *arguments: str) -> str:
        """Run a command that must fail; what it tells a person, on one line."""
        result = self.dbt(*arguments)
        assert not result.success, f"dbt {' '.join(arguments)} succeeded"
        return message(result)

    def restart(self) -> SparkSession:
        """Forget all that the engine knows, as a new process does; the session of the fresh start."""
        session.close_session("local", self.warehouse)
        return self.spark

    @property
    def spark(self) -> SparkSession:
        return session.open_session("local", self.warehouse)

    def known(self) -> list[str]:
        """The tables and views that the engine knows, those that dbt should have dropped among them."""
        return sorted(table.name for table in self.spark.catalog.listTables("silver"))

    def path(self, table: str) -> Path:
        return self.warehouse / "silver" / table

    def delta(self, table: str) -> DeltaTable:
        """The table as Delta's own library sees it, without the engine and its catalog."""
        return DeltaTable(self.path(table))

    def exists(self, table: str) -> bool:
        return DeltaTable.is_deltatable(str(self.path(table)))

    def version(self, table: str) -> int:
        return self.delta(table).version()

    def columns(self, table: str) -> dict[str, str]:
        """Type by name, in order, as the Delta log has them."""
        schema = self.delta(table).schema()
        return {field.name: getattr(field.type, "type", str(field.type)) for field in schema.fields}

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """All rows, sorted by their text."""
        read: pa.Table = self.delta(table).to_pyarrow_table()
        return sorted((tuple(row.values()) for row in read.to_pylist()), key=str)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the engine answers."""
        return [tuple(row) for row in self.spark.sql(sql).collect()]


def incremental(on_schema_change: str = "ignore", **config: str) -> str:
    """The head of an incremental model."""
    more = "".join(f", {key}='{value}'" for key, value in config.items())
    return INCREMENTAL.replace(") }}", f", on_schema_change='{on_schema_change}'{more}) }}}}")


def values(rows: str, columns: str) -> str:
    """A query of literal rows."""
    return f"select * from values {rows} as v({columns})"


def message(result: dbtRunnerResult) -> str:
    """All that a failed command says, on one line."""
    nodes = getattr(result.result, "results", [])
    bad = [f"{node.node.name}: {node.message}" for node in nodes if node.status not in GOOD]
    return " ".join(" ".join([*bad, str(result.exception or "")]).split())


def messages(result: dbtRunnerResult) -> dict[str, str]:
    """What each node says, by its name."""
    return {node.node.name: str(node.message) for node in _nodes(result)}


def statuses(result: dbtRunnerResult) -> dict[str, str]:
    """The outcome by node name."""
    return {node.node.name: str(node.status) for node in _nodes(result)}


def shown(result: dbtRunnerResult) -> list[tuple[Any, ...]]:
    """The rows of ``dbt show``."""
    return [tuple(row) for row in _nodes(result)[0].agate_table.rows]


def _nodes(result: dbtRunnerResult) -> list[Any]:
    assert result.result is not None, message(result)
    return list(result.result.results)  # type: ignore[union-attr]

"""The floor: what the project's own SQL takes on DuckDB, as one script over the same Bronze, without dbt.

``dbt compile`` says what each Silver and Gold model is on a warehouse that has no Silver and Gold yet; sqlglot says
the same in DuckDB's words. Left out are the Python models and the SQL models that only hand their tables on, the
snapshots, the seeds, the marts over scores, and all tests. Tables go to a file of DuckDB's own. That they are the
tables of the project, to the last digit, is in tests/benchmarks/test_floor.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from graphlib import TopologicalSorter
from pathlib import Path
from typing import ClassVar, NamedTuple

import duckdb
import sqlglot
from deltalake import DeltaTable
from sqlglot import exp
from sqlglot.dialects import DuckDB

from lakehouse import catalog
from lakehouse.settings import DBT_PROJECT, PROFILES, ROOT

LAYERS = ("silver", "gold")
DUCKDB_TYPES = {"string": "varchar", "long": "bigint", "integer": "int", "timestamp": "timestamp", "date": "date"}
QUOTIENT = """
create macro quotient(dividend, divisor, digits) as
sign(dividend) * sign(divisor) * (
    (
        2 * abs(cast(100 * dividend as hugeint)) * cast(power(10, digits) as hugeint)
        + abs(cast(100 * divisor as hugeint))
    ) // (2 * abs(cast(100 * divisor as hugeint)))
) / power(10, digits)
"""
"""A quotient of numbers with up to two decimals, a half rounded up in size: DuckDB divides decimals as doubles."""


class Statement(NamedTuple):
    """A model in Spark SQL, as dbt compiled it; ``table`` is schema.name."""

    table: str
    query: str


class Timed(NamedTuple):
    """How long a statement took, how long the processors worked for it, and how many rows it gave."""

    table: str
    seconds: float
    cpu_seconds: float
    rows: int


def compiled(warehouse: Path, folder: Path) -> list[Statement]:
    """Have dbt compile the models of Silver and Gold for a full build over a warehouse's Bronze.

    Args:
        warehouse: has Bronze; is only read.
        folder: where dbt writes; not where it usually does, so that nothing there is taken for what was built.
    """
    subprocess.run(  # noqa: S603
        [
            str(Path(sys.executable).with_name("dbt")), "--quiet", "compile", "--full-refresh", "--target", "local",
            "--select", "config.schema:silver,resource_type:model", "config.schema:gold,resource_type:model",
            "--exclude", "path:models/marts", "resource_type:test", "resource_type:unit_test",
            "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES),
            "--target-path", str(folder), "--log-path", str(folder),
        ],
        check=True,
        cwd=ROOT,
        env=os.environ | {"LAKEHOUSE_WAREHOUSE": str(warehouse)},
    )  # fmt: skip
    return statements(folder)


def statements(folder: Path) -> list[Statement]:
    """The script that dbt has compiled into a folder, in an order in which it can be run.

    A model that reads the table of a Python model, or of one that does, is left out.
    """
    queries = {
        f"{layer}.{path.stem}": path.read_text(encoding="utf-8")
        for layer in LAYERS
        for path in (folder / "compiled" / "lakehouse" / "models" / layer).rglob("*.sql")
        if path.parent.suffix != ".yml"  # where the tests are
    }
    parents = {table: _read_by(query) for table, query in queries.items()}
    order = list(TopologicalSorter(parents).static_order())
    there = set[str]()
    for table in order:
        if table in queries and parents[table] <= there:
            there.add(table)
    return [Statement(table, queries[table]) for table in order if table in there]


def _read_by(query: str) -> set[str]:
    return set(re.findall(rf"\b(?:{'|'.join(LAYERS)})\.\w+", query))


def translated(query: str) -> str:
    """Spark SQL in DuckDB's words."""
    return sqlglot.transpile(query, read="spark", write=Floor)[0]


def run(script: list[Statement], warehouse: Path, database: Path) -> list[Timed]:
    """Run a script over the Bronze of a warehouse.

    Args:
        script: what :func:`statements` gave; putting it into DuckDB's words is not timed.
        warehouse: has Bronze; is only read.
        database: the file to make.
    """
    script = [Statement(table, translated(query)) for table, query in script]
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"set timezone = 'UTC'; set threads = {os.cpu_count() or 2}; {QUOTIENT}")
        for schema in ("bronze", *LAYERS):
            connection.execute(f"create schema {schema}")
        for table in catalog.tables(warehouse, ["bronze"]):
            # All times are UTC; DuckDB is slower with those that say so.
            source = _source(DeltaTable(table.path(warehouse)))
            connection.execute(f"create view {table} as {source}")
        return [_timed(connection, statement) for statement in script]


def _source(table: DeltaTable) -> str:
    columns = ", ".join(
        f"cast({field.name} as timestamp) as {field.name}" if "timestamp" in str(field.type) else field.name
        for field in table.schema().fields
    )
    if not (files := table.file_uris()):
        nothing = ", ".join(
            f"null::{DUCKDB_TYPES[field.type.type]} as {field.name}" for field in table.schema().fields
        )
        return f"select {nothing} where false"
    return f"select {columns} from read_parquet({files})"


def _timed(connection: duckdb.DuckDBPyConnection, statement: Statement) -> Timed:
    began, worked = time.perf_counter(), time.process_time()
    made = connection.execute(f"create table {statement.table} as {statement.query}").fetchall()
    return Timed(statement.table, time.perf_counter() - began, time.process_time() - worked, made[0][0])


class Floor(DuckDB):
    """What sqlglot leaves as it is, or takes for something else; and times without a zone, as all of them are UTC."""

    class Generator(DuckDB.Generator):
        TYPE_MAPPING: ClassVar = {**DuckDB.Generator.TYPE_MAPPING, exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP"}
        TRANSFORMS: ClassVar = {
            **DuckDB.Generator.TRANSFORMS,
            exp.StrToUnix: lambda self, node: f"CAST(EPOCH({self.sql(node, 'this')}) AS BIGINT)",
            exp.Anonymous: lambda self, node: self.spark_function(node),
        }

        def trycast_sql(self, expression: exp.TryCast) -> str:
            """A quotient of decimals (macro quotient) in exact arithmetic, as Spark has it."""
            division, to = expression.this, expression.to
            if isinstance(division, exp.Div) and to.is_type(exp.DataType.Type.DECIMAL):
                given = [division.this, division.expression, to.expressions[1].this]
                return self.sql(exp.Cast(this=exp.Anonymous(this="quotient", expressions=given), to=to))
            return super().trycast_sql(expression)

        def spark_function(self, node: exp.Anonymous) -> str:
            """A function that sqlglot does not know."""
            given = [self.sql(argument) for argument in node.expressions]
            match node.name.lower():
                case "timestamp_seconds":
                    return f"MAKE_TIMESTAMP(CAST(1000000 * ({given[0]}) AS BIGINT))"
                case "try_to_timestamp":
                    return f"TRY_STRPTIME({given[0]}, '%Y-%m-%d %H:%M:%S')"
                case "xxhash64":
                    return f"HASH({', '.join(given)})"
            return self.anonymous_sql(node)

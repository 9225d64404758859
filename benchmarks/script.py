"""A script of models run one after the other, without dbt: `python -m benchmarks.script ENGINE SCRIPT WAREHOUSE`.

``ENGINE`` is duckdb, the floor, or local, this project's engine, which writes Delta tables in a folder of their own.
Prints a JSON list of :class:`benchmarks.floor.Timed`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import floor
from benchmarks.floor import Statement, Timed

SCHEMA = "benchmark"


def on_engine(script: Sequence[Statement], warehouse: Path, folder: Path) -> list[Timed]:
    """Run Spark SQL on the embedded engine, each model's table replaced as dbt does it, but in a schema beside.

    Args:
        script: in Spark SQL. It reads the tables that the warehouse holds, so each model is timed on the same input.
        warehouse: is built; is only read.
        folder: for the tables.
    """
    from lakehouse import session
    from lakehouse.engine import replace_table

    engine = session.open_session("local", warehouse)
    engine.sql(f"create schema if not exists {SCHEMA} location '{folder}'")
    found = []
    for statement in script:
        began, worked = time.perf_counter(), time.process_time()
        replace_table(engine.sql(statement.query), f"{SCHEMA}.{statement.table.replace('.', '_')}", [], "benchmark")
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - worked
        counted = engine.table(f"{SCHEMA}.{statement.table.replace('.', '_')}").count()
        found.append(Timed(statement.table, seconds, cpu_seconds, counted))
    return found


def main() -> None:
    """Run a script, and print how long each statement took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.script", description=__doc__)
    parser.add_argument("engine", choices=("duckdb", "local"))
    parser.add_argument("script", type=Path)
    parser.add_argument("warehouse", type=Path)
    told = parser.parse_args()
    script = [Statement(*pair) for pair in json.loads(told.script.read_text(encoding="utf-8"))]
    with tempfile.TemporaryDirectory() as temporary:
        if told.engine == "duckdb":
            took = floor.run(script, told.warehouse, Path(temporary) / "floor.duckdb")
        else:
            took = on_engine(script, told.warehouse, Path(temporary))
    print(json.dumps([timed._asdict() for timed in took]))


if __name__ == "__main__":
    main()

"""A minute's guard against slow models: `python -m benchmarks.guard [--warehouse FOLDER] [--accept]`.

Its exit code is 1 if a model has become slow. A small shop is made up and built. Then each SQL model runs on our
engine and on DuckDB, over the same tables. Two things are asked in processor seconds, which hold whatever else runs:
does our engine take much longer than DuckDB for the same query; and has the query become longer than when its time
was last accepted? The second is measured by a yardstick that DuckDB runs beside it: the floor of a slow query is
slow too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from benchmarks import commands, floor, results, script
from benchmarks.commands import Place
from benchmarks.floor import Statement, Timed

SCALE = 0.1
LIMIT = 3.0
"""Of all models together, by the floor. On a small shop, where much is a model's own start, it is about 2."""
MODEL_LIMIT = 6.0
"""Of one model, by the floor."""
GROWTH_LIMIT = 2.0
"""Of one model, by what was accepted."""
NOTICED = 0.5
"""Processor seconds below which a ratio is noise."""
TRIES = 2
"""How often each is run; the quickest counts, for the first run in a process has more to set up."""
YARDSTICK = """
select max(place) from (
    select row_number() over (partition by hash(number) % 10000 order by md5(cast(number as varchar))) as place
    from range(2000000) as numbers (number)
)
"""
PART, KEY = "guard", ("table",)


class Measured(NamedTuple):
    """What the yardstick took, what our engine took, and what the floor took, in the order of the script."""

    yardstick: float
    ours: list[Timed]
    floor: list[Timed]


def measure(statements: Sequence[Statement], warehouse: Path, folder: Path, tries: int = TRIES) -> Measured:
    """Run a script on both engines.

    Args:
        statements: in Spark SQL.
        warehouse: is built; is only read.
        folder: for what is made.
        tries: how often.
    """
    folder.mkdir(exist_ok=True)
    ours = [script.on_engine(statements, warehouse, folder / "ours") for _ in range(tries)]
    theirs = [floor.run(list(statements), warehouse, folder / f"floor{number}.duckdb") for number in range(tries)]
    return Measured(min(_yardstick() for _ in range(tries)), _quickest(ours), _quickest(theirs))


def too_slow(measured: Measured, accepted: Mapping[str, float]) -> list[str]:
    """A sentence for each limit that is broken.

    Args:
        measured: what :func:`measure` gave.
        accepted: yardsticks by table, as they were when they were last accepted.
    """
    found = []
    mine, least = (sum(one.cpu_seconds for one in side) for side in (measured.ours, measured.floor))
    if mine > NOTICED and mine > LIMIT * least:
        found.append(
            f"All models together took {mine / least:.1f} times as long as on DuckDB; {LIMIT:g} are allowed."
        )
    for one, other in zip(measured.ours, measured.floor, strict=True):
        if one.cpu_seconds <= NOTICED:
            continue
        yardsticks = one.cpu_seconds / measured.yardstick
        if one.cpu_seconds > MODEL_LIMIT * other.cpu_seconds:
            found.append(
                f"{one.table} took {one.cpu_seconds / other.cpu_seconds:.1f} times as long as on DuckDB; "
                f"{MODEL_LIMIT:g} are allowed. Our engine is slow with something in its query."
            )
        if one.table in accepted and yardsticks > GROWTH_LIMIT * accepted[one.table]:
            found.append(
                f"{one.table} took {yardsticks / accepted[one.table]:.1f} times as long as when it was last accepted"
                f"; {GROWTH_LIMIT:g} are allowed. If it is worth that, run `python -m benchmarks.guard --accept`."
            )
    return found


def _yardstick() -> float:
    with duckdb.connect() as connection:
        began = time.process_time()
        connection.execute(YARDSTICK).fetchall()
        return time.process_time() - began


def _quickest(tries: Sequence[Sequence[Timed]]) -> list[Timed]:
    return [min(of_one, key=lambda timed: timed.cpu_seconds) for of_one in zip(*tries, strict=True)]


def _built(folder: Path) -> Path:
    """A small shop, generated and built without tests."""
    place = Place(folder)
    commands.lakehouse(place, "generate", "--out", str(folder / "shop"), "--scale", str(SCALE))
    commands.lakehouse(place, "ingest", "--path", str(folder / "shop"))
    commands.dbt(place, "local", "run", "--exclude", "path:models/marts")
    return place.warehouse


def main() -> int:
    """Build, measure, and say what is slow; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--warehouse", type=Path, help=f"A built one of scale {SCALE:g}; made if none is named.")
    parser.add_argument("--accept", action="store_true", help="Keep the times of today as those to compare with.")
    told = parser.parse_args()
    about = results.here()
    with tempfile.TemporaryDirectory() as temporary:
        warehouse = told.warehouse.resolve() if told.warehouse else _built(Path(temporary))
        statements = floor.compiled(warehouse, Path(temporary) / "compiled")
        measured = measure(statements, warehouse, Path(temporary))
    if told.accept:
        lines = [
            {"table": one.table, "yardsticks": round(one.cpu_seconds / measured.yardstick, 3)}
            for one in measured.ours
        ]
        results.add(PART, KEY, lines, about)
    accepted = {line["table"]: line["yardsticks"] for line in results.read(PART)}
    found = too_slow(measured, accepted)
    mine, least = (sum(one.cpu_seconds for one in side) for side in (measured.ours, measured.floor))
    told_all = f"{mine:.1f} processor seconds together, {mine / least:.1f} times DuckDB"
    for unknown in sorted({one.table for one in measured.ours} - accepted.keys()):
        print(f"{unknown} is compared with no time that was accepted; `--accept` keeps those of today.")
    print("\n".join([*found, f"Too slow: {told_all}."]) if found else f"No model is slow: {told_all}.")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A minute's guard against slow models: `python -m benchmarks.guard`, exit code 1 if one has become slow.

A small shop is made up and built. Then each SQL model runs on our engine and on DuckDB, over the same tables of the same
warehouse, and their processor seconds are compared: those hold whatever else runs on the machine. A limit is what a
model may take for each second of the floor. All together have one limit, and each model that takes long has another.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import commands, floor, script
from benchmarks.commands import Place
from benchmarks.floor import Statement, Timed

SCALE = 0.1
LIMIT = 3.0
"""Of all models together. On a small shop, where each model has some hundredths of a second of its own, it is about 2."""
MODEL_LIMIT = 6.0
"""Of one model."""
NOTICED = 0.5
"""Processor seconds below which a model's ratio is noise."""
TRIES = 3
"""How often each is run; the quickest counts, for the first run of a process has more to set up."""


def compare(statements: Sequence[Statement], warehouse: Path, folder: Path) -> tuple[list[Timed], list[Timed]]:
    """Run a script here and on DuckDB, and take the quickest of some tries of each statement.

    Returns:
        What our engine took, and what the floor took, in the order of the script.
    """
    ours = [script.on_engine(statements, warehouse, folder / "ours") for _ in range(TRIES)]
    theirs = [floor.run(list(statements), warehouse, folder / f"floor{number}.duckdb") for number in range(TRIES)]
    return _quickest(ours), _quickest(theirs)


def too_slow(ours: Sequence[Timed], theirs: Sequence[Timed]) -> list[str]:
    """A sentence for each limit that is broken, the total first."""
    found = []
    mine, least = sum(one.cpu_seconds for one in ours), sum(one.cpu_seconds for one in theirs)
    if mine > LIMIT * least:
        found.append(
            f"All models together took {mine:.1f} processor seconds and {mine / least:.1f} times as many as on DuckDB; the limit is {LIMIT:g} times."
        )
    for one, other in zip(ours, theirs, strict=True):
        if one.cpu_seconds > NOTICED and one.cpu_seconds > MODEL_LIMIT * other.cpu_seconds:
            found.append(
                f"{one.table} took {one.cpu_seconds:.1f} processor seconds, {one.cpu_seconds / other.cpu_seconds:.0f} times as "
                f"many as on DuckDB; the limit is {MODEL_LIMIT:g} times. Look at its query for the joins and sorts that it does not need."
            )
    return found


def _quickest(tries: Sequence[Sequence[Timed]]) -> list[Timed]:
    return [min(of_one, key=lambda timed: timed.cpu_seconds) for of_one in zip(*tries, strict=True)]


def main() -> int:
    """Build, compare, say what is slow; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--warehouse", type=Path, help="One that is built already; only read.")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        place = Place(told.warehouse.resolve().parent if told.warehouse else folder)
        warehouse = told.warehouse.resolve() if told.warehouse else place.warehouse
        if not told.warehouse:
            shop = folder / "shop"
            commands.lakehouse(place, "generate", "--out", str(shop), "--scale", str(SCALE))
            commands.lakehouse(place, "ingest", "--path", str(shop))
            commands.dbt(place, "local", "run", "--exclude", "path:models/marts")
        statements = floor.compiled(warehouse, folder / "compiled")
        ours, theirs = compare(statements, warehouse, folder)
        for one, other in sorted(zip(ours, theirs, strict=True), key=lambda pair: -pair[0].cpu_seconds)[:5]:
            print(f"{one.table}: {one.cpu_seconds:.2f} processor seconds, DuckDB {other.cpu_seconds:.2f}")
    found = too_slow(ours, theirs)
    mine, least = sum(one.cpu_seconds for one in ours), sum(one.cpu_seconds for one in theirs)
    print("\n".join(found) or f"No model is slow: {mine:.1f} processor seconds together, {mine / least:.1f} times DuckDB.")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())

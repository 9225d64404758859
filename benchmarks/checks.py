"""What checking costs: `python -m benchmarks.checks WAREHOUSE`: dbt's tests and the checks of Great Expectations.

Seconds per million rows of the tables that are checked: for dbt's tests while they run, for the others what their
queries took. What a command takes beside that does not grow with the rows. The warehouse is built, and is copied:
results of checks are kept in it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks import commands, results
from benchmarks.commands import Place
from expectations.results import newest

KEY = ("what",)
LAYERS = ("bronze", "silver", "gold", "ml")


def run(warehouse: Path) -> None:
    """Measure both on a copy of a warehouse, and keep what was measured."""
    about = results.here()
    with tempfile.TemporaryDirectory() as temporary:
        place = Place(Path(temporary))
        shutil.copytree(warehouse, place.warehouse)
        size = commands.size(place.warehouse)
        rows = commands.rows(place.warehouse, commands.of_layers(place.warehouse, LAYERS))
        tests = commands.dbt(place, "local", "test", "--exclude-resource-type", "unit_test")
        kinds = [("dbt test", tests.used, tests.running, len(tests.nodes))]
        used = commands.lakehouse(place, "validate")
        asked = [row["seconds"] for row in newest(place.warehouse) if row["kind"] == "expectation"]
        kinds.append(("lakehouse validate", used, sum(asked), len(asked)))
        for what, used, checking, count in kinds:
            per_million = checking / rows * 1e6
            figures = results.rounded({**used._asdict(), "checking": checking, "per_million_rows": per_million})
            results.add("checks", KEY, [{**size, "what": what, "checks": count, "rows": rows, **figures}], about)
            print(f"{what}: {count} checks of {rows:,} rows in {checking:.1f} s, {used.seconds:.1f} s with its start")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks", description=__doc__)
    parser.add_argument("warehouse", type=Path)
    warehouse = parser.parse_args().warehouse.resolve()
    if not (warehouse / "gold").is_dir():
        parser.error(f"{warehouse} is no warehouse that was built.")
    run(warehouse)


if __name__ == "__main__":
    main()

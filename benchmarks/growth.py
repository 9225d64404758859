"""How time, memory and disk grow with the data: `python -m benchmarks.growth SCALE [--target spark]`, one at a time.

A shop of that scale comes in two drops, all that was before and one day. Each is taken in and built, with all tests
and gates. Scale 1 is 100,000 orders with 500,000 events; 100 takes about 90 GB of disk.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks import commands, results
from benchmarks.commands import Place
from benchmarks.results import Result

KEY = ("scale", "target", "drop", "what")
LAYERS = ("bronze", "silver", "gold")
START = "2018-08-15"
DROPS = {"all before": START, "a day": "2018-08-16"}


def run(scale: float, target: str, folder: Path) -> None:
    """Measure one scale, and keep what was measured as it comes.

    Args:
        scale: of the generated shop.
        target: the engine.
        folder: with room for the files and the warehouse.
    """
    about = results.here()
    place, files = Place(folder), folder / "files"

    def keep(drop: str, what: str, values: dict[str, float]) -> None:
        line = {"scale": scale, "target": target, "drop": drop, "what": what, **results.rounded(values)}
        print(
            f"scale {scale:g}, {drop}: {what}: "
            + ", ".join(f"{k} {v:g}" for k, v in results.rounded(values).items()),
            flush=True,
        )
        results.add("growth", KEY, [line], about)

    drops = ["--days", str(len(DROPS)), "--start", START]
    words = ["generate", "--out", str(files), "--scale", str(scale), *drops, "--overwrite"]
    keep("all before", "generate", commands.lakehouse(place, *words)._asdict())
    for drop, day in DROPS.items():
        given = ["--path", str(files / day), "--delivered-on", day]
        keep(drop, "ingest", commands.lakehouse(place, "ingest", *given, "--target", target)._asdict())
        keep(drop, "build", commands.lakehouse(place, "build", "--target", target)._asdict())
        for layer in LAYERS:
            held = commands.of_layers(place.warehouse, [layer])
            keep(drop, layer, {"disk_mb": disk(place.warehouse, layer), "rows": commands.rows(place.warehouse, held)})


def disk(warehouse: Path, layer: str) -> float:
    """What a layer takes on disk, old versions and logs among it, in MB."""
    return sum(path.stat().st_size for path in (warehouse / layer).rglob("*") if path.is_file()) / 1e6


def exponents(lines: Sequence[Result], what: str, column: str) -> dict[tuple[float, float], float]:
    """By pair of neighbouring scales, the exponent with which a figure grows: 1 is in step with the data."""
    found = {line["scale"]: line[column] for line in lines if line["what"] == what and line["drop"] == "all before"}
    return {
        (small, large): math.log(found[large] / found[small]) / math.log(large / small)
        for small, large in pairwise(sorted(found))
    }


def main() -> None:
    """Measure one scale."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("scale", type=float)
    parser.add_argument("--target", choices=("local", "spark"), default="local")
    parser.add_argument(
        "--folder", type=Path, help="Where there is room; removed in the end. A temporary one by default."
    )
    told = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=told.folder))
    try:
        run(told.scale, told.target, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""How time, memory and disk grow with the data: `python -m benchmarks.growth SCALE [--target spark]`, one at a time.

A shop of that scale comes in two drops, all that was before and one day. Each is taken in and built layer by layer,
with all tests and gates. Scale 1 is 100,000 orders with 500,000 events; 100 takes an hour and a half,
18 GB for the files, and 60 GB for the tables.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks import commands, results
from benchmarks.commands import Place
from benchmarks.results import Result

KEY = ("scale", "target", "drop", "what")
START = "2018-08-15"
DROPS = {"all before": START, "a day": "2018-08-16"}
LAYERS = ("bronze", "silver", "gold", "marts")
"""In the order in which they are built. Marts lie in the folder of Gold, and are counted with it from then on."""


def run(scale: float, target: str, folder: Path) -> None:
    """Measure one scale, and keep what was measured as it comes. What the folder says was done is not done again.

    Args:
        scale: of the generated shop.
        target: the engine.
        folder: with room for the files and the warehouse.
    """
    about = results.here()
    place, done = Place(folder), folder / "done.txt"
    for drop, what, words in steps(scale, target, folder):
        line = f"{drop}: {what}"
        if done.exists() and line in done.read_text(encoding="utf-8").splitlines():
            continue
        values: dict[str, float] = dict(commands.lakehouse(place, *words)._asdict())
        if (place.warehouse / what).exists():
            values["disk_mb"] = disk(place.warehouse, what)
            values["rows"] = commands.rows(place.warehouse, commands.of_layers(place.warehouse, [what]))
        found = results.rounded(values)
        print(
            f"scale {scale:g}, {line}: " + ", ".join(f"{name} {value:g}" for name, value in found.items()), flush=True
        )
        results.add("growth", KEY, [{"scale": scale, "target": target, "drop": drop, "what": what, **found}], about)
        with done.open("a", encoding="utf-8") as lines:
            lines.write(f"{line}\n")


def steps(scale: float, target: str, folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """What is run, in order: the drop, what comes of it, and the words of the command."""
    files = folder / "files"
    drops = ["--days", str(len(DROPS)), "--start", START]
    yield "all before", "files", ["generate", "--out", str(files), "--scale", str(scale), *drops, "--overwrite"]
    for drop, day in DROPS.items():
        given = ["--path", str(files / day), "--delivered-on", day]
        yield drop, "bronze", ["ingest", *given, "--target", target]
        for layer in LAYERS[1:]:
            yield drop, layer, ["build", "--layer", layer, "--target", target]


def disk(warehouse: Path, layer: str) -> float:
    """What a layer takes on disk, old versions and logs among it, in MB."""
    return sum(path.stat().st_size for path in (warehouse / layer).rglob("*") if path.is_file()) / 1e6


def of_builds(lines: Sequence[Result], target: str = "local") -> dict[tuple[float, str], Result]:
    """By scale and drop, what taking in and building all layers took together; scales that were not finished are out.

    Args:
        lines: of all growth that was measured.
        target: the engine.

    Returns:
        Seconds and processor seconds added up, and of the peaks the highest.
    """
    found: dict[tuple[float, str], dict[str, Result]] = {}
    for line in lines:
        if line["target"] == target and line["what"] in LAYERS:
            found.setdefault((line["scale"], line["drop"]), {})[line["what"]] = line
    return {
        key: {
            "seconds": sum(line["seconds"] for line in layers.values()),
            "cpu_seconds": sum(line["cpu_seconds"] for line in layers.values()),
            "peak_mb": max(line["peak_mb"] for line in layers.values()),
        }
        for key, layers in sorted(found.items())
        if layers.keys() == set(LAYERS)
    }


def exponents(lines: Sequence[Result], column: str) -> dict[tuple[float, float], float]:
    """By pair of neighbouring scales, and over all, the exponent with which a figure grows: 1 is the data's own."""
    found = {scale: took[column] for (scale, drop), took in of_builds(lines).items() if drop == "all before"}
    scales = sorted(found)
    pairs = [*pairwise(scales)]
    if len(scales) > 2:
        pairs.append((scales[0], scales[-1]))
    return {(small, large): math.log(found[large] / found[small]) / math.log(large / small) for small, large in pairs}


def main() -> None:
    """Measure one scale."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("scale", type=float)
    parser.add_argument("--target", choices=("local", "spark"), default="local")
    parser.add_argument(
        "--folder", type=Path, help="Where there is room. It is left there, and goes on where it was broken off."
    )
    told = parser.parse_args()
    if told.folder:
        told.folder.mkdir(parents=True, exist_ok=True)
        run(told.scale, told.target, told.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run(told.scale, told.target, Path(folder))


if __name__ == "__main__":
    main()

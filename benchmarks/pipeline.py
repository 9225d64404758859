"""The pipeline against what people would use instead: `python -m benchmarks.pipeline PATH ... [--only PART ...]`.

PATH: folders and zips with the landing files, clickstream among them. Parts, each side by side on the same Bronze:

- ``engines``: the same dbt project with all its data tests on ``local`` and on ``spark`` (Java 17).
- ``original``: the notebook project's way (benchmarks/original.py) beside the models that both have, without tests.
- ``floor``: the SQL models on DuckDB as one script (benchmarks/floor.py), the same script on our engine, and by dbt.
- ``whole``: ``lakehouse run --train`` with all gates and pages, and where its time goes (benchmarks/shares.py).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import commands, floor, results
from benchmarks.commands import Place
from benchmarks.measured import Used
from benchmarks.results import Result

KEY = ("part", "what", "run")
BOTH = ("+customer_360", "+interaction_matrix", "+weekly_revenue")
"""The Gold tables that the notebook project has too, and what they are made of."""
RUNS = ("first", "second")


def engines(bronze: Place, paths: Sequence[Path], folder: Path) -> Iterator[Result]:
    """The same project on both engines."""
    for target in ("local", "spark"):
        place = _copied(bronze, folder / target)
        for run in RUNS:
            took = commands.dbt(place, target, "build", "--exclude-resource-type", "unit_test")
            yield _line(f"dbt build, {target}", run, took.used, tests=took.of("test"), models=took.of("model"))


def original(bronze: Place, paths: Sequence[Path], folder: Path) -> Iterator[Result]:
    """The models that both projects have."""
    ours = _copied(bronze, folder / "ours")
    for run in RUNS:
        took = commands.dbt(ours, "local", "run", "--select", *BOTH)
        yield _line("ours", run, took.used, models=took.running)
    files = folder / "files"
    files.mkdir()
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, files, dirs_exist_ok=True)
        else:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(files)
    for run in RUNS:
        used, seconds = commands.module(ours, "benchmarks.original", str(files), str(folder / "parquet"))
        yield _line("the notebook project's way", run, used, models=float(seconds))


def of_floor(bronze: Place, paths: Sequence[Path], folder: Path) -> Iterator[Result]:
    """The SQL models on DuckDB, on our engine, and by dbt."""
    place = _copied(bronze, folder / "floor")
    commands.dbt(place, "local", "run", "--exclude", "path:models/marts")
    statements = floor.compiled(place.warehouse, folder / "compiled")
    script = folder / "script.json"
    script.write_text(json.dumps(statements), encoding="utf-8")
    for engine, what in (("duckdb", "DuckDB, one script"), ("local", "our engine, the same script")):
        for run in RUNS:
            used, told = commands.module(place, "benchmarks.script", engine, str(script), str(place.warehouse))
            timed = [floor.Timed(**one) for one in json.loads(told)]
            yield _line(
                what,
                run,
                used,
                models=sum(one.seconds for one in timed),
                models_cpu=sum(one.cpu_seconds for one in timed),
            )
    names = [statement.table.partition(".")[2] for statement in statements]
    took = commands.dbt(place, "local", "run", "--full-refresh", "--select", *names)
    yield _line("our engine, by dbt", "second", took.used, models=took.running)


def whole(bronze: Place, paths: Sequence[Path], folder: Path) -> Iterator[Result]:
    """Everything, from files to pages."""
    place = Place(folder / "whole")
    for run in RUNS:
        used, told = commands.module(place, "benchmarks.shares", *map(str, paths), "--train")
        yield _line("lakehouse run --train", run, used) | json.loads(told)


PARTS: dict[str, Callable[[Place, Sequence[Path], Path], Iterator[Result]]] = {
    "engines": engines,
    "original": original,
    "floor": of_floor,
    "whole": whole,
}


def run(paths: Sequence[Path], only: Sequence[str]) -> None:
    """Measure parts, and keep what was measured as it comes."""
    about = results.here()
    with tempfile.TemporaryDirectory() as temporary:
        bronze = Place(Path(temporary) / "bronze")
        used = commands.lakehouse(bronze, "ingest", *(word for path in paths for word in ("--path", str(path))))
        size = commands.size(bronze.warehouse)
        _keep({"part": "engines", **size, **_line("lakehouse ingest", "first", used)}, about)
        for part in only:
            folder = Path(temporary) / part
            folder.mkdir()
            for line in PARTS[part](bronze, paths, folder):
                _keep({"part": part, **size, **line}, about)
            shutil.rmtree(folder)


def _keep(line: Result, about: Result) -> None:
    print(
        f"{line['part']}: {line['what']}, {line['run']}: {line['seconds']:.1f} s, {line['peak_mb']:.0f} MB",
        flush=True,
    )
    results.add("pipeline", KEY, [line], about)


def _line(what: str, run: str, used: Used, **more: float) -> Result:
    return {"what": what, "run": run, **results.rounded(used._asdict()), **results.rounded(more)}


def _copied(place: Place, folder: Path) -> Place:
    shutil.copytree(place.folder, folder)
    return Place(folder)


def main(words: Sequence[str] | None = None) -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--only", choices=tuple(PARTS), nargs="+", default=tuple(PARTS))
    told: Any = parser.parse_args(words)
    run([path.resolve() for path in told.paths], told.only)


if __name__ == "__main__":
    main()

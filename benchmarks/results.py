"""What was measured: `benchmarks/results/<part>.jsonl`, a line a measurement, with the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("pysail", "pyspark", "dbt-core", "deltalake", "duckdb", "sqlglot", "great-expectations", "implicit")
LOAD_LIMIT = 0.5
"""Above this many waiting processes a processor before the start, other work shares the machine."""

Result = dict[str, Any]


def read(part: str, folder: Path = FOLDER) -> list[Result]:
    """All lines of a part, in the order in which they are there; none if it was never measured."""
    path = folder / f"{part}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def add(
    part: str, key: Sequence[str], results: Sequence[Mapping[str, Any]], about: Result, folder: Path = FOLDER
) -> None:
    """Keep results, in place of older ones that have the same values in the columns of the key.

    Args:
        part: which benchmark.
        key: the columns that say what was measured.
        results: what was measured.
        about: what :func:`here` said when it began.
        folder: where the files are.
    """
    new = [{**result, "about": about} for result in results]
    of = {tuple(result.get(name) for name in key) for result in new}
    kept = [result for result in read(part, folder) if tuple(result.get(name) for name in key) not in of]
    lines = sorted((*kept, *new), key=lambda result: [str(result.get(name)).rjust(12) for name in key])
    folder.mkdir(exist_ok=True)
    path = folder / f"{part}.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def here() -> Result:
    """The machine, its load at this moment, the day and the versions. Ask before the work begins."""
    processors = os.cpu_count() or 1
    load = os.getloadavg()[0]
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "machine": f"{processors} × {_processor()}, {_memory_gb():.0f} GB, {platform.system()}",
        "load": round(load, 1),
        "shared": load / processors > LOAD_LIMIT,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """As many digits as there is reason to keep."""
    return {name: round(value, 2 if value < 100 else 0) for name, value in values.items()}


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

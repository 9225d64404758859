"""What was measured: `benchmarks/results/<part>.jsonl`, a line a measurement, with the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("pysail", "pyspark", "dbt-core", "deltalake", "duckdb", "sqlglot", "great-expectations", "implicit")
BUSY_LIMIT = 0.25
"""Above this share of the processors' time just before the start, other work has the machine too."""

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
    """The machine, how busy it is, the day and the versions. Ask before the work begins; takes two seconds."""
    busy = _busy(seconds=2)
    return {
        "day": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} × {_processor()}, {_memory_gb():.0f} GB, {platform.system()}",
        "busy": round(busy, 2),
        "shared": busy > BUSY_LIMIT,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """As many digits as there is reason to keep."""
    return {name: round(value, 2 if value < 100 else 0) for name, value in values.items()}


def _busy(seconds: float) -> float:
    # Not the load of the last minute: there, what was measured just before would count as the work of others.
    idle, total = _processor_times()
    time.sleep(seconds)
    idle_later, total_later = _processor_times()
    return 1 - (idle_later - idle) / (total_later - total)


def _processor_times() -> tuple[int, int]:
    """Idle, and in all, since the machine started: columns of `proc_stat(5)`, waiting for a disk among the idle."""
    times = [int(ticks) for ticks in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return times[3] + times[4], sum(times)


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

"""The project's commands, each in a process of its own over a warehouse in a folder of its own, measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deltalake import DeltaTable

from benchmarks.measured import Used, measure
from lakehouse import catalog
from lakehouse.settings import DBT_PROJECT, PROFILES


class Place(NamedTuple):
    """A folder with a warehouse, and beside it what else the commands write."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse"

    @property
    def target(self) -> Path:
        return self.folder / "dbt_target"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LAKEHOUSE_WAREHOUSE": str(self.warehouse),
            "LAKEHOUSE_SITE": str(self.folder / "site"),
            "DBT_TARGET_PATH": str(self.target),
        }


def lakehouse(place: Place, *words: str) -> Used:
    """``lakehouse`` with these words."""
    return measure([sys.executable, "-m", "lakehouse", *words], place.environment)[0]


def module(place: Place, name: str, *words: str) -> tuple[Used, str]:
    """``python -m`` a module with these words: what it took, and the last line that it printed."""
    used, printed = measure([sys.executable, "-m", name, *words], place.environment)
    return used, printed.strip().rpartition("\n")[2]


class DbtRun(NamedTuple):
    """What a dbt command took.

    Attributes:
        used: by the whole process.
        running: seconds from the first node's start to the end; the rest is start, reading the project, writing.
        nodes: by unique id, seconds in its thread.
    """

    used: Used
    running: float
    nodes: dict[str, float]

    def of(self, kind: str) -> float:
        """Seconds in threads of all nodes of a kind: model, test, snapshot, seed."""
        return sum(seconds for name, seconds in self.nodes.items() if name.startswith(f"{kind}."))


def dbt(place: Place, target: str, *words: str) -> DbtRun:
    """``dbt`` with these words."""
    project = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(PROFILES), "--target", target]
    log = ["--log-path", str(place.folder)]
    used, _ = measure([str(Path(sys.executable).with_name("dbt")), *words, *project, *log], place.environment)
    told: dict[str, Any] = json.loads((place.target / "run_results.json").read_text(encoding="utf-8"))
    nodes = {result["unique_id"]: result["execution_time"] for result in told["results"]}
    return DbtRun(used, told["elapsed_time"], nodes)


def size(warehouse: Path) -> dict[str, int]:
    """How many orders and events Bronze was given."""
    return {
        name: rows(warehouse, [("bronze", table)])
        for name, table in (("orders", "orders"), ("events", "clickstream_events"))
    }


def rows(warehouse: Path, tables: Iterable[tuple[str, str]]) -> int:
    """How many rows tables have together, as their logs say."""
    return sum(DeltaTable(warehouse / schema / name).count() for schema, name in tables)


def of_layers(warehouse: Path, layers: Sequence[str]) -> list[tuple[str, str]]:
    """All tables of layers."""
    return [(table.schema, table.name) for table in catalog.tables(warehouse, layers)]

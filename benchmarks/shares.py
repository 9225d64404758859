"""Where the time of a whole run goes: `python -m benchmarks.shares [--train] PATH ...`, `lakehouse run` with a clock.

Prints JSON: by share, the seconds of the main thread and how long the processors worked meanwhile; what a share
contains of another is counted there alone. While dbt's nodes run, that is told apart by how long each kind of node
took in its thread.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from lakehouse import pipeline, settings

IMPORTS = "imports"
NODES = "dbt: nodes"
REST = "all else"
SHARES = {
    "files into Bronze": ("lakehouse.ingest", "take_in"),
    "dbt: reading the project": ("dbt.parser.manifest", "ManifestLoader.get_full_manifest"),
    NODES: ("dbt.task.runnable", "GraphRunnableTask.run_queue"),
    "dbt: all else": ("lakehouse.dbt_runner", "Project.run"),
    "checks: measuring": ("expectations.measuring", "measure"),
    "checks: judging": ("expectations.judging", "judge"),
    "checks: pages": ("expectations.docs", "write"),
    "checks: all else": ("lakehouse.gate", "gate"),
    "models: training": ("ml.steps", "train"),
    "models: scoring": ("ml.steps", "score"),
    "site": ("lakehouse.pipeline", "_site_step"),
    "starting the engine": ("lakehouse.session", "open_session"),
}
"""By what is shown, the function that does it."""
KINDS = {"model": "models", "snapshot": "snapshots", "seed": "seeds", "test": "tests"}


class Clock:
    """Time by share: each moment belongs to the innermost share that is open."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}
        self._open = [REST]
        self._since = (time.perf_counter(), time.process_time())

    def _book(self) -> None:
        now = (time.perf_counter(), time.process_time())
        booked = self.spent.setdefault(self._open[-1], [0.0, 0.0])
        for place in (0, 1):
            booked[place] += now[place] - self._since[place]
        self._since = now

    def enter(self, share: str) -> None:
        """From now on time belongs to this share."""
        self._book()
        self._open.append(share)

    def leave(self) -> None:
        """From now on time belongs to the share before."""
        self._book()
        self._open.pop()

    def watch(self, share: str, module: str, name: str) -> None:
        """Count the time in a function; calls from other threads are part of what waits for them."""
        owner: Any = importlib.import_module(module)
        *path, name = name.split(".")
        for step in path:
            owner = getattr(owner, step)
        setattr(owner, name, self._watched(share, getattr(owner, name)))

    def _watched(self, share: str, function: Callable[..., Any]) -> Callable[..., Any]:
        import threading

        @wraps(function)
        def watched(*given: Any, **named: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return function(*given, **named)
            self.enter(share)
            try:
                return function(*given, **named)
            finally:
                self.leave()

        return watched


def run(paths: list[Path], *, training: bool) -> dict[str, Any]:
    """Run everything into the warehouse of the environment.

    Returns:
        ``shares``: by share [seconds, processor seconds]; ``nodes``: by kind of node, seconds in threads;
        ``steps``: by step, seconds.
    """
    clock = Clock()
    clock.enter(IMPORTS)
    for share, (module, name) in SHARES.items():
        clock.watch(share, module, name)
    clock.leave()
    steps, nodes = {}, dict.fromkeys(KINDS.values(), 0.0)
    warehouse = settings.warehouse()
    for report in pipeline.run("olist", paths, "local", warehouse, lambda *_: None, training=training):
        steps[report.name] = report.seconds
        for node in report.nodes:
            nodes[KINDS[node.unique_id.partition(".")[0]]] += node.seconds
    clock.enter(REST)
    return {"shares": clock.spent, "nodes": nodes, "steps": steps}


def main() -> None:
    """Run, and print where the time went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shares", description=__doc__)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--train", action="store_true")
    told = parser.parse_args()
    print(json.dumps(run(told.paths, training=told.train)))


if __name__ == "__main__":
    main()

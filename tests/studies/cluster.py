"""``make study NAME=cluster ARGS=warehouse``: Silver and Gold on two workers, beside the embedded engine.

Both build the same Bronze anew, one after the other, without dbt's tests. Wall seconds depend on what else the
machine does; processor seconds less so.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from lakehouse import cluster
from lakehouse.catalog import MARKER
from tests.runs import dbt

WORKERS = 2
BUILD = ("build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")


class Cost(NamedTuple):
    """Seconds by the clock, and seconds of all processors."""

    wall: float
    processor: float


def main() -> None:
    """Print what each costs."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("warehouse", type=Path, help="whose Bronze is built")
    asked = arguments.parse_args()
    local, remote = on_local(asked.warehouse), on_cluster(asked.warehouse)
    print("engine    wall s   processor s")
    for name, cost in {"local": local, "cluster": remote}.items():
        print(f"{name:8} {cost.wall:7.0f} {cost.processor:13.0f}")
    print(f"ratio    {remote.wall / local.wall:7.2f} {remote.processor / local.processor:13.2f}")


def on_local(warehouse: Path) -> Cost:
    """The embedded engine, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        return _timed(_bare(warehouse, Path(folder)), "local", 0)


def on_cluster(warehouse: Path) -> Cost:
    """A cluster that is up already: what it takes to start is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        bare = _bare(warehouse, Path(folder))
        with cluster.running(bare, WORKERS) as up:
            before = _processor_seconds(up)
            cost = _timed(bare, "spark", -before, SPARK_REMOTE=up.remote)
            return cost._replace(processor=cost.processor + _processor_seconds(up))


def _bare(warehouse: Path, folder: Path) -> Path:
    """A copy of what is not built by dbt."""
    bare = folder / "warehouse"
    for schema in ("bronze", "ml"):
        shutil.copytree(warehouse / schema, bare / schema)
    shutil.copy(warehouse / MARKER, bare)
    return bare


def _timed(warehouse: Path, target: str, spent: float, **environment: str) -> Cost:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    run = dbt(warehouse, *BUILD, "--target", target, **environment)
    if run.returncode:
        raise SystemExit(run.stdout)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent += now.ru_utime + now.ru_stime - children.ru_utime - children.ru_stime
    return Cost(time.monotonic() - started, spent)


def _processor_seconds(up: cluster.Cluster) -> float:
    """Of the cluster's processes and all that they started."""
    sessions = ",".join(str(process.pid) for process in up.processes.values())
    told = subprocess.run(["ps", "-o", "cputimes=", "-s", sessions], capture_output=True, text=True, check=True)
    return float(sum(map(int, told.stdout.split())))


if __name__ == "__main__":
    main()

"""The steps from landing files to Gold, each all or nothing.

A step that fails puts the tables of its layer back to what they were. While a step runs, a reader may see tables of
the old build beside tables of the new one, each of them whole. A process that is killed leaves them so, and the next
run finishes the job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from lakehouse import catalog, dbt_runner, lock, session, tables
from lakehouse.errors import LakehouseError
from lakehouse.ingest import FileReport, ingest

LAYERS = ("silver", "gold")

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on, how much is done, and how much there is."""


class StepReport(NamedTuple):
    """What a step did: how long it took, and a line per file or node."""

    name: str
    seconds: float
    files: list[FileReport]
    nodes: list[dbt_runner.NodeResult]


def ingest_step(
    source: str, paths: Sequence[Path], warehouse: Path, progress: Progress, delivered_on: date | None = None
) -> StepReport:
    """Landing files to Bronze; raises as :func:`lakehouse.ingest.ingest`."""
    started = time.perf_counter()
    files = ingest(source, paths, warehouse, progress, delivered_on)
    return StepReport("bronze", time.perf_counter() - started, files, [])


def build_step(layer: str, target: str, warehouse: Path, progress: Progress) -> StepReport:
    """Build and test one layer with dbt.

    Raises:
        DbtFailed: a model or a test failed; the layer's tables are as they were before.
    """
    started = time.perf_counter()
    with tables.writing(warehouse, [layer]):
        try:
            nodes = dbt_runner.run_dbt(
                # Unit tests are about the code, not about this data: they run with `dbt build` and `make test`.
                ["build", "--selector", layer, "--exclude-resource-type", "unit_test"],
                target,
                lambda step: progress(step.node, step.done, step.total),
            )
        except BaseException:
            session.close_session(target, warehouse)
            raise
    return StepReport(layer, time.perf_counter() - started, [], nodes)


def build(layers: Sequence[str], target: str, warehouse: Path, progress: Progress) -> Iterator[StepReport]:
    """Build and test layers one after the other; yields a report after each.

    Raises:
        LakehouseError: no such target, nothing to build from, or a layer failed.
    """
    session.check_engine(target)
    if warehouse.exists():
        catalog.prepare(warehouse)
    if not catalog.tables(warehouse, ["bronze"]):
        raise LakehouseError(
            f"Bronze is empty: {warehouse} holds nothing to build from.", "Run `lakehouse ingest --path ...` first."
        )
    with lock.writing(warehouse):
        for layer in layers:
            yield build_step(layer, target, warehouse, progress)


def run(
    source: str,
    paths: Sequence[Path],
    target: str,
    warehouse: Path,
    progress: Progress,
    delivered_on: date | None = None,
) -> Iterator[StepReport]:
    """Everything, from landing files to Gold; yields a report after each step.

    Raises:
        LakehouseError: the delivery cannot be used, or a layer failed.
    """
    session.check_engine(target)
    yield ingest_step(source, paths, warehouse, progress, delivered_on)
    yield from build(LAYERS, target, warehouse, progress)

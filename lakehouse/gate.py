"""What stands between two layers: the checks of ``expectations``, and what follows from a failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import session, settings, tables
from lakehouse.dbt_runner import NodeResult
from lakehouse.errors import LakehouseError, disk_errors_explained

if TYPE_CHECKING:
    from expectations.results import CheckResult

LAYERS = ("bronze", "silver", "gold", "ml", "marts")
MAX_SHOWN = 5
RUN_ID = "%Y%m%dT%H%M%S.%fZ"

Progress = Callable[[str, int, int], None]


class CheckFailed(LakehouseError):
    """A critical check failed, or could not be carried out."""

    exit_code = 2


def new_run_id(place: tables.Place) -> str:
    """The moment at which a run got the lock: no two runs have the same, and they sort.

    If the clock was put back, it is the moment after the last check: what is newest is told by it.
    """
    from expectations.results import CHECK_RESULTS

    found = tables.ask(place, CHECK_RESULTS, "select max(checked_at) as last from {table}")
    last: datetime | None = None if found is None else found["last"][0].as_py()
    now = datetime.now(UTC)
    return (now if last is None else max(now, last + timedelta(microseconds=1))).strftime(RUN_ID)


def _now(run_id: str) -> datetime:
    """Now, but not before the run began."""
    return max(datetime.now(UTC), datetime.strptime(run_id, RUN_ID).replace(tzinfo=UTC))


def gate(
    layer: str,
    target: str,
    warehouse: Path,
    run_id: str,
    progress: Progress,
    nodes: Sequence[NodeResult] = (),
    *,
    in_step: bool = True,
    just_built: bool = True,
) -> list[CheckResult]:
    """Check a layer, keep the results, and write the pages.

    Args:
        layer: one of :data:`LAYERS`.
        target: the engine that measures.
        warehouse: the folder of the tables, whose write lock is held; on Databricks of nothing.
        run_id: of the run that this belongs to.
        progress: called as suites are measured.
        nodes: what dbt did in the step; its tests are results too.
        in_step: whether a failure puts the layer back, which the message then says.
        just_built: whether the layer is new: then what was measured becomes history.

    Returns:
        A result per check, and one per dbt test.

    Raises:
        CheckFailed: a critical check failed; the message names it.
    """
    progress(f"checks of {layer}", 0, 1)
    # Takes seconds to import: --help and bad input should not wait for it.
    from expectations import docs, history, results, runner
    from expectations.suites import suites_for

    started = _now(run_id)
    place = tables.place(target, warehouse)
    past = history.read(place, layer)
    report = runner.validate(suites_for(layer), session.open_session(target, warehouse), past, progress)
    failed = [result for result in report.results if result.status == results.Status.FAILED]
    everything = report.results + results.of_dbt(layer, nodes)
    results.store(place, run_id, started, everything)
    progress("pages of the checks", 1, 1)
    with disk_errors_explained(settings.site(), "point LAKEHOUSE_SITE at another"):
        docs.write(settings.site(), layer, report.judged, results.newest(place), results.trend(place))
    if just_built:
        history.add(place, run_id, started, layer, report.measured, accepted=not failed)
    if failed:
        raise CheckFailed(
            _explain(layer, failed, len(report.results), in_step=in_step),
            f"All results are on the page {docs.index(settings.site())}.",
        )
    return everything


def keep_failed_tests(layer: str, place: tables.Place, run_id: str, nodes: Sequence[NodeResult]) -> None:
    """Keep what dbt's tests said in a step that did not come as far as its gate."""
    from expectations import results

    results.store(place, run_id, _now(run_id), results.of_dbt(layer, nodes))


def _explain(layer: str, failed: list[CheckResult], count: int, *, in_step: bool) -> str:
    put_back = "; its tables are as they were before" if in_step else ""
    lines = [f"{len(failed)} of {count} checks of {layer} failed{put_back}:"]
    for result in failed[:MAX_SHOWN]:
        lines.append(f"  {layer}.{result.table_name}: {result.check_name}. {result.why}")
        lines.append(f"    observed: {result.observed}")
        lines.append(f"    expected: {result.expected}")
        if result.sample != "[]":
            lines.append(f"    for example: {result.sample[:400]}")
    if len(failed) > MAX_SHOWN:
        lines.append(f"  and {len(failed) - MAX_SHOWN} more")
    return "\n".join(lines)

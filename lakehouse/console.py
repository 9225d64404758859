"""What the command line says: a line of progress, tables of what was done, and how it ends when it is stopped."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from lakehouse import pipeline, settings, tables
from lakehouse.catalog import TableName
from lakehouse.pipeline import StepReport
from ml.models import LEARNED

if TYPE_CHECKING:
    from expectations.results import CheckResult
    from ml.registry import Version
    from ml.steps import Scoring, Training

out = Console()
err = Console(stderr=True)
LEFT = ("table", "file", "method", "alias", "best baseline")
"""The columns of tables that begin with a name."""
LONGEST = 60
"""Of what the line of progress says: a longer one breaks, and leaves remains behind."""
TERMINATED = 128 + signal.SIGTERM
"""The exit code of a process that was asked to end, as a scheduler or a container asks it."""


@contextmanager
def said_if_stopped(what_is_true: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        err.print(f"Stopped. {what_is_true}", soft_wrap=True, highlight=False, markup=False)
        raise


class Terminated(KeyboardInterrupt):
    """SIGTERM has come; a Ctrl-C to all that know how to stop for one, dbt and its threads among them."""


@contextmanager
def cleaned_up_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, not the process as it stands; the exit code is its own.

    Only the main thread can be told of signals: in another, the block is as without.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except Terminated:
        sys.exit(TERMINATED)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def progress(
    if_stopped: str = "The tables are as they were before the step that was under way.",
) -> Iterator[pipeline.Progress]:
    """One line that says what is being worked on; it is gone when the work is done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with cleaned_up_on_sigterm(), said_if_stopped(if_stopped), bar:
        task = bar.add_task("starting", total=None)

        def update(what: str, done: int, total: int) -> None:
            line = what if len(what) <= LONGEST else f"{what[: LONGEST - 1]}…"
            bar.update(task, description=line, completed=done, total=total)

        yield update


def print_files(report: StepReport) -> None:
    table = new_table("Bronze: what was delivered", "table", "rows", "rejected")
    for file in report.files:
        remarks = []
        if file.already_there:
            remarks.append(f"there already, as of {file.delivered_on}" if file.delivered_on else "there already")
        if file.extra_columns:
            remarks.append(f"with new columns: {', '.join(file.extra_columns)}")
        table.add_row(str(file.table), f"{file.rows:,}", f"{file.rejected:,}", escape(", ".join(remarks)))
    out.print(table)
    rejected = sum(file.rejected for file in report.files)
    if rejected:
        out.print(f"{rejected:,} lines are no records; bronze.rejected_rows keeps them with the reason.")


def print_summary(reports: list[StepReport], target: str) -> None:
    place = tables.place(target, settings.warehouse())
    table = new_table("Silver and Gold: what was built", "table", "rows", "seconds")
    tests = 0
    for report in reports:
        for node in sorted(report.nodes):
            kind, _, name, *_ = node.unique_id.split(".")
            if kind not in ("model", "snapshot", "seed"):
                tests += 1
            elif not name.startswith(("stg_", "quarantined_", "int_")):
                where = TableName(pipeline.SCHEMAS.get(report.name, report.name), name)
                rows = tables.row_count(place, where)
                table.add_row(str(where), f"{rows:,}", f"{node.seconds:.1f}")
    out.print(table)
    steps = ", ".join(f"{report.name} {report.seconds:.0f} s" for report in reports)
    out.print(f"All {tests} tests passed. Time by step: {steps}.")
    say(f"The tables are Delta tables in {place}")


def print_models(report: StepReport) -> None:
    for training in report.trainings:
        print_training(training)
    for scoring in report.scorings:
        _print_scoring(scoring)
    for reason in report.waiting:
        say(f"{reason.what} Its tables stay as they are.")


def print_checks(results: list[CheckResult]) -> None:
    """A line for each warning, then how many checks ended how, and where to read more."""
    from expectations.history import NO_HISTORY  # with it comes what judges, which took seconds to import

    checks = [result for result in results if result.kind == "expectation"]
    ended = Counter(str(check.status) for check in checks)
    for check in checks:
        if check.status == "warned":
            about = f"{check.layer}.{check.table_name}: {check.check_name}"
            line = f"warning: {about}: {check.observed}. {check.expected}"
            say(line)
    out.print(f"{ended['passed']} of {len(checks)} checks passed, {ended['warned']} warned.")
    if ended["unknown"]:
        # Of a run with a history it would be said in vain.
        first = " A first run has none." if any(check.observed == NO_HISTORY for check in checks) else ""
        out.print(
            f"{ended['unknown']} had nothing to judge, or no earlier run to compare with.{first}", soft_wrap=True
        )
    page = settings.site() / "quality" / "index.html"
    say(f"What they found is on the page {page}")


def print_site() -> None:
    say(f"Open {settings.site() / 'index.html'} in a browser.")


def print_training(training: Training) -> None:
    version = training.version
    decision = training.decision
    promoted = "champion" if decision.promote else "not promoted"
    registered = "" if training.is_new else ", registered before"
    say(f"{version.model}, version {version.number}{registered}: {promoted}.")
    for reason in (reason for reason in decision.reasons if reason not in decision.details):
        say(f"  {reason}")
    if decision.details:
        say(f"  {len(decision.details)} more are with the run in MLflow.")
    metric = training.primary
    table = new_table(f"{metric} in the test window", "method", "value", "from", "to")
    served = "served" if decision.promote else "would be served"
    learned = LEARNED.get(version.model, frozenset())
    table.add_row(f"{served}: {training.method}", *_with_bounds(metric, training.metrics))
    for method, metrics in training.baselines.items():
        # Some models list what serves among what was tried.
        if metric in metrics and method != training.method:
            table.add_row(f"learned: {method}" if method in learned else method, *_with_bounds(metric, metrics))
    out.print(table)
    say("All that was measured is in ml.model_metrics; the model card and the figures are with the run in MLflow.")


def _print_scoring(scoring: Scoring) -> None:
    say(f"{scoring.version.model}, version {scoring.version.number}, scored as of {scoring.as_of_date}:")
    for name, rows in scoring.rows.items():
        say(f"  {rows:,} rows in ml.{name}")


def versions_tables(versions: list[Version]) -> Iterator[Table]:
    """A table for each model and metric, which is its title: in a column of its own it would break over lines."""
    for (model, metric), of_one in groupby(versions, lambda version: (version.model, version.primary)):
        table = new_table(f"{model}: {metric}", "no.", "alias", "trained at", "value", "best baseline", "reached")
        for version in of_one:
            best = _best_baseline(version)
            table.add_row(
                str(version.number),
                ", ".join(version.aliases),
                f"{version.trained_at:%Y-%m-%d}",
                _number(version.metrics.get(metric)),
                best or "",
                _number(version.metrics.get(f"{best}/{metric}")),
            )
        yield table


def _best_baseline(version: Version) -> str | None:
    """What was learned beside it, and does not serve, is none."""
    of_method = {
        name.removesuffix(f"/{version.primary}"): value
        for name, value in version.metrics.items()
        if name.endswith(f"/{version.primary}")
    }
    baselines = of_method.keys() - LEARNED.get(version.model, frozenset())
    pick = max if version.more_is_better else min
    return pick(sorted(baselines), key=of_method.__getitem__, default=None)


def _with_bounds(metric: str, metrics: Mapping[str, float]) -> Iterator[str]:
    return (_number(metrics.get(name)) for name in (metric, f"{metric}_low", f"{metric}_high"))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def say(line: str) -> None:
    out.print(line, soft_wrap=True, highlight=False, markup=False)


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "left" if column in LEFT else "right"
        table.add_column(column, justify=justify, no_wrap=True, overflow="fold")
    return table

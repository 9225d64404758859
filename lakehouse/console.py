"""What the command line says: a line of progress, tables of what was done, and how it ends when it is stopped."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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

if TYPE_CHECKING:
    from expectations.results import CheckResult
    from ml.registry import Version
    from ml.steps import Scoring, Training

out = Console()
err = Console(stderr=True)
LEFT = ("table", "file", "subject", "model", "alias", "measured", "best baseline")
"""The columns of tables that begin with a name."""
WRAPPED = ("measured", "best baseline")
"""Those that may take more than a line."""
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


@contextmanager
def cleaned_up_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, not the process as it stands."""

    def leave(*_: object) -> None:
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def progress(
    if_stopped: str = "The tables are as they were before the step that was under way.",
) -> Iterator[pipeline.Progress]:
    """One line that says what is being worked on; it is gone when the work is done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with said_if_stopped(if_stopped), bar:
        task = bar.add_task("starting", total=None)

        def update(what: str, done: int, total: int) -> None:
            line = what if len(what) <= LONGEST else f"{what[: LONGEST - 1]}…"
            bar.update(task, description=line, completed=done, total=total)

        yield update


def print_files(report: StepReport) -> None:
    table = new_table("Bronze: what was delivered", "table", "rows", "rejected")
    for file in report.files:
        remark = "there already" if file.already_there else ""
        if file.extra_columns:
            remark = escape(f"with new columns: {', '.join(file.extra_columns)}")
        table.add_row(str(file.table), f"{file.rows:,}", f"{file.rejected:,}", remark)
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
    checks = [result for result in results if result.kind == "expectation"]
    ended = Counter(str(check.status) for check in checks)
    for check in checks:
        if check.status == "warned":
            about = f"{check.layer}.{check.table_name}: {check.check_name}"
            line = f"warning: {about}: {check.observed}. {check.expected}"
            say(line)
    out.print(f"{ended['passed']} of {len(checks)} checks passed, {ended['warned']} warned.")
    if ended["unknown"]:
        out.print(f"{ended['unknown']} had nothing to judge, or no earlier run to compare with.")
    page = settings.site() / "quality" / "index.html"
    say(f"What they found is on the page {page}")


def print_site() -> None:
    say(f"Open {settings.site() / 'index.html'} in a browser.")


def print_training(training: Training) -> None:
    version = training.version
    promoted = "champion" if training.decision.promote else "not promoted"
    registered = "" if training.is_new else ", registered before"
    say(f"{version.model}, version {version.number}{registered}: {promoted}.")
    for reason in training.decision.reasons:
        say(f"  {reason}")
    metric = training.primary
    table = new_table(f"{metric} in the test window", "subject", "value", "from", "to")
    for subject, metrics in {"this version": training.metrics, **training.baselines}.items():
        if metric in metrics:
            bounds = (_number(metrics.get(f"{metric}_{side}")) for side in ("low", "high"))
            table.add_row(subject, _number(metrics[metric]), *bounds)
    out.print(table)
    say("All that was measured is in ml.model_metrics; the model card and the figures are with the run in MLflow.")


def _print_scoring(scoring: Scoring) -> None:
    say(f"{scoring.version.model}, version {scoring.version.number}, scored as of {scoring.as_of_date}:")
    for name, rows in scoring.rows.items():
        say(f"  {rows:,} rows in ml.{name}")


def versions_table(versions: list[Version]) -> Table:
    table = new_table("Registered models", "model", "version", "alias", "trained at", "measured", "best baseline")
    for version in versions:
        metric = version.primary
        baselines = [name for name in version.metrics if name.endswith(f"/{metric}")]
        pick = max if version.more_is_better else min
        best = pick(baselines, key=version.metrics.__getitem__, default="")
        table.add_row(
            version.model,
            str(version.number),
            ", ".join(version.aliases),
            f"{version.trained_at:%Y-%m-%d}",
            f"{metric} {_number(version.metrics.get(metric))}",
            f"{best.removesuffix(f'/{metric}')} {_number(version.metrics[best])}" if best else "",
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def say(line: str) -> None:
    out.print(line, soft_wrap=True, highlight=False, markup=False)


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "left" if column in LEFT else "right"
        table.add_column(column, justify=justify, no_wrap=column not in WRAPPED, overflow="fold")
    return table

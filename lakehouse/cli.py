"""The command line: ``lakehouse ingest | build | run``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lakehouse import pipeline, settings, tables
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError
from lakehouse.pipeline import StepReport

app = typer.Typer(
    name="lakehouse",
    help="A shop's raw files become tested Silver and Gold Delta tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
out = Console()
err = Console(stderr=True)
STOPPED = 130
"""The exit code of a process that Ctrl-C has ended."""

SourceOption = Annotated[str, typer.Option(help="Which landing files these are.")]
PathOption = Annotated[Path, typer.Option(help="A folder or a zip with the files.")]
TargetOption = Annotated[str, typer.Option(envvar="LAKEHOUSE_TARGET", help="The engine: local or spark.")]


@app.command()
def ingest(path: PathOption, source: SourceOption = "olist") -> None:
    """Take landing files into Bronze. Files that are there already change nothing.

    Example: lakehouse ingest --source olist --path archive.zip
    """
    with _progress() as update:
        report = pipeline.ingest_step(source, path, settings.warehouse(), update)
    _print_files(report)


@app.command()
def build(
    layer: Annotated[str | None, typer.Option(help="One layer: silver or gold. All by default.")] = None,
    target: TargetOption = "local",
) -> None:
    """Build and test Silver and Gold with dbt. A layer that fails is put back to what it was.

    Example: lakehouse build --layer gold
    """
    if layer is not None and layer not in pipeline.LAYERS:
        raise LakehouseError(
            f"There is no layer called {layer!r} to build.", f"Choose one of: {', '.join(pipeline.LAYERS)}."
        )
    layers = pipeline.LAYERS if layer is None else (layer,)
    with _progress() as update:
        reports = list(pipeline.build(layers, target, settings.warehouse(), update))
    _print_summary(reports)


@app.command()
def run(path: PathOption, source: SourceOption = "olist", target: TargetOption = "local") -> None:
    """Everything: landing files to Bronze, Silver and Gold, with all tests.

    Example: lakehouse run --source olist --path archive.zip
    """
    with _progress() as update:
        reports = list(pipeline.run(source, path, target, settings.warehouse(), update))
    _print_files(reports[0])
    _print_summary(reports)


@contextmanager
def _progress() -> Iterator[pipeline.Progress]:
    """One line that says what is being worked on; it is gone when the work is done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("starting", total=None)

        def update(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield update


def _print_files(report: StepReport) -> None:
    table = _table("Bronze: what was delivered", "table", "rows", "rejected")
    for file in report.files:
        remark = "there already" if file.already_there else ""
        if file.extra_columns:
            remark = f"with new columns: {', '.join(file.extra_columns)}"
        table.add_row(str(file.table), f"{file.rows:,}", f"{file.rejected:,}", remark)
    out.print(table)
    rejected = sum(file.rejected for file in report.files)
    if rejected:
        out.print(f"{rejected:,} lines are no records; bronze.rejected_rows keeps them with the reason.")


def _print_summary(reports: list[StepReport]) -> None:
    warehouse = settings.warehouse()
    table = _table("Silver and Gold: what was built", "table", "rows", "seconds")
    tests = 0
    for report in reports:
        for node in sorted(report.nodes):
            kind, _, name, *_ = node.unique_id.split(".")
            if kind not in ("model", "snapshot", "seed"):
                tests += 1
            elif not name.startswith(("stg_", "quarantined_", "int_")):
                rows = tables.row_count(warehouse, TableName(report.name, name))
                table.add_row(f"{report.name}.{name}", f"{rows:,}", f"{node.seconds:.1f}")
    out.print(table)
    steps = ", ".join(f"{report.name} {report.seconds:.0f} s" for report in reports)
    out.print(f"All {tests} tests passed. Time by step: {steps}.")
    out.print(f"The tables are Delta folders in {warehouse}", soft_wrap=True, highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column == "table" else "right", no_wrap=True)
    return table


def main() -> None:
    """Run the command line; a user's mistake ends in one clear message and a non-zero exit code."""
    try:
        app()
    except SystemExit as stop:
        if stop.code == STOPPED:
            err.print("Stopped. The tables are as they were before the step that was under way.")
        raise
    except LakehouseError as error:
        err.print(f"[bold red]error:[/] {escape(error.what)}", soft_wrap=True, highlight=False)
        if error.mend:
            err.print(escape(error.mend), soft_wrap=True, highlight=False)
        sys.exit(error.exit_code)

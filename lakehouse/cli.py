"""The command line: ``lakehouse generate | ingest | build | run | validate | train | score | models | site``."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from data_generation import generate as generation
from data_generation.request import Request
from lakehouse import gate, pipeline, settings, tables
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError
from lakehouse.pipeline import StepReport

if TYPE_CHECKING:
    from expectations.results import CheckResult
    from ml.registry import Version
    from ml.steps import Scoring, Training

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
LEFT = ("table", "file", "subject", "model", "alias", "measured", "best baseline")
"""The columns of tables that begin with a name."""
WRAPPED = ("measured", "best baseline")
"""Those that may take more than a line."""
TERMINATED = 128 + signal.SIGTERM
"""The exit code of a process that was asked to end, as a scheduler or a container asks it."""

SourceOption = Annotated[str, typer.Option(help="Which landing files these are.")]
PathOption = Annotated[list[Path], typer.Option(help="A folder or a zip with the files; may be repeated.")]
DeliveredOnOption = Annotated[
    datetime | None,
    typer.Option(
        help="The day that this is a drop of: it may lack files, and files may lack rows.", formats=["%Y-%m-%d"]
    ),
]
TargetOption = Annotated[str, typer.Option(envvar="LAKEHOUSE_TARGET", help="The engine: local or spark.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="recommender, churn, forecast or all.")]


@app.command()
def generate(
    out_folder: Annotated[Path, typer.Option("--out", help="The folder to write to; made if it is missing.")],
    source: Annotated[
        str, typer.Option(help="synthetic: a shop; olist: the behaviour around a real one.")
    ] = "synthetic",
    path: Annotated[Path | None, typer.Option(help="The real shop, a folder or a zip; for --source olist.")] = None,
    scale: Annotated[float, typer.Option(help="Size of the shop; 1 for about 100,000 orders.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed gives another shop.")] = 42,
    events: Annotated[
        int | None,
        typer.Option(
            help="About how many events in all; five an order by default. With --knowledge-cutoff, orders before it "
            "come with five each whatever the number, and those after it share the rest."
        ),
    ] = None,
    dirt: Annotated[float, typer.Option(help="Share of rows that are damaged, 0 to 1.")] = 0.0,
    tracking_coverage: Annotated[
        float, typer.Option(help="Share of orders whose buying session was tracked.")
    ] = Request.tracking_coverage,
    abandonment: Annotated[
        float, typer.Option(help="Share of carts that are left behind, from 0 to below 1.")
    ] = Request.abandonment,
    days: Annotated[int, typer.Option(help="Drops day by day, the first with all that was before.")] = 0,
    start: Annotated[datetime | None, typer.Option(help="Day of the first drop.", formats=["%Y-%m-%d"])] = None,
    knowledge_cutoff: Annotated[
        datetime | None,
        typer.Option(
            help="Nothing before it follows from orders after it; for --source olist.", formats=["%Y-%m-%d"]
        ),
    ] = None,
    file_format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    only: Annotated[
        list[str] | None, typer.Option(help="A Bronze table to make the file of; may be repeated.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what was generated there before.")] = False,
    workers: Annotated[int, typer.Option(help="Threads; as many as there are processors by default.")] = 0,
) -> None:
    """Make up a shop with its clickstream, or the clickstream of a real one.

    The same options give the same bytes. What is true of the made-up world is in the folder truth.

    Example: lakehouse generate --out data/landing/shop --scale 0.1

    Example: lakehouse generate --source olist --path archive.zip --out data/landing/behaviour
    """
    request = Request(
        out=out_folder,
        source=source,
        path=path,
        scale=scale,
        seed=seed,
        events=events,
        dirt=dirt,
        tracking_coverage=tracking_coverage,
        abandonment=abandonment,
        days=days,
        start=_day(start),
        knowledge_cutoff=_day(knowledge_cutoff),
        file_format=file_format,
        only=tuple(only or ()),
        overwrite=overwrite,
        workers=workers or os.cpu_count() or 1,
    )
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with _cleaned_up_on_sigterm(), _said_if_stopped(f"{out_folder} is as it was."), bar:
        task = bar.add_task("generating", total=None)

        def update(done: int, parts: int, rows: int) -> None:
            rate = rows / max(bar.tasks[task].elapsed or 0.0, 1e-3)
            bar.update(task, description=f"{rows:,} rows, {rate:,.0f} a second", completed=done, total=parts)

        report = generation.generate(request, update)
    table = _table("Generated", "file", "rows")
    for name, rows in _by_file(report.rows).items():
        table.add_row(name, f"{rows:,}")
    out.print(table)
    for kind, count in report.faults.items():
        out.print(f"{count:,} × {kind}")
    drops = f", in {days} drops" if days else ""
    out.print(
        f"The files are in {out_folder}{drops}; what is true of them is in {out_folder / generation.TRUTH}.",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _by_file(rows: dict[str, int]) -> dict[str, int]:
    """Rows by the name of the file, all drops together, without the truth."""
    sums: dict[str, int] = {}
    for path, count in rows.items():
        if not path.startswith(generation.TRUTH):
            name = Path(path).name
            sums[name] = sums.get(name, 0) + count
    return dict(sorted(sums.items()))


@app.command()
def ingest(
    path: PathOption,
    source: SourceOption = "olist",
    target: TargetOption = "local",
    delivered_on: DeliveredOnOption = None,
) -> None:
    """Take landing files into Bronze and check it. Files that are there already change nothing.

    If a critical check fails, Bronze is put back to what it was; the exit code is then 2.

    Example: lakehouse ingest --source olist --path archive.zip
    """
    with _progress() as update:
        report = pipeline.ingest(source, path, target, settings.warehouse(), update, _day(delivered_on))
    _print_files(report)
    _print_checks(report.checks)


@app.command()
def build(
    layer: Annotated[str | None, typer.Option(help="One layer: silver, gold or marts. All by default.")] = None,
    target: TargetOption = "local",
) -> None:
    """Build, test and check Silver and Gold. A layer that fails is put back to what it was.

    The exit code is 2 if a critical check fails, 1 if anything else does.

    Example: lakehouse build --layer gold
    """
    layers = _layers(layer, pipeline.LAYERS, "build")
    with _progress() as update:
        reports = list(pipeline.build(layers, target, settings.warehouse(), update))
    _print_summary(reports)
    _print_checks([check for report in reports for check in report.checks])


@app.command()
def run(
    path: PathOption,
    source: SourceOption = "olist",
    target: TargetOption = "local",
    delivered_on: DeliveredOnOption = None,
    training: Annotated[bool, typer.Option("--train", help="Train the models before they score.")] = False,
    pages: Annotated[bool, typer.Option(help="Write the site in the end.")] = True,
) -> None:
    """Everything: landing files to Bronze, Silver, Gold, scores and pages, with all tests and checks.

    Models that have a champion score. A layer that fails is put back to what it was.
    The exit code is 2 if a critical check fails, 1 if anything else does.

    Example: lakehouse run --source olist --path archive.zip

    Example: lakehouse run --path archive.zip --train
    """
    with _progress() as update:
        steps = pipeline.run(
            source, path, target, settings.warehouse(), update, _day(delivered_on), training=training, pages=pages
        )
        reports = list(steps)
    _print_files(reports[0])
    _print_summary(reports)
    for report in reports:
        _print_models(report)
    _print_checks([check for report in reports for check in report.checks])
    if pages:
        _print_site()


@app.command()
def site(target: TargetOption = "local") -> None:
    """Write the pages over the tables as they are: dashboards, lineage, dbt docs, model cards.

    They are files that need no server and no network; open the first in a browser. Beside them are the Parquet files
    that Power BI reads without Databricks. No table changes.

    Example: lakehouse site
    """
    with _progress() as update:
        pipeline.site(target, settings.warehouse(), update)
    _print_site()


@app.command()
def validate(
    layer: Annotated[
        str | None, typer.Option(help="One layer: bronze, silver, gold, ml or marts. All by default.")
    ] = None,
    target: TargetOption = "local",
) -> None:
    """Check the tables as they are, and write the pages. Nothing is built, and nothing becomes history.

    The exit code is 2 if a critical check fails.

    Example: lakehouse validate

    Example: lakehouse validate --layer silver
    """
    layers = _layers(layer, gate.LAYERS, "check")
    with _progress() as update:
        results = pipeline.validate(layers, target, settings.warehouse(), update)
    _print_checks(results)


@app.command()
def train(model: ModelArgument, target: TargetOption = "local") -> None:
    """Train a model on Gold, register it, and make it champion if it is better than what there is.

    Why it was promoted or not is printed and kept with it. A model that turns out the same to the digit as a
    registered one is not registered again. Among all, one that cannot learn does not stop the others.

    Example: lakehouse train recommender

    Example: lakehouse train all
    """
    from ml import steps  # its libraries take seconds to import: --help should not wait for them

    names = steps.named(model)
    waiting: list[LakehouseError] = []
    for name in names:
        try:
            with _progress() as update:
                training = steps.train(name, target, settings.warehouse(), update)
        except steps.CannotLearn as reason:
            waiting.append(reason)
            if len(waiting) == len(names):
                raise
            _say(f"{name}: {reason.what}")
        else:
            _print_training(training)


@app.command()
def score(model: ModelArgument, target: TargetOption = "local") -> None:
    """Let the champion of a model fill its ml tables, and check them.

    A model without a champion is an error, except among all: it is said, and the others score. If a critical check
    fails, the tables are put back to what they were; the exit code is then 2.

    Example: lakehouse score churn

    Example: lakehouse score all
    """
    with _progress() as update:
        report = pipeline.score(model, target, settings.warehouse(), update)
    _print_models(report)
    _print_checks(report.checks)


@app.command()
def models() -> None:
    """List all registered versions with what was measured in their test window. The champion scores.

    Example: lakehouse models
    """
    from ml import steps

    with _progress() as update:
        update("reading the register", 0, 1)
        versions = steps.versions(settings.warehouse())
    if versions:
        out.print(_versions_table(versions))
    else:
        out.print("No model is registered yet. Run `lakehouse train all` first.")


def _layers(layer: str | None, known: tuple[str, ...], verb: str) -> tuple[str, ...]:
    if layer is not None and layer not in known:
        raise LakehouseError(f"There is no layer called {layer!r} to {verb}.", f"Choose one of: {', '.join(known)}.")
    return known if layer is None else (layer,)


@contextmanager
def _said_if_stopped(what_is_true: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        err.print(f"Stopped. {what_is_true}", soft_wrap=True, highlight=False, markup=False)
        raise


@contextmanager
def _cleaned_up_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, not the process as it stands."""

    def leave(*_: object) -> None:
        sys.exit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress() -> Iterator[pipeline.Progress]:
    """One line that says what is being worked on; it is gone when the work is done."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
    with _said_if_stopped("The tables are as they were before the step that was under way."), bar:
        task = bar.add_task("starting", total=None)

        def update(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield update


def _print_files(report: StepReport) -> None:
    table = _table("Bronze: what was delivered", "table", "rows", "rejected")
    for file in report.files:
        remark = "there already" if file.already_there else ""
        if file.extra_columns:
            remark = escape(f"with new columns: {', '.join(file.extra_columns)}")
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
                where = TableName(pipeline.SCHEMAS.get(report.name, report.name), name)
                rows = tables.row_count(warehouse, where)
                table.add_row(str(where), f"{rows:,}", f"{node.seconds:.1f}")
    out.print(table)
    steps = ", ".join(f"{report.name} {report.seconds:.0f} s" for report in reports)
    out.print(f"All {tests} tests passed. Time by step: {steps}.")
    _say(f"The tables are Delta folders in {warehouse}")


def _print_models(report: StepReport) -> None:
    for training in report.trainings:
        _print_training(training)
    for scoring in report.scorings:
        _print_scoring(scoring)
    for reason in report.waiting:
        _say(f"{reason.what} Its tables stay as they are.")


def _print_checks(results: list[CheckResult]) -> None:
    """A line for each warning, then how many checks ended how, and where to read more."""
    checks = [result for result in results if result.kind == "expectation"]
    ended = Counter(str(check.status) for check in checks)
    for check in checks:
        if check.status == "warned":
            about = f"{check.layer}.{check.table_name}: {check.check_name}"
            line = f"warning: {about}: {check.observed}. {check.expected}"
            _say(line)
    out.print(f"{ended['passed']} of {len(checks)} checks passed, {ended['warned']} warned.")
    if ended["unknown"]:
        out.print(f"{ended['unknown']} had nothing to judge, or no earlier run to compare with.")
    page = settings.site() / "quality" / "index.html"
    _say(f"What they found is on the page {page}")


def _print_site() -> None:
    _say(f"Open {settings.site() / 'index.html'} in a browser.")


def _print_training(training: Training) -> None:
    version = training.version
    promoted = "champion" if training.decision.promote else "not promoted"
    registered = "" if training.is_new else ", registered before"
    _say(f"{version.model}, version {version.number}{registered}: {promoted}.")
    for reason in training.decision.reasons:
        _say(f"  {reason}")
    metric = training.primary
    table = _table(f"{metric} in the test window", "subject", "value", "from", "to")
    for subject, metrics in {"this version": training.metrics, **training.baselines}.items():
        if metric in metrics:
            bounds = (_number(metrics.get(f"{metric}_{side}")) for side in ("low", "high"))
            table.add_row(subject, _number(metrics[metric]), *bounds)
    out.print(table)
    _say("All that was measured is in ml.model_metrics; the model card and the figures are with the run in MLflow.")


def _print_scoring(scoring: Scoring) -> None:
    _say(f"{scoring.version.model}, version {scoring.version.number}, scored as of {scoring.as_of_date}:")
    for name, rows in scoring.rows.items():
        _say(f"  {rows:,} rows in ml.{name}")


def _versions_table(versions: list[Version]) -> Table:
    table = _table("Registered models", "model", "version", "alias", "trained at", "measured", "best baseline")
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


def _say(line: str) -> None:
    out.print(line, soft_wrap=True, highlight=False, markup=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "left" if column in LEFT else "right"
        table.add_column(column, justify=justify, no_wrap=column not in WRAPPED, overflow="fold")
    return table


def main() -> None:
    """Run the command line; a user's mistake ends in one clear message and a non-zero exit code."""
    try:
        app()
    except LakehouseError as error:
        err.print(f"[bold red]error:[/] {escape(error.what)}", soft_wrap=True, highlight=False)
        if error.mend:
            err.print(escape(error.mend), soft_wrap=True, highlight=False)
        sys.exit(error.exit_code)

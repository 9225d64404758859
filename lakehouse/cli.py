"""The command line, ``lakehouse``: from files to tables, scores and pages. Thin: each command calls one function."""

from __future__ import annotations

import os
import sys
from datetime import date, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from data_generation import generate as generation
from data_generation.request import Request
from lakehouse import catalog, console, gate, pipeline, settings
from lakehouse.dbt_runner import DbtFailed
from lakehouse.errors import LakehouseError

app = typer.Typer(
    name="lakehouse",
    help="A shop's raw files become tested Silver and Gold Delta tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
SourceOption = Annotated[str, typer.Option(help="The contract of the files; olist is the only one.")]
PathOption = Annotated[list[Path], typer.Option(help="A folder or a zip with the files; may be repeated.")]


def _drop_day(text: str) -> datetime | None:
    """A day, or none: a scheduler that has no day to name passes an empty text."""
    try:
        return datetime.strptime(text, "%Y-%m-%d") if text else None
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it as YYYY-MM-DD.") from None


DeliveredOnOption = Annotated[
    datetime | None,
    typer.Option(
        help="The day that this is a drop of: it may lack files, and files may lack rows.",
        parser=_drop_day,
        metavar="YYYY-MM-DD",
    ),
]
TargetOption = Annotated[str, typer.Option(envvar="LAKEHOUSE_TARGET", help="The engine: local, spark or databricks.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="recommender, churn, forecast or all.")]


def _say_version(asked: bool) -> None:
    if asked:
        console.say(installed("customer-intelligence-lakehouse"))
        raise typer.Exit


@app.callback()
def lakehouse(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """What goes before every command."""


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
        list[str] | None, typer.Option(help="Make the file of this Bronze table alone, as orders; may be repeated.")
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
    bar = Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal)
    with console.cleaned_up_on_sigterm(), console.said_if_stopped(f"{out_folder} is as it was."), bar:
        task = bar.add_task("generating", total=None)

        def update(done: int, parts: int, rows: int) -> None:
            rate = rows / max(bar.tasks[task].elapsed or 0.0, 1e-3)
            bar.update(task, description=f"{rows:,} rows, {rate:,.0f} a second", completed=done, total=parts)

        report = generation.generate(request, update)
    table = console.new_table("Generated", "file", "rows")
    for name, rows in _by_file(report.rows).items():
        table.add_row(name, f"{rows:,}")
    console.out.print(table)
    for kind, count in report.faults.items():
        console.out.print(f"{count:,} × {kind}")
    drops = f", in {days} drops" if days else ""
    console.out.print(
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
    with console.progress() as update:
        report = pipeline.ingest(source, path, target, settings.warehouse(), update, _day(delivered_on))
    console.print_files(report)
    console.print_checks(report.checks)


@app.command()
def upload(
    path: PathOption,
    to: Annotated[str, typer.Option(help="The folder: abfss://<container>@<account>.dfs.core.windows.net/<folder>.")],
    source: SourceOption = "olist",
    delivered_on: DeliveredOnOption = None,
) -> None:
    """Put landing files into a folder of a data lake in Azure, for a job there to take in.

    A file that is there already is not sent again, nor are those parts of one that was stopped on its way. Signing in
    is by the environment (AZURE_STORAGE_...), a managed identity, or az login. Needs the extra azure.

    Example: lakehouse upload --path archive.zip --to abfss://landing@account.dfs.core.windows.net/deliveries/2018-09-01
    """
    from lakehouse import upload as uploading

    with console.progress("What has arrived is kept; the same command goes on from there.") as update:
        reports = uploading.upload(source, path, to, update, _day(delivered_on))
    table = console.new_table("Uploaded", "file", "bytes", "sent")
    for sent in reports:
        table.add_row(sent.file, f"{sent.size:,}", "there already" if sent.already_there else f"{sent.sent:,}")
    console.out.print(table)


@app.command()
def build(
    layer: Annotated[str | None, typer.Option(help="One layer: silver, gold or marts. All by default.")] = None,
    target: TargetOption = "local",
) -> None:
    """Build, test and check Silver, Gold and the marts over scores. A layer that fails is put back to what it was.

    The exit code is 2 if a critical check fails, 1 if anything else does.

    Example: lakehouse build --layer gold
    """
    layers = _layers(layer, pipeline.LAYERS, "build")
    with console.progress() as update:
        reports = list(pipeline.build(layers, target, settings.warehouse(), update))
    console.print_summary(reports, target)
    console.print_checks([check for report in reports for check in report.checks])


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
    with console.progress() as update:
        steps = pipeline.run(
            source, path, target, settings.warehouse(), update, _day(delivered_on), training=training, pages=pages
        )
        reports = list(steps)
    console.print_files(reports[0])
    console.print_summary(reports, target)
    for report in reports:
        console.print_models(report)
    console.print_checks([check for report in reports for check in report.checks])
    if pages:
        console.print_site()


@app.command()
def site(target: TargetOption = "local") -> None:
    """Write the pages over the tables as they are: dashboards, lineage, dbt docs, model cards.

    They are files that need no server and no network; open the first in a browser. Beside them are the Parquet files
    that Power BI reads without Databricks. No table changes.

    Example: lakehouse site
    """
    with console.progress() as update:
        pipeline.site(target, settings.warehouse(), update)
    console.print_site()


@app.command()
def validate(
    layer: Annotated[
        str | None, typer.Option(help="One layer: bronze, silver, gold, ml or marts. All by default.")
    ] = None,
    just_built: Annotated[
        bool, typer.Option("--just-built", help="dbt alone has built it just now: later runs are compared with it.")
    ] = False,
    target: TargetOption = "local",
) -> None:
    """Check the tables as they are, and write the pages. Nothing is built or put back.

    The exit code is 2 if a critical check fails. Nothing becomes history, unless this is the gate of a layer that dbt
    alone has built: then --just-built lets what is measured count for later runs, as `lakehouse build` does.

    Example: lakehouse validate

    Example: lakehouse validate --layer silver

    Example: lakehouse validate --layer silver --just-built
    """
    layers = _layers(layer, gate.LAYERS, "check")
    if just_built and layer is None:
        raise LakehouseError(
            "--just-built needs --layer: only a layer that was built just now becomes history.",
            "Name the one that dbt has built, as in `lakehouse validate --layer silver --just-built`.",
        )
    with console.progress() as update:
        results = pipeline.validate(layers, target, settings.warehouse(), update, just_built=just_built)
    console.print_checks(results)


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
            with console.progress() as update:
                training = steps.train(name, target, settings.warehouse(), update)
        except steps.CannotLearn as reason:
            waiting.append(reason)
            if len(waiting) == len(names):
                raise
            console.say(f"{name}: {reason.what}")
        else:
            console.print_training(training)


@app.command()
def score(model: ModelArgument, target: TargetOption = "local") -> None:
    """Let the champion of a model fill its ml tables, and check them.

    A model without a champion is an error, except among all: it is said, and the others score. If a critical check
    fails, the tables are put back to what they were; the exit code is then 2.

    Example: lakehouse score churn

    Example: lakehouse score all
    """
    with console.progress() as update:
        report = pipeline.score(model, target, settings.warehouse(), update)
    console.print_models(report)
    console.print_checks(report.checks)


@app.command()
def models() -> None:
    """List all registered versions with what was measured in their test window. The champion scores.

    Example: lakehouse models
    """
    from ml import steps

    with console.progress() as update:
        update("reading the register", 0, 1)
        versions = steps.versions(settings.warehouse())
    if versions:
        for table in console.versions_tables(versions):
            console.out.print(table)
    else:
        console.out.print("No model is registered yet. Run `lakehouse train all` first.")


@app.command()
def cluster(
    workers: Annotated[int, typer.Option(min=1, help="How many workers share this machine.")] = 2,
) -> None:
    """Start Apache Spark as a cluster of several processes over the warehouse, until Ctrl-C. Needs Java 17.

    It prints the address under which every other command finds it.

    Example: lakehouse cluster --workers 2
    """
    from lakehouse import cluster as clusters

    with console.cleaned_up_on_sigterm(), clusters.running(settings.warehouse(), workers) as up:
        try:
            console.say(f"A master, {workers} workers and Spark Connect are up. In another terminal:")
            console.say(f"  export LAKEHOUSE_TARGET=spark SPARK_REMOTE={up.remote}")
            clusters.wait(up)
        except console.Terminated:
            raise
        except KeyboardInterrupt:
            pass


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.", min=0, max=65535)] = 8000,
) -> None:
    """Answer single requests over HTTP as the champions scored last; /docs says what can be asked. Ctrl-C ends it.

    Where other machines can reach it, LAKEHOUSE_API_KEY must hold a key, and clients send it as X-API-Key.

    Example: lakehouse serve

    Example: curl http://127.0.0.1:8000/recommendations/A-CUSTOMER
    """
    from ml.serving import server  # its libraries take a second to import
    from ml.serving.core import Service

    folder = settings.warehouse() / "serving"
    try:
        service = Service.open(folder)
    except FileNotFoundError:
        raise LakehouseError(
            f"There is nothing in {folder} to serve: no champion has scored.", "Run `lakehouse score all` first."
        ) from None
    except (OSError, ValueError) as error:
        raise LakehouseError(
            f"What is served cannot be read: {error}.", "Run `lakehouse score all` again."
        ) from error
    try:
        with console.cleaned_up_on_sigterm(), console.said_if_stopped("Requests under way were answered."):
            server.run(service, host, port, os.environ.get(server.API_KEY) or None, _say_where)
    except server.NotSafe as reason:
        raise LakehouseError(str(reason)) from None
    # No resolver can be asked for a name as "a..b".
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise LakehouseError(
            f"{host}:{port} cannot be listened on: {why}.", "Choose another port or host."
        ) from error


def _say_where(address: str) -> None:
    console.say(address)  # on a line of its own, for programs that start it
    console.say(f"It answers there; {address}/docs lists what can be asked. Ctrl-C ends it.")


def _layers(layer: str | None, known: tuple[str, ...], verb: str) -> tuple[str, ...]:
    if layer is not None and layer not in known:
        raise LakehouseError(f"There is no layer called {layer!r} to {verb}.", f"Choose one of: {', '.join(known)}.")
    return known if layer is None else (layer,)


def main() -> None:
    """Run the command line; a user's mistake ends in one clear message and a non-zero exit code."""
    try:
        app()
    except SystemExit as end:
        # A task of Databricks takes any SystemExit for a failure, also the one that says that all went well.
        if end.code:
            raise
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        console.err.print(f"[bold red]error:[/] {escape(reason.what)}", soft_wrap=True, highlight=False)
        if reason.mend:
            console.err.print(escape(reason.mend), soft_wrap=True, highlight=False)
        sys.exit(reason.exit_code)


def _reason(error: Exception) -> LakehouseError | None:
    """What to tell the user; None for a fault of the program."""
    known = error if isinstance(error, LakehouseError) else None
    if known is not None and not isinstance(known, DbtFailed):
        return known
    # Engines and libraries each say in their own words that a file is not there.
    return catalog.damage(settings.warehouse()) or known

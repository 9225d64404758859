"""The steps from landing files to the marts that hold scores, each all or nothing, and the pages over them.

A step makes the tables of its layer and then takes them through the layer's gate. If either fails, the tables are put
back to what they were. While a step runs, a reader may see tables of the old build beside tables of the new one, each
of them whole. A process that is killed leaves them so, and the next run finishes the job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lakehouse import acceptance, auto_loader, catalog, dbt_runner, gate, session, settings, tables
from lakehouse import ingest as ingestion
from lakehouse.errors import LakehouseError, disk_errors_explained
from ml import data as scores

if TYPE_CHECKING:
    from expectations.results import CheckResult
    from ml.steps import Scoring, Training

LAYERS = ("silver", "gold", "marts")
"""What dbt builds, in the order in which data flows. Marts are those tables of Gold that hold scores."""
SCHEMAS = {"marts": "gold"}
"""Where the tables of a layer are, if the schema has another name."""

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on, how much is done, and how much there is."""


class StepReport(NamedTuple):
    """What a step did: how long it took, a line per file or node, and a result per check and dbt test.

    The last three are of the models: what became of each training and scoring, and why some did not come about.
    """

    name: str
    seconds: float
    files: list[ingestion.FileReport]
    nodes: list[dbt_runner.NodeResult]
    checks: list[CheckResult]
    trainings: Sequence[Training] = ()
    scorings: Sequence[Scoring] = ()
    waiting: Sequence[LakehouseError] = ()


def ingest(
    source: str,
    paths: Sequence[Path],
    target: str,
    warehouse: Path,
    progress: Progress,
    delivered_on: date | None = None,
) -> StepReport:
    """Landing files to Bronze, and Bronze through its gate.

    Raises:
        LakehouseError: as :func:`lakehouse.ingest.ingest`.
        CheckFailed: a critical check failed; Bronze is as it was before.
    """
    session.check_engine(target)
    checked = acceptance.check(source, paths, delivered_on)
    place = tables.place(target, warehouse)
    with tables.locked(place):
        return _ingest_step(checked, target, warehouse, gate.new_run_id(place), progress)


def build(layers: Sequence[str], target: str, warehouse: Path, progress: Progress) -> Iterator[StepReport]:
    """Build, test and check layers one after the other; yields a report after each.

    Raises:
        LakehouseError: no such target, nothing to build from, or a layer failed.
    """
    session.check_engine(target)
    place = tables.place(target, warehouse)
    _require(place, "bronze", "Bronze is empty: {} holds nothing to build from.", "lakehouse ingest --path ...")
    with tables.locked(place):
        # In a warehouse of an older version they may be missing; a session that is open would not find them.
        scores.prepare(place)
        run_id, project = gate.new_run_id(place), dbt_runner.Project(target)
        for layer in layers:
            yield _build_step(layer, project, warehouse, run_id, progress)


def run(
    source: str,
    paths: Sequence[Path],
    target: str,
    warehouse: Path,
    progress: Progress,
    delivered_on: date | None = None,
    *,
    training: bool = False,
    pages: bool = True,
) -> Iterator[StepReport]:
    """Everything, from landing files to scores and pages, under one lock; yields a report after each step.

    A model without a champion does not score, and one that cannot learn from what there is does not stop the others.

    Args:
        source: which landing files these are.
        paths: folders and zips that hold them.
        target: the engine.
        warehouse: the folder of the tables.
        progress: called as the work goes on.
        delivered_on: the day that this is a drop of.
        training: whether models are trained before they score.
        pages: whether the site is written in the end, which is read from folders and so not on Databricks. If that
            fails, the tables stay as they have been built.

    Raises:
        LakehouseError: the delivery cannot be used, a layer failed, or the site cannot be written.
    """
    session.check_engine(target)
    checked = acceptance.check(source, paths, delivered_on)
    place = tables.place(target, warehouse)
    with tables.locked(place):
        run_id, project = gate.new_run_id(place), dbt_runner.Project(target)
        yield _ingest_step(checked, target, warehouse, run_id, progress)
        for layer in LAYERS:
            if layer == "marts":
                yield _score_step(None, target, warehouse, run_id, progress, training=training)
            yield _build_step(layer, project, warehouse, run_id, progress)
        if pages and target != "databricks":
            yield _site_step(target, warehouse, progress)


def site(target: str, warehouse: Path, progress: Progress) -> StepReport:
    """Write the pages over the tables as they are, and the Parquet folder beside them. Changes no table.

    Raises:
        LakehouseError: no such target, the marts are not built, or the site cannot be written.
    """
    session.check_engine(target)
    if target == "databricks":
        raise LakehouseError(
            "Pages are written from folders of tables, and on Databricks there are none.",
            "Power BI reads Unity Catalog; for pages, run the project with --target local.",
        )
    _require(warehouse, "marts", "Gold is empty: {} holds nothing to show.", "lakehouse run --path ...")
    with disk_errors_explained(settings.site()), tables.locked(warehouse):
        return _site_step(target, warehouse, progress)


def score(model: str, target: str, warehouse: Path, progress: Progress) -> StepReport:
    """Let the champion of a model, or of ``all``, fill its tables, and take those through their gate.

    Raises:
        LakehouseError: no such model or engine, or none of the models meant has a champion.
        CheckFailed: a critical check failed; the tables are as they were before.
    """
    from ml import steps  # its libraries take seconds to import: a build without models should not wait for them

    session.check_engine(target)
    steps.named(model)
    place = tables.place(target, warehouse)
    _require(place, "gold", "Gold is empty: {} holds nothing to score from.", "lakehouse run --path ...")
    with tables.locked(place):
        scores.prepare(place)
        return _score_step(model, target, warehouse, gate.new_run_id(place), progress)


def validate(
    layers: Sequence[str], target: str, warehouse: Path, progress: Progress, *, just_built: bool = False
) -> list[CheckResult]:
    """Check layers as they are. Changes no table but those of ``quality``.

    Args:
        layers: of :data:`lakehouse.gate.LAYERS`.
        target: the engine.
        warehouse: the folder of the tables.
        progress: called as the work goes on.
        just_built: whether dbt alone has made them just now, so that what is measured becomes history.

    Raises:
        LakehouseError: no such target, or a layer is empty.
        CheckFailed: critical checks failed; every layer was checked all the same.
    """
    session.check_engine(target)
    place = tables.place(target, warehouse)
    for layer in layers:
        _require(place, layer, f"{layer.title()} is empty: {{}} holds nothing to check.", "lakehouse run --path ...")
    results: list[CheckResult] = []
    failures: list[gate.CheckFailed] = []
    with disk_errors_explained(warehouse), tables.locked(place):
        run_id = gate.new_run_id(place)
        for layer in layers:
            try:
                results += gate.gate(layer, target, warehouse, run_id, progress, in_step=False, just_built=just_built)
            except gate.CheckFailed as failed:
                failures.append(failed)
    if failures:
        raise gate.CheckFailed("\n".join(failed.what for failed in failures), failures[0].mend)
    return results


def _ingest_step(
    checked: acceptance.Checked, target: str, warehouse: Path, run_id: str, progress: Progress
) -> StepReport:
    started = time.perf_counter()
    with _all_or_nothing("bronze", target, warehouse, run_id):
        place = tables.place(target, warehouse)
        if isinstance(place, Path):
            files = ingestion.take_in(checked, place, progress)
        else:
            files = auto_loader.take_in(place, checked, Path(settings.checkpoints()))
        scores.prepare(place)
        checks = gate.gate("bronze", target, warehouse, run_id, progress)
    return StepReport("bronze", time.perf_counter() - started, files, [], checks)


def _build_step(
    layer: str, project: dbt_runner.Project, warehouse: Path, run_id: str, progress: Progress
) -> StepReport:
    started, target = time.perf_counter(), project.target
    with _all_or_nothing(layer, target, warehouse, run_id):
        try:
            nodes = project.run(
                # Unit tests are about the code, not about this data: they run with `dbt build` and `make test`.
                ["build", "--selector", layer, "--exclude-resource-type", "unit_test"],
                lambda step: progress(step.node, step.done, step.total),
            )
        except dbt_runner.DbtFailed as failed:
            gate.keep_failed_tests(layer, tables.place(target, warehouse), run_id, failed.nodes)
            raise
        checks = gate.gate(layer, target, warehouse, run_id, progress, nodes)
    return StepReport(layer, time.perf_counter() - started, [], nodes, checks)


def _score_step(
    model: str | None, target: str, warehouse: Path, run_id: str, progress: Progress, *, training: bool = False
) -> StepReport:
    """A model that is named must score; without a name, those that can do."""
    # Their libraries take seconds to import: a build without models should not wait for them.
    from ml import steps

    started = time.perf_counter()
    names = steps.named(model or "all")
    trainings, scorings = [], []
    waiting: list[LakehouseError] = []
    with _all_or_nothing("ml", target, warehouse, run_id), steps.register_kept(warehouse):
        for name in names:
            if training:
                try:
                    trainings.append(steps.train(name, target, warehouse, progress))
                except steps.CannotLearn as reason:
                    waiting.append(reason)
            # A model that cannot learn today may have a champion that scores.
            try:
                scorings.append(steps.score(name, target, warehouse, progress))
            except (steps.NoChampion, steps.CannotLearn) as reason:
                waiting.append(reason)
        if model and not scorings:
            mend = waiting[0].mend if len(names) == 1 else "Run `lakehouse train all` first."
            raise LakehouseError("\n".join(reason.what for reason in waiting), mend)
        checks = gate.gate("ml", target, warehouse, run_id, progress)
        steps.publish(warehouse, scorings)
    seconds = time.perf_counter() - started
    return StepReport("ml", seconds, [], [], checks, trainings, scorings, waiting)


def _site_step(target: str, warehouse: Path, progress: Progress) -> StepReport:
    # Charts and models take seconds to import: nothing else should wait for them.
    from bi.dashboards import site as dashboards
    from bi.power_bi.parquet import write_parquet
    from ml import steps

    started = time.perf_counter()
    folder = settings.site()
    progress("describing the tables", 0, 3)
    documentation = dbt_runner.document(target)
    progress("writing pages", 1, 3)
    extras = dashboards.Extras(steps.cards(warehouse), documentation.manifest, documentation.page)
    dashboards.write(warehouse, folder, extras)
    progress("writing Parquet files", 2, 3)
    with disk_errors_explained(folder):
        write_parquet(warehouse, folder / "data")
    return StepReport("site", time.perf_counter() - started, [], [], [])


@contextmanager
def _all_or_nothing(layer: str, target: str, warehouse: Path, run_id: str) -> Iterator[None]:
    """Whatever goes wrong inside the block, the layer is put back, and which versions failed is kept."""
    failed: tables.Versions = {}
    place = tables.place(target, warehouse)
    try:
        # Silver and what follows is made anew from Bronze; what Bronze takes in stays.
        with tables.writing(place, [SCHEMAS.get(layer, layer)], gated=layer == "bronze") as failed:
            yield
    except BaseException:
        # An open session would go on with the tables as they were while the step ran.
        session.close_session(target, warehouse)
        with disk_errors_explained(warehouse):
            tables.note_failed(place, run_id, failed)
        raise


def _require(place: tables.Place, layer: str, what: str, command: str) -> None:
    if isinstance(place, Path) and place.exists():
        catalog.prepare(place)
    if not tables.names(place, [SCHEMAS.get(layer, layer)]):
        raise LakehouseError(what.format(place), f"Run `{command}` first.")

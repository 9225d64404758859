"""Training and scoring, the same for every model: read, let the model work, register or write.

Each step holds the warehouse's write lock, and the ``ml`` tables are as they were before if it fails.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lakehouse import session, tables
from lakehouse.errors import LakehouseError, disk_errors_explained
from lakehouse.settings import ROOT
from ml import data, models, threads
from ml.candidate import BadInput, Candidate, Decision
from ml.data import CannotLearn, Inputs, Origin
from ml.gate import Champion, judge
from ml.models import MODULES, Model
from ml.registry import CHAMPION, Registry, RegistryBusy, Version
from ml.serving import arrays
from ml.serving.arrays import Online

SEED = 20180819
"""Of every training."""
CANDIDATE = "candidate"

Progress = Callable[[str, int, int], None]
"""Called with what is being worked on, how much is done, and how much there is."""


class Training(NamedTuple):
    """What became of a training.

    Attributes:
        version: registered now, or before if nothing has changed since.
        is_new: whether it was registered now.
        decision: whether it became champion, and why.
        metrics: of the candidate in the test window.
        baselines: the same by whatever else was tried.
        primary: the metric that is shown beside the baselines.
        method: what serves where that is measured, or would if the version were champion.
    """

    version: Version
    is_new: bool
    decision: Decision
    metrics: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    primary: str
    method: str


class Scoring(NamedTuple):
    """What was scored: by which version, as of which day, and how many rows by table.

    ``online`` is what single requests are answered from, for :func:`publish`; None for a model without any.
    """

    version: Version
    as_of_date: str
    rows: Mapping[str, int]
    online: Online | None = None


class NoChampion(LakehouseError):
    """No version of a model may score yet."""


def train(name: str, target: str, warehouse: Path, progress: Progress = lambda *_: None) -> Training:
    """Train a model, register it, and make it champion if it deserves it.

    A model that is the same to the digit as one that is registered is not registered again.

    Args:
        name: a key of ``ml.models.MODULES``.
        target: the engine that reads.
        warehouse: the folder of the tables.
        progress: called as the work goes on.

    Raises:
        CannotLearn: what Gold holds cannot be trained on.
        LakehouseError: no such model or engine, Gold lacks what it needs, or the registry or the disk is in the way.
    """
    model = _model(name, target, warehouse)
    registry = Registry(warehouse)
    place = tables.place(target, warehouse)
    with tables.writing(place, ["ml"]):
        inputs, told = _inputs(model, target, warehouse, progress)
        with _understood(), threads.fixed():
            model.check(inputs.frames)
            progress(f"{name}: training", 1, 4)
            candidate = model.train(inputs.frames, told, SEED)
        progress(f"{name}: registering", 2, 4)
        version, is_new = registry.register(name, model, candidate, _provenance(inputs))
        champion = None
        if CHAMPION in version.aliases:
            stays = f"It is the same to the digit as version {version.number}, the champion: nothing has changed."
            decision = Decision(True, (*candidate.decision.reasons, stays), candidate.decision.details)
        else:
            progress(f"{name}: comparing with the champion", 3, 4)
            champion = _champion(registry, model, name, inputs, told)
            decision = judge(candidate, model.PRIMARY, champion)
            version = registry.settle(version, decision)
        # Not only of a new version: a step that was put back took them away, and left the version in the register.
        # Of every new one: a register that was begun anew gives numbers again that the old one gave.
        if is_new or not data.is_measured(place, name, version.number):
            _write_metrics(place, version, inputs, candidate, champion, decision)
    return Training(
        version, is_new, decision, candidate.metrics, candidate.baselines, model.PRIMARY[0], candidate.method
    )


def score(name: str, target: str, warehouse: Path, progress: Progress = lambda *_: None) -> Scoring:
    """Let the champion of a model fill its ``ml`` tables, all of them or none.

    Raises:
        NoChampion: no version has been promoted yet.
        LakehouseError: no such model or engine, Gold lacks what it needs, or the champion's files are gone.
    """
    named(name)
    session.check_engine(target)
    registry = Registry(warehouse)
    champion = registry.champion(name)
    # First: a model's libraries take seconds to import, and a run without champions should not wait for them.
    if champion is None:
        raise _no_champion(name, registry.versions(name))
    model = _model(name, target, warehouse)
    place = tables.place(target, warehouse)
    with tables.writing(place, ["ml"]):
        inputs, told = _inputs(model, target, warehouse, progress)
        progress(f"{name}: scoring", 1, 3)
        with _understood(), registry.folder(champion) as folder, threads.fixed():
            rows = model.score(folder, inputs.frames, told)
            online = model.online(folder, inputs.frames, told, rows)
        if set(rows) != set(model.WRITES):
            raise ValueError(f"{name} said that it writes {sorted(model.WRITES)}, and wrote {sorted(rows)}")
        progress(f"{name}: writing", 2, 3)
        written = data.write(place, rows, _origin(champion, inputs))
    if online is not None:
        online = online.saying(version=champion.number)
    return Scoring(champion, inputs.reporting_date.isoformat(), written, online)


def publish(warehouse: Path, scorings: Iterable[Scoring]) -> None:
    """Let ``lakehouse serve`` answer from what was scored, at its next start; to be called once the tables are good.

    All models or none: a full disk leaves the files as they were.

    Raises:
        LakehouseError: the disk is full or read-only.
    """
    files = {
        served(warehouse) / f"{scoring.version.model}{arrays.SUFFIX}": scoring.online
        for scoring in scorings
        if scoring.online is not None
    }
    with disk_errors_explained(warehouse):
        arrays.write_together(files)


def served(warehouse: Path) -> Path:
    """The folder that :func:`publish` writes to."""
    return warehouse / "serving"


@contextmanager
def register_kept(warehouse: Path) -> Iterator[None]:
    """Whatever goes wrong inside the block, each model has the champion and the challenger that it had before."""
    registry = Registry(warehouse)
    before = {name: registry.versions(name) for name in MODULES}
    try:
        yield
    except BaseException:
        for name, there in before.items():
            registry.put_back(name, {alias: version.number for version in there for alias in version.aliases})
        raise


def versions(warehouse: Path) -> list[Version]:
    """All registered versions, model by model, oldest first.

    Raises:
        LakehouseError: the registry cannot be used.
    """
    registry = Registry(warehouse)
    return [version for name in MODULES for version in registry.versions(name)]


def cards(warehouse: Path) -> dict[str, str]:
    """The model card of each champion, in Markdown, by the name of the model.

    Raises:
        LakehouseError: the registry cannot be used.
    """
    registry = Registry(warehouse)
    champions = {name: registry.champion(name) for name in MODULES}
    return {name: registry.card(champion) for name, champion in champions.items() if champion}


def named(name: str) -> tuple[str, ...]:
    """The models meant by a name or by ``all``.

    Raises:
        LakehouseError: there is no such model.
    """
    if name == "all":
        return tuple(MODULES)
    if name not in MODULES:
        raise LakehouseError(f"There is no model called {name!r}.", f"Choose one of: all, {', '.join(MODULES)}.")
    return (name,)


def _model(name: str, target: str, warehouse: Path) -> Model:
    """The model, once it is clear that it has an engine and tables to read."""
    named(name)
    session.check_engine(target)
    model = models.load(name)
    data.require(tables.place(target, warehouse), model.READS)
    return model


def _inputs(model: Model, target: str, warehouse: Path, progress: Progress) -> tuple[Inputs, Any]:
    progress(f"{model.NAME}: reading", 0, 4)
    inputs = data.read(session.open_session(target, warehouse), tables.place(target, warehouse), model.READS)
    return inputs, model.Settings(reporting_date=inputs.reporting_date, clickstream=inputs.clickstream)


@contextmanager
def _understood() -> Iterator[None]:
    """What a model says of its input becomes a message."""
    try:
        yield
    except BadInput as problem:
        raise CannotLearn(problem.what, problem.mend) from problem


def _champion(registry: Registry, model: Model, name: str, inputs: Inputs, told: Any) -> Champion | None:
    """The champion on today's frames. One that cannot be measured must not stand in the way of every other."""
    version = registry.champion(name)
    if version is None:
        return None
    try:
        with _understood(), registry.folder(version) as folder, threads.fixed():
            return Champion(version.number, model.evaluate(folder, inputs.frames, told))
    except RegistryBusy:
        raise
    except LakehouseError as error:
        return Champion(version.number, {}, f"cannot be measured: {error.what}")


def _provenance(inputs: Inputs) -> dict[str, str]:
    return {
        **{f"delta_version.{table}": str(version) for table, version in inputs.versions.items()},
        "dbt_invocation_id": ", ".join(inputs.dbt_invocations),
        "git_commit": git_commit(),
        "clickstream": inputs.clickstream,
        "reporting_date": inputs.reporting_date.isoformat(),
        "seed": str(SEED),
    }


def git_commit() -> str:
    """The commit of the code, with ``+changes`` if files differ from it; ``unknown`` outside a repository."""
    git = shutil.which("git")
    if git is None:
        return data.UNKNOWN
    commit, changes = (
        subprocess.run([git, "-C", str(ROOT), *words], capture_output=True, text=True, check=False)  # noqa: S603
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))
    )
    if commit.returncode:
        return data.UNKNOWN
    return commit.stdout.strip() + ("+changes" if changes.stdout.strip() else "")


def _origin(version: Version, inputs: Inputs) -> Origin:
    return Origin(version.model, version.number, inputs.reporting_date, datetime.now(UTC))


def _write_metrics(
    place: tables.Place,
    version: Version,
    inputs: Inputs,
    candidate: Candidate,
    champion: Champion | None,
    decision: Decision,
) -> None:
    subjects = {CANDIDATE: candidate.metrics, **candidate.baselines}
    if champion is not None:
        subjects[CHAMPION] = champion.metrics
    rows = [
        {
            "subject": subject,
            "metric": metric,
            "value": float(value),
            "value_low": _bound(metrics, f"{metric}_low"),
            "value_high": _bound(metrics, f"{metric}_high"),
            "is_promoted": decision.promote and subject == CANDIDATE,
        }
        for subject, metrics in subjects.items()
        for metric, value in metrics.items()
        if not _is_bound(metric, metrics)
    ]
    data.write(place, {"model_metrics": pd.DataFrame(rows)}, _origin(version, inputs))


def _bound(metrics: Mapping[str, float], name: str) -> float | None:
    return float(metrics[name]) if name in metrics else None


def _is_bound(metric: str, metrics: Mapping[str, float]) -> bool:
    """Whether a metric is the bound of another's interval."""
    return any(metric == f"{other}_{side}" for other in metrics for side in ("low", "high"))


def _no_champion(name: str, there: list[Version]) -> NoChampion:
    if there:
        newest = there[-1]
        return NoChampion(
            f"{name} has no champion yet: none of its versions was promoted ({len(there)} so far).",
            f"`lakehouse train {name}` says why version {newest.number} was not.",
        )
    return NoChampion(f"{name} has no champion yet: it has not been trained.", f"Run `lakehouse train {name}` first.")

"""The register, with a real MLflow: what is kept with a version, and what it takes to load one."""

from __future__ import annotations

import contextlib
import pickle
import shutil
import socket
import sqlite3
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities.model_registry.model_version_search import ModelVersionSearch
from mlflow.store._unity_catalog.registry.rest_store import _require_arg_unspecified
from mlflow.store.entities.paged_list import PagedList
from mlflow.telemetry.utils import is_telemetry_disabled
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from lakehouse.errors import LakehouseError
from lakehouse.session import close_session, open_session
from ml.candidate import Candidate, Decision
from ml.registry import REQUIREMENTS, Registry, RegistryBusy, Version
from tests.ml import mean_model
from tests.ml.conftest import STEADY

pytestmark = pytest.mark.slow

PROMOTE = Decision(True, ("It is good.",))
KEEP = Decision(False, ("It is not good enough.",))
PROVENANCE = {"delta_version.gold.weekly_revenue": "3", "clickstream": "observed"}


@pytest.fixture
def candidate() -> Candidate:
    weeks = pd.date_range("2018-01-01", periods=len(STEADY), freq="W-MON")
    frames = {"weekly_revenue": pd.DataFrame({"week_start": weeks, "revenue": STEADY, "is_complete": True})}
    return mean_model.train(frames, mean_model.Settings(date(2018, 3, 18), "observed"), 1)


def register(registry: Registry, candidate: Candidate) -> tuple[Version, bool]:
    return registry.register("mean", mean_model, candidate, PROVENANCE)


@pytest.fixture
def version(registry: Registry, mean_model: str, candidate: Candidate) -> Version:
    return register(registry, candidate)[0]


def kept(version: Version, path: str) -> str:
    return str(mlflow.artifacts.load_text(f"{mlflow.get_run(version.run_id).info.artifact_uri}/{path}"))


def test_a_run_keeps_all_that_is_known_of_a_version(version: Version, candidate: Candidate) -> None:
    run = mlflow.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"test_weeks": "4", "seed": "1", "module": "tests.ml.mean_model"}
    assert run.data.metrics == {**candidate.metrics, "naive/mae": 40.0}
    assert PROVENANCE.items() <= run.data.tags.items()
    assert kept(version, "model_card.md") == candidate.card
    assert len(Path(f"{run.info.artifact_uri}/figures/revenue.png").read_bytes()) > 1000
    assert (version.primary, version.more_is_better) == ("mae", False)


def test_a_model_says_what_it_takes_what_it_gives_and_what_it_needs(version: Version) -> None:
    info = mlflow.models.get_model_info("models:/mean/1")
    assert info.signature.inputs.input_names() == ["series", "horizon"]
    assert info.signature.outputs.input_names() == ["series", "horizon", "forecast"]
    assert info.saved_input_example_info is not None
    folder = Path(mlflow.artifacts.download_artifacts("models:/mean/1"))
    needs = (folder / "requirements.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in needs] == list(REQUIREMENTS)


def test_it_is_loaded_and_asked_without_unpickling_anything(
    version: Version, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something is unpickled")

    for module in (pickle, cloudpickle):
        for name in ("load", "loads"):
            monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    monkeypatch.setattr(sys, "path", list(sys.path))
    registry.settle(version, PROMOTE)
    served = mlflow.pyfunc.load_model("models:/mean@champion")
    answer = served.predict(pd.DataFrame({"series": ["total", "SP"], "horizon": [1, 2]}))
    assert list(answer["forecast"].round(2)) == [94.29, 94.29]


def test_its_files_hold_no_pickle_and_the_code_that_loads_it(version: Version) -> None:
    folder = Path(mlflow.artifacts.download_artifacts("models:/mean/1"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80" or path.suffix in (".pkl", ".joblib")]
    assert (folder / "code" / "ml" / "candidate.py").exists()
    assert [path.name for path in (folder / "artifacts" / "model").iterdir()] == ["mean.json"]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused(protocol: int, registry: Registry, mean_model: str, candidate: Candidate) -> None:
    def save(folder: Path) -> None:
        (folder / "model.bin").write_bytes(pickle.dumps([1], protocol))

    with pytest.raises(ValueError, match=r"model\.bin is a pickle"):
        register(registry, replace(candidate, save=save))
    assert registry.versions("mean") == []


def test_what_is_the_same_to_the_digit_is_registered_once(
    version: Version, registry: Registry, candidate: Candidate
) -> None:
    registry.settle(version, PROMOTE)
    again, is_new = register(registry, candidate)
    assert not is_new
    assert again == version._replace(aliases=("champion",))
    assert len(registry.versions("mean")) == 1


def test_what_lost_its_files_is_registered_anew(version: Version, registry: Registry, candidate: Candidate) -> None:
    artifacts = mlflow.get_run(version.run_id).info.artifact_uri.removeprefix("file://")
    for file in list(Path(artifacts).parents[2].rglob("mean.json")):
        shutil.rmtree(file.parent)
    again, is_new = register(registry, candidate)
    assert is_new
    assert again.number == version.number + 1
    assert again.content == version.content


def test_whatever_differs_makes_another_version(
    version: Version, registry: Registry, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [version.content]

    def log(*arguments: Any) -> int:
        contents.append(arguments[-1]["content"])
        return version.number

    monkeypatch.setattr(Registry, "_log", log)
    changes: list[dict[str, Any]] = [
        {"params": {"test_weeks": 4, "seed": 2}},
        {"metrics": {"mae": np.float64(7.857142857142857)}},
        {"baselines": {}},
        {"decision": KEEP},
        {"card": "# Another\n"},
        {"save": lambda folder: (folder / "mean.json").write_text("94.3")},
        {"save": lambda folder: (folder / "other.json").write_text("94.28571428571429")},
    ]
    for changed in changes:
        assert register(registry, replace(candidate, **changed))[1]
    assert len(set(contents)) == 1 + len(changes)


def test_aliases_follow_the_decision(registry: Registry, mean_model: str, candidate: Candidate) -> None:
    def versions() -> dict[int, tuple[str, ...]]:
        return {version.number: version.aliases for version in registry.versions("mean")}

    for seed, decision, expected in (
        (1, KEEP, {1: ("challenger",)}),
        (2, PROMOTE, {1: (), 2: ("champion",)}),
        (3, KEEP, {1: (), 2: ("champion",), 3: ("challenger",)}),
        (4, KEEP, {1: (), 2: ("champion",), 3: (), 4: ("challenger",)}),
    ):
        version, _ = register(registry, replace(candidate, params={"seed": seed}))
        registry.settle(version, decision)
        assert versions() == expected
    assert mlflow.get_run(version.run_id).data.tags["decision_reasons"] == "It is not good enough."
    champion = registry.champion("mean")
    assert champion is not None
    assert champion.number == 2


def test_a_folder_is_lent_and_the_saved_one_stays_as_it_is(version: Version, registry: Registry) -> None:
    for _ in range(2):
        with registry.folder(version) as folder:
            assert mean_model.load(folder) == pytest.approx(660 / 7)
            (folder / "mean.json").unlink()
        assert not folder.exists()


def test_it_is_quiet_and_asks_nobody(
    registry: Registry,
    mean_model: str,
    candidate: Candidate,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def connect(*arguments: Any) -> None:
        raise AssertionError(f"it connects to {arguments}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "bind", connect)
    path = list(sys.path)
    version, _ = register(registry, candidate)
    registry.settle(version, PROMOTE)
    assert capfd.readouterr() == ("", "")
    assert is_telemetry_disabled()
    assert sys.path == path


def test_a_server_of_the_users_is_used(
    gold: Path,
    tmp_path: Path,
    mean_model: str,
    candidate: Candidate,
    empty_registry: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    elsewhere.write_bytes(empty_registry.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    monkeypatch.setenv("LAKEHOUSE_MLFLOW", str(tmp_path / "models"))
    register(Registry(gold), candidate)
    assert not (gold / "mlflow.db").exists()
    assert (tmp_path / "models" / "mlartifacts").is_dir()
    assert [version.number for version in Registry(gold).versions("mean")] == [1]


def test_a_session_that_has_ended_is_not_asked_where_models_go(registry: Registry, tmp_path: Path) -> None:
    warehouse = tmp_path / "of_another_test"
    session: Any = open_session("local", warehouse)
    session.client.release_session()
    assert registry.versions("mean") == []
    close_session("local", warehouse)  # or PySpark would go on asking it


@pytest.mark.parametrize(("schema", "expected"), [("dev", "shop.dev_ml.churn"), ("prod", "shop.ml.churn")])
def test_in_unity_catalog_a_name_has_three_parts(
    schema: str, expected: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "databricks-uc")
    monkeypatch.setenv("DATABRICKS_CATALOG", "shop")
    monkeypatch.setenv("DATABRICKS_SCHEMA", schema)
    assert registry._full_name("churn") == expected


@pytest.fixture
def like_unity_catalog(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Over a store that searches as that of Unity Catalog: versions without tags, and models without a filter."""
    store = registry._client()._get_registry_client().store
    search = store.search_model_versions

    def versions(*args: Any) -> PagedList[ModelVersionSearch]:
        found = search(*args)
        lean = [ModelVersionSearch(one.name, one.version, one.creation_timestamp, run_id=one.run_id) for one in found]
        return PagedList(lean, None)

    def models(filter_string: str | None, *_: Any) -> PagedList[Any]:
        _require_arg_unspecified("filter_string", filter_string)
        return PagedList([], None)

    monkeypatch.setattr(store, "search_model_versions", versions)
    monkeypatch.setattr(store, "search_registered_models", models)
    return registry


def test_models_are_registered_and_found_where_searching_tells_little(
    like_unity_catalog: Registry, mean_model: str, candidate: Candidate
) -> None:
    assert like_unity_catalog.versions("mean") == []
    first, is_new = register(like_unity_catalog, candidate)
    assert is_new
    assert register(like_unity_catalog, candidate) == (first, False)
    second, _ = register(like_unity_catalog, replace(candidate, card="Another."))
    like_unity_catalog.settle(second, PROMOTE)
    found = like_unity_catalog.champion("mean")
    assert found is not None
    assert (found.number, found.primary, found.content) == (2, "mae", second.content)


@pytest.mark.parametrize(("schema", "expected"), [("dev_ann", "dev_ann_churn"), ("prod", "prod_churn")])
def test_an_experiment_on_databricks_needs_no_folder_and_is_of_one_target(
    schema: str, expected: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_SCHEMA", schema)
    monkeypatch.setattr(registry, "_uri", "databricks")
    assert registry._experiment_name("churn") == f"/Shared/customer_intelligence_lakehouse_{expected}"


def test_a_database_that_is_none_is_said(gold: Path) -> None:
    (gold / "mlflow.db").write_text("not a database")
    with pytest.raises(LakehouseError, match=f"The model registry in {gold} cannot be used"):
        Registry(gold).versions("mean")


def test_a_database_is_there_when_all_of_it_is(gold: Path) -> None:
    """Whoever is killed while it is made leaves no half of it in its place, and the next begins anew."""
    half = gold / ".mlflow.db.new"
    with contextlib.closing(sqlite3.connect(half)) as connection:
        connection.execute("create table trace_info (there_already text)")
    there = []

    @event.listens_for(Engine, "before_cursor_execute")
    def look(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().startswith(("CREATE", "ALTER", "DROP")):
            there.append((gold / "mlflow.db").exists())

    try:
        Registry(gold)._client()
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert len(there) > 100
    assert not any(there)
    assert not half.exists()
    assert Registry(gold).versions("mean") == []


def test_a_database_that_another_program_writes_to_is_said(registry: Registry) -> None:
    locked = OperationalError("select 1", {}, sqlite3.OperationalError("database is locked"))
    said = r"another program is writing to it\. Wait until that program"
    with pytest.raises(RegistryBusy, match=said), registry._explained():
        raise locked


def test_a_full_disk_under_the_database_is_said(gold: Path, registry: Registry) -> None:
    full = OperationalError("insert", {}, sqlite3.OperationalError("database or disk is full"))
    said = rf"no space left on the disk that holds {gold}\. Free some space, or point LAKEHOUSE_MLFLOW at another"
    with pytest.raises(LakehouseError, match=said), registry._explained():
        raise full

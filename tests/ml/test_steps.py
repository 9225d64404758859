"""Training and scoring as they are for every model, with a small one on real tables and a real registry."""

from __future__ import annotations

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import mlflow
import pytest
from deltalake import DeltaTable

from lakehouse import tables
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError
from ml import data, steps
from ml.registry import Registry, RegistryBusy
from tests.delta import content, query
from tests.ml.conftest import STEADY, write_gold

FORECAST = TableName("ml", "revenue_forecast")
METRICS = TableName("ml", "model_metrics")


def aliases(warehouse: Path) -> dict[int, tuple[str, ...]]:
    return {version.number: version.aliases for version in steps.versions(warehouse)}


def test_a_good_model_becomes_champion_and_fills_its_table(gold: Path, registry: Registry, mean_model: str) -> None:
    training = steps.train(mean_model, "local", gold)
    assert (training.version.number, training.is_new, training.decision.promote) == (1, True, True)
    assert training.decision.reasons == (
        "Its error is 7.86, that of the last week carried on 40.00.",
        "It is the first champion.",
    )
    assert aliases(gold) == {1: ("champion",)}
    scoring = steps.score(mean_model, "local", gold)
    assert scoring.rows == {"revenue_forecast": 1}
    (row,) = query(gold, "select * from ml__revenue_forecast")
    assert (row["forecast"], row["week_start"]) == (Decimal("94.29"), date(2018, 3, 19))
    assert (row["model_name"], row["model_version"], row["as_of_date"]) == ("mean", 1, date(2018, 3, 18))


def test_what_was_measured_is_a_table_too(gold: Path, registry: Registry, mean_model: str) -> None:
    steps.train(mean_model, "local", gold)
    rows = query(gold, "select * from ml__model_metrics order by subject")
    assert [(row["subject"], row["metric"], round(row["value"], 2), row["is_promoted"]) for row in rows] == [
        ("candidate", "mae", 7.86, True),
        ("naive", "mae", 40.0, False),
    ]
    assert (round(rows[0]["value_low"], 3), round(rows[0]["value_high"], 3)) == (3.929, 15.714)
    assert (rows[1]["value_low"], rows[1]["value_high"]) == (None, None)


@pytest.mark.slow
def test_a_second_training_without_new_data_changes_nothing(gold: Path, registry: Registry, mean_model: str) -> None:
    first = steps.train(mean_model, "local", gold)
    metrics = content(gold, METRICS)
    write_gold(gold, STEADY, invocation="b-2", backwards=True)  # built anew from the same
    second = steps.train(mean_model, "local", gold)
    assert (second.version, second.is_new) == (first.version, False)
    assert "version 1, the champion: nothing has changed" in second.decision.reasons[-1]
    assert second.metrics == first.metrics
    assert aliases(gold) == {1: ("champion",)}
    assert content(gold, METRICS).equals(metrics)


@pytest.mark.slow
def test_a_model_that_beats_no_baseline_is_a_challenger_and_may_not_score(
    gold: Path, registry: Registry, mean_model: str
) -> None:
    write_gold(gold, [1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64])
    for is_new in (True, False):
        training = steps.train(mean_model, "local", gold)
        assert (training.is_new, training.decision.promote) == (is_new, False)
        assert aliases(gold) == {1: ("challenger",)}
    with pytest.raises(steps.NoChampion, match="none of its versions was promoted"):
        steps.score(mean_model, "local", gold)
    assert query(gold, "select * from ml__revenue_forecast") == []
    assert [row["is_promoted"] for row in query(gold, "select is_promoted from ml__model_metrics")] == [False, False]


@pytest.mark.slow
def test_a_better_model_replaces_the_champion(gold: Path, registry: Registry, mean_model: str) -> None:
    steps.train(mean_model, "local", gold)
    write_gold(gold, [value * 10 for value in STEADY])
    training = steps.train(mean_model, "local", gold)
    assert training.decision.promote
    assert "mae 78.5714 is better than the 905.714 of the champion, version 1" in training.decision.reasons[-1]
    assert aliases(gold) == {1: (), 2: ("champion",)}
    rows = query(gold, "select subject, value from ml__model_metrics where model_version = 2 order by subject")
    assert [(row["subject"], round(row["value"])) for row in rows] == [
        ("candidate", 79),
        ("champion", 906),
        ("naive", 400),
    ]


@pytest.mark.slow
def test_a_worse_one_does_not_though_it_beats_the_baselines(gold: Path, registry: Registry, mean_model: str) -> None:
    steps.train(mean_model, "local", gold)
    write_gold(gold, [200, *STEADY[1:]])
    training = steps.train(mean_model, "local", gold)
    assert (training.version.number, training.decision.promote) == (2, False)
    assert "is not better than" in training.decision.reasons[-1]
    assert aliases(gold) == {1: ("champion",), 2: ("challenger",)}
    assert steps.score(mean_model, "local", gold).version.number == 1


@pytest.mark.slow
def test_a_tie_keeps_the_champion(gold: Path, registry: Registry, mean_model: str) -> None:
    steps.train(mean_model, "local", gold)
    write_gold(gold, [100, 60, 80, 110, 90, 100, 120, *STEADY[7:]])  # the same mean, another last week
    training = steps.train(mean_model, "local", gold)
    assert (training.version.number, training.is_new, training.decision.promote) == (2, True, False)
    assert "mae 7.85714 equals the 7.85714 of the champion, version 1" in training.decision.reasons[-1]
    assert aliases(gold) == {1: ("champion",), 2: ("challenger",)}


@pytest.mark.slow
def test_old_data_again_is_the_old_version_again(gold: Path, registry: Registry, mean_model: str) -> None:
    steps.train(mean_model, "local", gold)
    write_gold(gold, [value * 10 for value in STEADY])
    steps.train(mean_model, "local", gold)
    write_gold(gold, STEADY)
    training = steps.train(mean_model, "local", gold)
    assert (training.version.number, training.is_new, training.decision.promote) == (1, False, True)
    assert aliases(gold) == {1: ("champion",), 2: ()}


@pytest.mark.slow
def test_a_register_that_is_begun_anew_has_its_own_version_1(
    gold: Path, registry: Registry, empty_registry: Path, mean_model: str
) -> None:
    steps.train(mean_model, "local", gold)
    shutil.copy(empty_registry, gold)
    write_gold(gold, [value * 10 for value in STEADY])
    training = steps.train(mean_model, "local", gold)
    assert (training.version.number, training.is_new) == (1, True)
    rows = query(gold, "select subject, value from ml__model_metrics order by subject")
    assert [(row["subject"], round(row["value"])) for row in rows] == [("candidate", 79), ("naive", 400)]


@pytest.mark.slow
def test_a_champion_that_cannot_be_read_just_now_does_not_give_way(
    gold: Path, registry: Registry, mean_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.train(mean_model, "local", gold)
    write_gold(gold, [200, *STEADY[1:]])

    def locked(*_: Any, **__: Any) -> None:
        raise mlflow.MlflowException("(sqlite3.OperationalError) database is locked")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", locked)
    with pytest.raises(RegistryBusy, match="another program is writing to it"):
        steps.train(mean_model, "local", gold)
    assert aliases(gold) == {1: ("champion",), 2: ()}


@pytest.mark.slow
def test_a_champion_whose_files_are_gone_gives_way(gold: Path, registry: Registry, mean_model: str) -> None:
    steps.train(mean_model, "local", gold)
    for file in list((gold / "mlartifacts").rglob("mean.json")):
        shutil.rmtree(file.parent)
    with pytest.raises(LakehouseError, match="files of mean, version 1, cannot be read"):
        steps.score(mean_model, "local", gold)
    write_gold(gold, [200, *STEADY[1:]])
    training = steps.train(mean_model, "local", gold)
    assert training.decision.promote
    assert "version 1, cannot be measured: The files of mean, version 1" in training.decision.reasons[-1]
    assert aliases(gold) == {1: (), 2: ("champion",)}


@pytest.mark.slow
def test_what_it_learned_from_is_kept_with_it(gold: Path, registry: Registry, mean_model: str) -> None:
    training = steps.train(mean_model, "local", gold)
    version = DeltaTable(TableName("gold", "weekly_revenue").path(gold)).version()
    tags = mlflow.get_run(training.version.run_id).data.tags
    assert tags["delta_version.gold.weekly_revenue"] == str(version)
    assert tags["dbt_invocation_id"] == "a-1"
    assert tags["clickstream"] == "generated"
    assert tags["reporting_date"] == "2018-03-18"
    assert tags["git_commit"] == steps.git_commit()
    assert len(tags["git_commit"].removesuffix("+changes")) == 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provenance", "told"),
    [(["observed", "observed"], "observed"), (["observed", "generated"], "generated"), ([], "generated")],
)
def test_visits_are_observed_only_if_all_are(
    provenance: list[str], told: str, gold: Path, registry: Registry, mean_model: str
) -> None:
    write_gold(gold, STEADY, provenance)
    training = steps.train(mean_model, "local", gold)
    assert mlflow.get_run(training.version.run_id).data.tags["clickstream"] == told


@pytest.mark.slow
def test_the_decision_and_its_reasons_are_kept(gold: Path, registry: Registry, mean_model: str) -> None:
    training = steps.train(mean_model, "local", gold)
    run = mlflow.get_run(training.version.run_id)
    assert run.data.tags["decision"] == "promoted"
    kept = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/decision.json"))
    assert kept == {"promote": True, "reasons": list(training.decision.reasons)}


def test_without_a_training_there_is_no_champion(gold: Path, mean_model: str) -> None:
    with pytest.raises(steps.NoChampion, match="mean has no champion yet: it has not been trained") as caught:
        steps.score(mean_model, "local", gold)
    assert caught.value.mend == "Run `lakehouse train mean` first."
    assert steps.versions(gold) == []
    assert not (gold / "mlflow.db").exists()


def test_bad_input_is_refused_before_training(gold: Path, registry: Registry, mean_model: str) -> None:
    write_gold(gold, [-5, *STEADY])
    with pytest.raises(LakehouseError, match="negative revenue") as caught:
        steps.train(mean_model, "local", gold)
    assert caught.value.mend == "Correct the prices they come from."
    assert steps.versions(gold) == []


def test_gold_must_be_there(warehouse: Path, gold: Path, mean_model: str, tmp_path: Path) -> None:
    with pytest.raises(LakehouseError, match=r"no table gold\.weekly_revenue"):
        steps.train(mean_model, "local", tmp_path / "elsewhere")
    with pytest.raises(steps.NoChampion):
        steps.score(mean_model, "local", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_gold_must_have_a_complete_week(gold: Path, registry: Registry, mean_model: str) -> None:
    write_gold(gold, [])
    with pytest.raises(LakehouseError, match="has no complete week"):
        steps.train(mean_model, "local", gold)


def test_a_column_that_is_missing_is_named(gold: Path, mean_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.ml.mean_model.READS", {"weekly_revenue": ("week_start", "revenue_brl")})
    with pytest.raises(LakehouseError, match=r"gold\.weekly_revenue lacks the column revenue_brl"):
        steps.train(mean_model, "local", gold)


@pytest.mark.parametrize(("name", "target"), [("meen", "local"), ("mean", "snowflake")])
def test_what_there_is_none_of_is_said(name: str, target: str, gold: Path, mean_model: str) -> None:
    with pytest.raises(LakehouseError, match=r"There is no (model|engine) called"):
        steps.train(name, target, gold)


def test_all_means_every_model() -> None:
    assert steps.named("all") == ("recommender", "churn", "forecast")
    assert steps.named("churn") == ("churn",)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["train", "score"])
def test_a_step_that_fails_leaves_the_tables_as_they_were(
    step: str, gold: Path, registry: Registry, mean_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.train(mean_model, "local", gold)
    steps.score(mean_model, "local", gold)
    before = {table: content(gold, table) for table in (FORECAST, METRICS)}
    write_gold(gold, [value * 10 for value in STEADY])

    def fill_the_disk(*arguments: Any) -> None:
        write(*arguments)
        raise OSError("No space left on device")

    write = data.write
    monkeypatch.setattr(data, "write", fill_the_disk)
    with pytest.raises(LakehouseError, match="no space left"):
        getattr(steps, step)(mean_model, "local", gold)
    assert {table: content(gold, table) for table in before} == before
    assert tables.versions(gold, ["ml"])[FORECAST if step == "score" else METRICS] > 2


@pytest.mark.slow
def test_training_twice_from_nothing_gives_the_same_digits(
    gold: Path, registry: Registry, mean_model: str, empty_registry: Path
) -> None:
    first = steps.train(mean_model, "local", gold)
    (gold / "mlflow.db").write_bytes(empty_registry.read_bytes())
    again = steps.train(mean_model, "local", gold)
    assert (again.version.content, again.metrics) == (first.version.content, first.metrics)


@pytest.mark.slow
def test_a_step_that_is_put_back_leaves_the_champion(gold: Path, registry: Registry, mean_model: str) -> None:
    first = steps.train(mean_model, "local", gold).version
    write_gold(gold, [*STEADY, 100])
    with pytest.raises(RuntimeError), steps.register_kept(gold), tables.writing(gold, ["ml"]):
        assert steps.train(mean_model, "local", gold).version.number == 2
        raise RuntimeError
    assert {version.number: version.aliases for version in registry.versions(mean_model)} == {
        1: first.aliases,
        2: (),
    }
    again = steps.train(mean_model, "local", gold)
    assert (again.version.number, again.is_new) == (2, False)
    measured = query(gold, "select distinct model_version from ml__model_metrics")
    assert sorted(row["model_version"] for row in measured) == [1, 2]


@pytest.mark.slow
def test_the_first_champion_is_taken_back_too(gold: Path, registry: Registry, mean_model: str) -> None:
    with pytest.raises(RuntimeError), steps.register_kept(gold):
        steps.train(mean_model, "local", gold)
        raise RuntimeError
    assert registry.champion(mean_model) is None

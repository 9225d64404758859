"""The churn model from frames to scores: what is served, on which grounds, and that the future plays no part in
it."""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from lakehouse import console
from lakehouse.settings import ROOT
from ml import threads
from ml.candidate import BadInput, Candidate
from ml.churn import evaluation, features, learning, model
from ml.churn import windows as time
from ml.churn.examples import Examples, folds
from ml.churn.fitting import Logistic, Trees
from ml.churn.gate import RIVALS
from ml.churn.settings import Settings
from ml.contracts import CONTRACTS
from ml.gate import Champion, judge
from ml.registry import Version
from ml.saved import flat_metrics
from ml.steps import Training
from tests.ml.churn_shop import DATES, REPORTING_DATE, shop

SETTINGS = Settings(reporting_date=REPORTING_DATE, test_dates=2, draws=60)
SEED = 7


@pytest.fixture(scope="module")
def telling() -> dict[str, pd.DataFrame]:
    """A shop in which one column tells who comes back."""
    return shop(1.5, people=2000)


@pytest.fixture(scope="module")
def silent() -> dict[str, pd.DataFrame]:
    """A shop in which nothing does."""
    return shop(0.0, people=2000)


def train(frames: dict[str, pd.DataFrame]) -> Candidate:
    with threads.fixed():
        return model.train(frames, SETTINGS, SEED)


@pytest.fixture(scope="module")
def admitted(telling: dict[str, pd.DataFrame]) -> Candidate:
    return train(telling)


@pytest.fixture(scope="module")
def pivoted(silent: dict[str, pd.DataFrame]) -> Candidate:
    return train(silent)


def saved(candidate: Candidate, folder: Path) -> Path:
    candidate.save(folder)
    return folder


@pytest.mark.slow
def test_a_model_that_knows_more_is_served(admitted: Candidate) -> None:
    assert admitted.params["method"] in learning.CANDIDATES
    assert admitted.decision.promote
    told = [reason for reason in admitted.decision.reasons if reason not in admitted.decision.details]
    assert told[0].startswith("AUC against frequency then recency")
    assert told[1].startswith("What is served is the ")
    assert admitted.metrics["auc"] > admitted.baselines["frequency_then_recency"]["auc"] + 0.05
    assert admitted.metrics["model_gain_auc_low"] > 0
    assert admitted.metrics["auc_if_admitted"] == admitted.metrics["auc"]
    assert "passed the gate" in admitted.card


@pytest.mark.slow
def test_where_nothing_tells_the_cells_are_served_and_the_card_says_why(pivoted: Candidate) -> None:
    assert pivoted.params["method"] == "rfm_risk"
    assert pivoted.decision.promote
    decisive, served = (reason for reason in pivoted.decision.reasons if reason not in pivoted.decision.details)
    assert "does not pass" in decisive
    assert served.startswith("What is served is rfm_risk")
    for part in ("have ordered once", "buy within the horizon", "95 % interval", "`rfm_risk`"):
        assert part in pivoted.card


@pytest.mark.slow
@pytest.mark.parametrize("served", ["admitted", "pivoted"])
def test_both_paths_write_the_same_columns(
    served: str, request: pytest.FixtureRequest, tmp_path: Path, telling: dict[str, pd.DataFrame]
) -> None:
    candidate: Candidate = request.getfixturevalue(served)
    found = model.score(saved(candidate, tmp_path), telling, SETTINGS)
    assert set(found) == set(model.WRITES)
    for name, frame in found.items():
        assert set(frame.columns) == {field.name for field in CONTRACTS[name].columns}
    scores = found["churn_scores"]
    examples = telling["churn_examples"]
    now = examples[examples["label_days"] == 0].set_index("customer_unique_id")
    assert set(scores["customer_unique_id"]) == set(now.index)
    assert scores["repurchase_probability"].between(0, 1).all()
    assert np.allclose(scores["churn_probability"] + scores["repurchase_probability"], 1)
    once = now["orders"].reindex(scores["customer_unique_id"]).to_numpy() == 1
    assert scores["repurchase_probability"][once].nunique() > 2
    sizes = scores["decile"].value_counts()
    assert sizes.index.sort_values().tolist() == list(range(1, 11))
    assert sizes.max() - sizes.min() <= 1
    assert scores.groupby("decile")["churn_probability"].mean().is_monotonic_decreasing
    assert scores["reason_1"].notna().all()
    new = now["days_since_first_order"].reindex(scores["customer_unique_id"]).to_numpy() <= 30
    assert (scores["previous_repurchase_probability"].isna() == new).all()


def test_deciles_of_equals_put_the_longest_absence_first() -> None:
    assert model._deciles(np.full(10, 0.9), np.arange(10.0)).tolist() == list(range(10, 0, -1))


@pytest.mark.slow
def test_probabilities_are_about_as_large_as_what_happens(admitted: Candidate, pivoted: Candidate) -> None:
    assert admitted.metrics["calibration_error_model"] < 0.03
    assert pivoted.metrics["calibration_error_rfm_risk"] < 0.03


@pytest.mark.slow
def test_training_again_gives_the_same_to_the_digit(
    admitted: Candidate, telling: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    shuffled = {name: frame.sample(frac=1, random_state=1) for name, frame in telling.items()}
    again = train(shuffled)
    assert dict(again.metrics) == dict(admitted.metrics)
    one, other = saved(admitted, tmp_path / "one"), saved(again, tmp_path / "other")
    for path in one.rglob("*.json"):
        assert path.read_text() == (other / path.relative_to(one)).read_text()


@pytest.mark.slow
def test_nothing_saved_has_to_be_unpickled(admitted: Candidate, tmp_path: Path) -> None:
    folder = saved(admitted, tmp_path)
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".npz"}
    listed = json.loads((folder / "model.json").read_text())["features"]
    assert not {name for name in listed if re.search("visit|views|cart|active", name)}


@pytest.mark.slow
def test_a_saved_model_does_as_well_as_it_did_on_the_same_dates(
    admitted: Candidate, telling: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    found = model.evaluate(saved(admitted, tmp_path), telling, SETTINGS)
    assert found["auc_if_admitted"] == found["auc"] == pytest.approx(admitted.metrics["auc"])


@pytest.mark.slow
def test_a_champion_that_no_longer_beats_the_sort_has_no_say(
    admitted: Candidate, pivoted: Candidate, silent: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    old, new = (
        Champion(1, model.evaluate(saved(one, tmp_path / one.method), silent, SETTINGS))
        for one in (admitted, pivoted)
    )
    assert "auc_if_admitted" not in old.metrics
    assert judge(pivoted, model.PRIMARY, old).promote
    assert "auc_if_admitted" in new.metrics
    assert not judge(pivoted, model.PRIMARY, new).promote


@pytest.mark.slow
def test_a_model_that_has_seen_the_test_dates_is_not_tested_on_them(
    admitted: Candidate, telling: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    folder = saved(admitted, tmp_path)
    earlier = Settings(REPORTING_DATE - timedelta(60), test_dates=2, draws=10)
    assert model.evaluate(folder, telling, earlier) == {}


@pytest.mark.slow
def test_another_future_changes_nothing_that_was_learnt(telling: dict[str, pd.DataFrame]) -> None:
    at = DATES[-9]
    frame = telling["churn_examples"]
    day = frame["reference_date"].dt.date
    # Whatever happens on the day or later: purchases move, and later examples are others.
    next_purchase = pd.to_timedelta(frame["days_to_next_purchase"], unit="D") + frame["reference_date"]
    moved = frame.assign(
        days_to_next_purchase=frame["days_to_next_purchase"].where(next_purchase.dt.date < at),
        seller_repeat_ratio=frame["seller_repeat_ratio"].where(day <= at, 9.0),
    )
    assert not moved.equals(frame)
    learnt = []
    for one in (frame, moved):
        examples = Examples.of(one, "generated")
        window = time.windows(examples.dates, at, 90, 180)
        assert window is not None
        found = learning.learn(examples, window, SETTINGS, SEED, rivals=True)
        learnt.append(found.rankings(examples.matrix.iloc[examples.rows([at])]))
    for name in learnt[0]:
        assert (learnt[0][name] == learnt[1][name]).all()


@pytest.mark.slow
def test_a_leak_is_warned_of() -> None:
    frames = shop(0.0, people=600)
    frame = frames["churn_examples"]
    leaking = frame.assign(last_product_orders=frame["days_to_next_purchase"].fillna(999))
    told = Settings(reporting_date=REPORTING_DATE, test_dates=1, draws=5)
    with threads.fixed():
        found = model.train({**frames, "churn_examples": leaking}, told, SEED)
    assert found.metrics["leak_suspects"] == 1
    assert any(reason.startswith("Warning: last_product_orders alone") for reason in found.decision.reasons)


@pytest.mark.slow
def test_one_row_is_answered_as_in_the_batch(
    admitted: Candidate, telling: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    folder = saved(admitted, tmp_path)
    batch = model.score(folder, telling, SETTINGS)["churn_scores"].reset_index(drop=True)
    single = model.predict(folder, batch[["customer_unique_id"]])
    assert single.pop("is_known").all()
    pd.testing.assert_frame_equal(single[list(batch.columns)], batch, check_dtype=False)


@pytest.mark.slow
def test_who_is_not_known_has_no_risk(admitted: Candidate, tmp_path: Path) -> None:
    told = model.predict(saved(admitted, tmp_path), admitted.example)
    assert list(told["is_known"]) == [True] * (len(told) - 1) + [False]
    assert told.iloc[-1].drop(["customer_unique_id", "is_known"]).isna().all()


def test_trees_keep_to_what_theory_says_and_stop_in_time(telling: dict[str, pd.DataFrame]) -> None:
    examples = Examples.of(telling["churn_examples"], "generated")
    rows, watched = examples.rows(DATES[:5]), examples.rows(DATES[8:9])
    known = examples.matrix.iloc[rows], examples.labels(rows, 90)
    listed = features.features("generated")
    trees = Trees.fit(*known, listed, 0, watched=(examples.matrix.iloc[watched], examples.labels(watched, 90)))
    assert 0 < trees.trees < 400
    for feature in listed:
        if feature.monotone:
            low, high = examples.matrix[feature.name].quantile([0.05, 0.95])
            less, more = (examples.matrix.iloc[rows].assign(**{feature.name: value}) for value in (low, high))
            assert (feature.monotone * (trees.logits(more) - trees.logits(less)) >= -1e-6).all(), feature.name


def test_contributions_add_up_to_the_score(telling: dict[str, pd.DataFrame]) -> None:
    examples = Examples.of(telling["churn_examples"], "generated")
    rows = examples.rows(DATES[:5])
    matrix, labels = examples.matrix.iloc[rows], examples.labels(rows, 90)
    for fitted in (Logistic.fit(matrix, labels), Trees.fit(matrix, labels, features.features("generated"), 0, 20)):
        rest = fitted.logits(matrix) - fitted.contributions(matrix).sum(axis=1)
        assert np.ptp(rest) < 1e-4


@pytest.mark.slow
def test_figures_show_both_paths(admitted: Candidate) -> None:
    assert set(admitted.figures) == {"reliability", "importance", "rankings"}
    legend = admitted.figures["reliability"].axes[0].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert [label.split(",")[0] for label in labels] == ["model", "rfm_risk", "true"]


@pytest.mark.slow
def test_the_call_list_is_judged_against_simpler_rankings(telling: dict[str, pd.DataFrame]) -> None:
    examples = Examples.of(telling["churn_examples"], "generated")
    learnt = evaluation.learn_all(examples, DATES[-1], SETTINGS, SEED)
    learnt.pop(DATES[-1])
    found = evaluation.evaluate(examples, learnt, telling["fct_orders"], SETTINGS, SEED).backtest
    assert 0 < found.called < found.listed
    best = found.totals["expected_revenue"]["buyers"]
    assert best.low <= best.value <= best.high
    assert found.gains["random"]["buyers"].value > 0
    assert set(found.gains) == {"frequency_then_recency", "monetary", "random"}


@pytest.mark.slow
@pytest.mark.parametrize("served", ["admitted", "pivoted"])
def test_what_is_printed_of_it_has_intervals_and_the_best_baseline(
    served: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "out", Console(width=120))
    candidate: Candidate = request.getfixturevalue(served)
    metric, more = model.PRIMARY
    made = Version(
        "churn", 1, (), flat_metrics(candidate), metric, more, datetime(2018, 8, 19, tzinfo=UTC), "run", ""
    )
    console.print_training(
        Training(
            made, True, candidate.decision, candidate.metrics, candidate.baselines, metric, method=candidate.method
        )
    )
    for table in console.versions_tables([made]):
        console.out.print(table)
    rows = [re.split(" {2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]
    printed = {row[0]: row[1:] for row in rows}
    assert len(printed[f"served: {candidate.method}"]) == 3
    baselines = {*RIVALS, "rfm_score", "prevalence"} - {candidate.method}
    assert all(len(printed[name]) == 3 for name in baselines)
    best = max(sorted(baselines), key=lambda name: candidate.baselines[name][metric])
    values = (candidate.metrics[metric], candidate.baselines[best][metric])
    assert printed["1"] == ["2018-08-19", f"{values[0]:.4g}", best, f"{values[1]:.4g}"]


def test_who_cannot_be_trained_on_is_told_so(telling: dict[str, pd.DataFrame]) -> None:
    frame = telling["churn_examples"]
    model.check(telling)
    for broken, words in (
        (frame.iloc[:0], "has no row"),
        (frame[frame["label_days"] <= 240], "too young"),
        (frame.assign(days_to_next_purchase=np.nan), "nothing to tell apart"),
    ):
        with pytest.raises(BadInput, match=words):
            model.check({**telling, "churn_examples": broken})


@pytest.fixture(scope="module")
def lonely() -> dict[str, pd.DataFrame]:
    """A small shop in which nobody has ever bought again."""
    return shop(0.0, people=200, rate=0.0)


def returning(frames: dict[str, pd.DataFrame], parts: list[int]) -> dict[str, pd.DataFrame]:
    """The same shop with somebody in each of some parts who has bought again soon, whenever one looked."""
    frame = frames["churn_examples"]
    there = frame.loc[frame["reference_date"].dt.date == DATES[0], "customer_unique_id"].to_numpy(dtype=object)
    people = list(there)
    chosen = [people.pop([int(part) for part in folds(np.array(people, dtype=object))].index(part)) for part in parts]
    days = frame["days_to_next_purchase"].mask(frame["customer_unique_id"].isin(chosen), 40.0)
    return {**frames, "churn_examples": frame.assign(days_to_next_purchase=days)}


@pytest.mark.parametrize("parts", [[0], [1], [2], [1, 1, 1]])
def test_a_shop_whose_returning_people_are_all_left_out_together_is_too_small(
    parts: list[int], lonely: dict[str, pd.DataFrame]
) -> None:
    with pytest.raises(BadInput, match=f"people .*, {len(parts)} bought again within 90 days") as caught:
        model.check(returning(lonely, parts))
    assert "returning customers" in caught.value.mend


def test_where_all_come_back_but_some_of_one_part_there_is_nothing_to_tell_apart_either(
    lonely: dict[str, pd.DataFrame],
) -> None:
    frames = returning(lonely, [2])
    days = frames["churn_examples"]["days_to_next_purchase"]
    turned = days.where(days.isna(), 999.0).fillna(40.0)
    with pytest.raises(BadInput, match="bought again within 90 days"):
        model.check({**frames, "churn_examples": frames["churn_examples"].assign(days_to_next_purchase=turned)})


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_two_who_are_not_left_out_together_are_enough(lonely: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    frames = returning(lonely, [0, 2])
    model.check(frames)
    found = train(frames)
    assert found.params["method"] == "rfm_risk"
    assert len(model.score(saved(found, tmp_path), frames, SETTINGS)["churn_scores"])


def test_ml_neither_imports_nor_reads_what_was_planted() -> None:
    files = list((ROOT / "ml").rglob("*.py"))
    assert len(files) > 10
    for path in files:
        tree = ast.parse(path.read_text())
        imported = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not imported & {"data_generation", "expectations", "tests"}, path
        words = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not {word for word in words if re.search(r"\btruth/|repeat_propensity|manifest\.json", word)}, path


@pytest.mark.parametrize("day", [date(2018, 2, 21)])
def test_the_model_reads_what_gold_promises(day: date) -> None:
    contracts = {name: (ROOT / f"dbt_project/models/gold/{name}.yml").read_text() for name in model.READS}
    for table, columns in model.READS.items():
        for column in columns:
            assert f"- name: {column}\n" in contracts[table], f"{table}.{column}"

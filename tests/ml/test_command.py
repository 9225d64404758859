"""Training, scoring and listing as a user meets them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from expectations import suites
from lakehouse import cli, console
from lakehouse.settings import ROOT
from ml.candidate import Decision
from ml.churn.evaluation import MODEL
from ml.churn.learning import CANDIDATES
from ml.forecast.model import makers
from ml.forecast.models import BASELINES
from ml.models import LEARNED, MODULES
from ml.recommender import uses
from ml.registry import Version
from ml.steps import Training
from tests.delta import query
from tests.ml.command import SMALL
from tests.ml.conftest import STEADY, write_gold


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Lakehouse = Callable[..., Answer]


@pytest.fixture
def lakehouse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lakehouse:
    """The command line in this process."""

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["lakehouse", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    # Put back in the reverse order, which is then the one they had.
    for name in reversed(list(MODULES)):
        monkeypatch.delitem(MODULES, name)
    for name, module in SMALL.items():
        monkeypatch.setitem(MODULES, name, module)
    # Those of the real models ask for the whole of Gold.
    monkeypatch.setitem(suites._BY_LAYER, "ml", ())


@pytest.mark.slow
def test_a_first_training_in_a_process_of_its_own_says_what_it_decided_and_no_more(gold: Path) -> None:
    trained = subprocess.run(
        [sys.executable, "-m", "tests.ml.command", "train", "mean"],
        # This process may have opened the embedded engine, which leaves its marks in the environment.
        env={name: value for name, value in os.environ.items() if not name.startswith(("SPARK_CONNECT", "SAIL_"))},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (trained.returncode, trained.stderr) == (0, "")
    assert trained.stdout.startswith(
        "mean, version 1: champion.\n"
        "  Its error is 7.86, that of the last week carried on 40.00.\n"
        "  It is the first champion.\n"
    )
    assert (gold / "mlflow.db").exists()
    assert not (ROOT / "mlruns").exists()


@pytest.mark.usefixtures("registry", "small_models")
def test_from_the_first_training_to_scores(gold: Path, lakehouse: Lakehouse) -> None:
    assert lakehouse("models").out == "No model is registered yet. Run `lakehouse train all` first.\n"
    untrained = lakehouse("score", "mean")
    assert (untrained.code, untrained.err) == (
        1,
        "error: mean has no champion yet: it has not been trained.\nRun `lakehouse train mean` first.\n",
    )
    trained = lakehouse("train", "mean")
    assert trained.code == 0
    lines = [line.strip() for line in trained.out.splitlines()]
    assert [line.split() for line in lines if line.startswith(("served", "naive"))] == [
        ["served:", "mean", "7.857", "3.929", "15.71"],
        ["naive", "40"],
    ]
    scored = lakehouse("score", "all")
    assert scored.code == 0
    assert "other has no champion yet: it has not been trained. Its tables stay as they are." in scored.out
    assert scored.out.startswith("mean, version 1, scored as of 2018-03-18:\n  1 rows in ml.revenue_forecast\n")
    assert len(query(gold, "select * from ml__revenue_forecast")) == 1
    listed = lakehouse("models").out
    assert listed.startswith("mean: mae")
    (row,) = [line.split() for line in listed.splitlines() if "champion" in line]
    assert (row[:2], row[3:]) == (["1", "champion"], ["7.857", "naive", "40"])


@pytest.mark.slow
@pytest.mark.usefixtures("registry", "small_models")
def test_a_model_that_is_not_promoted_is_no_error_and_the_command_says_why(gold: Path, lakehouse: Lakehouse) -> None:
    write_gold(gold, [*STEADY[:-4], 60, 60, 60, 61])
    for registered in ("", ", registered before"):
        trained = lakehouse("train", "mean")
        assert trained.code == 0
        assert trained.out.startswith(f"mean, version 1{registered}: not promoted.\n")
        assert "that of the last week carried on 0.25" in trained.out
        assert "would be served: mean" in trained.out
    scored = lakehouse("score", "all")
    assert scored.code == 1
    assert "mean has no champion yet: none of its versions was promoted (1 so far).\n" in scored.err
    assert "other has no champion yet" in scored.err


METRIC = "basket_completion_ndcg_at_10"
OF_BASKETS = {"bought_together": 0.058, "complements": 0.2186, "recently_popular_in_category": 0.05}


def version(model: str, served: str, primary: str, measured: dict[str, float]) -> Version:
    beside = {f"{name}/{primary}": value for name, value in measured.items() if name != served}
    metrics = {primary: measured[served], **beside}
    return Version(model, 1, ("challenger",), metrics, primary, True, datetime(2018, 8, 19, tzinfo=UTC), "run", "")


def test_the_rows_of_a_training_are_named_after_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    made = version("recommender", "bought_together", METRIC, OF_BASKETS)
    others = {name: {METRIC: value} for name, value in OF_BASKETS.items() if name != "bought_together"}
    reasons = tuple(f"Reason {number}." for number in range(17))
    decision = Decision(False, reasons, reasons[2:])
    console.print_training(Training(made, True, decision, {METRIC: 0.058}, others, METRIC, method="bought_together"))
    said = capsys.readouterr().out
    rows = [re.split(" {2,}", line.strip()) for line in said.splitlines() if "0.0" in line or "0.2" in line]
    assert rows == [
        ["would be served: bought_together", "0.058"],
        ["learned: complements", "0.2186"],
        ["recently_popular_in_category", "0.05"],
    ]
    assert "  Reason 0.\n  Reason 1.\n  15 more are with the run in MLflow.\n" in said


def test_what_serves_is_listed_once_though_it_is_among_what_was_tried(capsys: pytest.CaptureFixture[str]) -> None:
    auc = {"auc": 0.7}
    made = version("churn", "xgboost", "auc", {"xgboost": 0.7, "rfm_risk": 0.6})
    decision = Decision(True, ("It is good.",))
    console.print_training(
        Training(made, True, decision, auc, {"xgboost": auc, "rfm_risk": {"auc": 0.6}}, "auc", method="xgboost")
    )
    said = capsys.readouterr().out
    assert said.count("xgboost") == 1
    assert "served: xgboost" in said
    assert "more are with the run" not in said


def test_versions_fit_a_narrow_screen_and_what_was_learned_is_no_baseline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console, "out", Console(width=80))
    several = [
        version("recommender", "bought_together", METRIC, OF_BASKETS),
        version("churn", "rfm_risk", "auc", {"rfm_risk": 0.6, "xgboost": 0.7, "recency": 0.5}),
    ]
    for table in console.versions_tables(several):
        console.out.print(table)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [lines[0], lines[4 - 1], lines[4], lines[7]] == [
        ["recommender:", METRIC],
        ["1", "challenger", "2018-08-19", "0.058", "recently_popular_in_category", "0.05"],
        ["churn:", "auc"],
        ["1", "challenger", "2018-08-19", "0.6", "recency", "0.5"],
    ]


def test_it_is_known_of_every_method_whether_it_is_learned() -> None:
    assert {
        "recommender": {method for methods in uses.LEARNED.values() for method in methods},
        "churn": {MODEL, *CANDIDATES},
        "forecast": makers(seed=0).keys() - BASELINES,
    } == LEARNED


@pytest.mark.parametrize("verb", ["train", "score"])
def test_a_name_that_is_no_model_is_answered_with_those_that_are(verb: str, lakehouse: Lakehouse) -> None:
    assert lakehouse(verb, "recomender") == (
        1,
        "",
        "error: There is no model called 'recomender'.\nChoose one of: all, recommender, churn, forecast.\n",
    )


@pytest.mark.parametrize("verb", ["train", "score", "models"])
def test_help_has_examples(verb: str, lakehouse: Lakehouse) -> None:
    told = lakehouse(verb, "--help")
    assert told.code == 0
    assert f"Example: lakehouse {verb}" in told.out


def test_it_says_its_version(lakehouse: Lakehouse) -> None:
    assert lakehouse("--version") == (0, f"{installed('customer-intelligence-lakehouse')}\n", "")


@pytest.mark.slow
def test_the_command_line_does_not_wait_for_what_learns() -> None:
    heavy = ["mlflow", "xgboost", "implicit", "mlforecast", "statsforecast", "sklearn", "matplotlib", "numba"]
    code = f"import sys, lakehouse.cli; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert loaded.stdout.strip() == "[]"

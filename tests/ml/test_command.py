"""Training, scoring and listing as a user meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from expectations import suites
from lakehouse import cli
from lakehouse.settings import ROOT
from ml.models import MODULES
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
    for name in list(MODULES):
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
    assert [line.split() for line in lines if line.startswith(("this version", "naive"))] == [
        ["this", "version", "7.857", "3.929", "15.71"],
        ["naive", "40"],
    ]
    scored = lakehouse("score", "all")
    assert scored.code == 0
    assert "other has no champion yet: it has not been trained. Its tables stay as they are." in scored.out
    assert scored.out.startswith("mean, version 1, scored as of 2018-03-18:\n  1 rows in ml.revenue_forecast\n")
    assert len(query(gold, "select * from ml__revenue_forecast")) == 1
    (row,) = [line.split() for line in lakehouse("models").out.splitlines() if "champion" in line]
    assert (row[:3], row[4:]) == (["mean", "1", "champion"], ["mae", "7.857", "naive", "40"])


@pytest.mark.usefixtures("registry", "small_models")
def test_a_model_that_is_not_promoted_is_no_error_and_the_command_says_why(gold: Path, lakehouse: Lakehouse) -> None:
    write_gold(gold, [*STEADY[:-4], 60, 60, 60, 61])
    for registered in ("", ", registered before"):
        trained = lakehouse("train", "mean")
        assert trained.code == 0
        assert trained.out.startswith(f"mean, version 1{registered}: not promoted.\n")
        assert "that of the last week carried on 0.25" in trained.out
    scored = lakehouse("score", "all")
    assert scored.code == 1
    assert "mean has no champion yet: none of its versions was promoted (1 so far).\n" in scored.err
    assert "other has no champion yet" in scored.err


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


def test_the_command_line_does_not_wait_for_what_learns() -> None:
    heavy = ["mlflow", "xgboost", "implicit", "mlforecast", "statsforecast", "sklearn", "matplotlib", "numba"]
    code = f"import sys, lakehouse.cli; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert loaded.stdout.strip() == "[]"

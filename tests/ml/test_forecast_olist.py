"""The forecast on the real data: what the model card says, and where the notebook's R² came from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from lakehouse.settings import ROOT
from ml.candidate import Candidate
from ml.data import _frame
from ml.forecast import model
from tests.studies import leaky_reference

pytestmark = [pytest.mark.olist, pytest.mark.slow]
SETTINGS = model.Settings(reporting_date=date(2018, 8, 19))
CARD = ROOT / "docs" / "model_cards" / "forecast.md"


@pytest.fixture(scope="module")
def frames(olist_warehouse: Path) -> Mapping[str, pd.DataFrame]:
    return {
        name: _frame(DeltaTable(olist_warehouse / "gold" / name).to_pyarrow_table(columns=list(columns)))
        for name, columns in model.READS.items()
    }


@pytest.fixture(scope="module")
def candidate(frames: Mapping[str, pd.DataFrame]) -> Candidate:
    return model.train(frames, SETTINGS, 1)


def test_it_is_judged_at_the_26_origins_with_known_outcome(candidate: Candidate) -> None:
    assert candidate.params["weeks"] == 85
    assert [candidate.params[name] for name in ("origins", "first_origin", "last_origin")] == [
        26,
        "2018-01-22",
        "2018-07-16",
    ]


def test_it_beats_every_baseline_and_keeps_within_what_was_asked(candidate: Candidate) -> None:
    found = candidate.metrics
    assert candidate.params["champion"] == "reversion"
    assert found["wape"] <= 0.155
    assert found["wape_last_12"] <= 0.205
    assert found["replayed_wape"] <= 0.155
    assert found["replayed_wape_last_12"] <= 0.205
    assert found["wape_sum"] < candidate.baselines["mean_12"]["wape_sum"]
    assert found["wape"] < min(other["wape"] for other in candidate.baselines.values())


def test_bands_hold_what_they_promise(candidate: Candidate) -> None:
    assert 0.70 <= candidate.metrics["coverage_80"] <= 0.92
    assert candidate.metrics["interval_score_80"] <= candidate.baselines["mean_12"]["interval_score_80"]


def test_the_card_says_what_is_measured(candidate: Candidate) -> None:
    said = CARD.read_text(encoding="utf-8")
    rows = [line for line in candidate.card.splitlines() if line.startswith("| ")]
    assert len(rows) == 14
    for row in rows:
        assert row in said
    for figure in ("replayed_wape", "replayed_wape_last_12"):
        assert f"{candidate.metrics[figure]:.4f}" in said


def test_the_r2_of_the_notebook_is_no_forecast(olist_warehouse: Path) -> None:
    """With the same week's items no model at all does better than the notebook's; without them, nothing is left."""
    rows = leaky_reference.read(olist_warehouse)
    assert (len(rows), len(leaky_reference.split(rows)[1])) == (92, 11)
    assert leaky_reference.without_a_model(rows) == pytest.approx(0.90, abs=0.005)
    assert leaky_reference.with_sklearn(rows) > 0.7
    assert leaky_reference.with_sklearn(rows, ("week_of_year", "items_4_weeks_before")) < 0


@pytest.mark.spark
@pytest.mark.parity
def test_the_notebook_is_reproduced_by_the_trees_that_it_used(olist_warehouse: Path, java: str) -> None:
    code = (
        "import sys, pathlib; from tests.studies import leaky_reference as study; "
        "print(study.with_spark(study.read(pathlib.Path(sys.argv[1]))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(olist_warehouse)],
        # This process may have opened the embedded engine, which leaves its marks in the environment.
        env={name: value for name, value in os.environ.items() if not name.startswith("SPARK_")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(run.stdout.split()[-1]) == pytest.approx(0.36, abs=0.005)

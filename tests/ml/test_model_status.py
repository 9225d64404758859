"""What reports show as the best baseline is the best of those that the gate of the model compares it with."""

from __future__ import annotations

import inspect
import re

from lakehouse.settings import DBT_PROJECT
from ml.churn import baselines as churn
from ml.churn.gate import CELLS, RIVALS
from ml.forecast.models import BASELINES
from ml.recommender import uses


def test_reports_know_every_baseline_of_the_gates() -> None:
    """The names are read from the code of the recommender and of churn: only a training has them as values."""
    sql = (DBT_PROJECT / "models" / "marts" / "model_status.sql").read_text()
    listed = re.search(r"set baselines = \[(.*?)\]", sql, re.DOTALL)
    assert listed
    baskets = re.findall(r'"(\w+)": baselines\.', inspect.getsource(uses.complete_baskets))
    rankings = re.findall(r'"(\w+)":', inspect.getsource(churn.rankings))
    assert len(baskets) >= 7
    assert len(rankings) >= 3
    told = re.findall(r"'(\w+)'", listed[1])
    assert sorted(told) == sorted({*baskets, *rankings, churn.SORT, CELLS, *BASELINES})
    assert set(RIVALS) <= set(told)

"""The out-of-time test: on each test date, what was learnt by then against what happened after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml.churn import baselines, call_list, gate, learning, ranking
from ml.churn import windows as time
from ml.churn.calibration import Reliability, reliability
from ml.churn.call_list import Backtest
from ml.churn.cells import METHOD as CELLS
from ml.churn.examples import Examples, Floats
from ml.churn.gate import Verdict
from ml.churn.learning import Learnt
from ml.churn.ranking import METRICS, Comparison, Day
from ml.churn.settings import Settings

MODEL = "model"
"""The ranking by what was chosen on each date; the candidates stand beside it under their own names."""


@dataclass(frozen=True)
class Evaluation:
    """What the test showed.

    Attributes:
        dates: the test dates.
        by_date: by date and ranking, the metrics without intervals.
        comparison: the means over the dates, with the model as the subject.
        verdict: of the gate.
        reliability: of the model's probabilities and of the cells', all dates together.
        base_rate: share of people who bought within the horizon, mean over the dates.
        one_time: share of people with one order, mean over the dates.
        backtest: of the call list, by the probabilities of the method that is served.
    """

    dates: Sequence[date]
    by_date: Mapping[date, Mapping[str, Mapping[str, float]]]
    comparison: Comparison
    verdict: Verdict
    reliability: Mapping[str, Reliability]
    base_rate: float
    one_time: float
    backtest: Backtest

    @property
    def served(self) -> str:
        """The ranking that people get: the model's, or that of the cells."""
        return MODEL if self.verdict.admitted else CELLS


def learn_all(examples: Examples, scoring_date: date, settings: Settings, seed: int) -> dict[date, Learnt]:
    """What was learnt for each test date, with rivals, and for the scoring date, without."""
    dates = examples.dates
    days = time.test_dates(dates, scoring_date, settings.label_days, settings.horizon_days, settings.test_dates)
    learnt = {}
    for day in [*days, scoring_date]:
        windows = time.windows(dates, day, settings.label_days, settings.horizon_days)
        assert windows is not None
        learnt[day] = learning.learn(examples, windows, settings, seed, rivals=day != scoring_date)
    return learnt


def evaluate(
    examples: Examples,
    learnt: Mapping[date, Learnt],
    placed: pd.DataFrame,
    settings: Settings,
    seed: int,
) -> Evaluation:
    """Test what was learnt for each date on that date.

    Args:
        examples: all of them.
        learnt: by test date; nothing later than the date is in it.
        placed: of ``gold.fct_orders``.
    """
    days: list[Day] = []
    chances: dict[str, list[tuple[date, np.ndarray, Floats]]] = {MODEL: [], CELLS: []}
    for day, model in learnt.items():
        rows = examples.rows([day])
        found = model.rankings(examples.matrix.iloc[rows])
        scores = {MODEL: found[model.fitted.method], **found, CELLS: cell_probabilities(model, examples, rows)}
        for name, chance in chances.items():
            chance.append((day, rows, scores[name]))
        labels = examples.labels(rows, settings.horizon_days)
        days.append(Day(examples.person[rows], labels, {**scores, **baselines.rankings(examples, rows)}))
    comparison = ranking.compare(days, MODEL, seed, settings.draws)
    verdict = gate.judge(comparison)
    labels = np.concatenate([day.labels for day in days])
    orders = [examples.column("orders", rows) for _, rows, _ in chances[MODEL]]
    return Evaluation(
        tuple(learnt),
        {
            at: {name: ranking.measure(scores, day.labels) for name, scores in day.scores.items()}
            for at, day in zip(learnt, days, strict=True)
        },
        comparison,
        verdict,
        {
            name: reliability(np.concatenate([chance for _, _, chance in found]), labels)
            for name, found in chances.items()
        },
        float(np.mean([day.labels.mean() for day in days])),
        float(np.mean([(one == 1).mean() for one in orders])),
        call_list.backtest(
            examples,
            chances[MODEL if verdict.admitted else CELLS],
            placed,
            settings.horizon_days,
            seed,
            settings.draws,
        ),
    )


def cell_probabilities(learnt: Learnt, examples: Examples, rows: np.ndarray) -> Floats:
    """The rates of people's cells, shape (n,)."""
    return learnt.cells.probabilities(examples.column("orders", rows), examples.column("days_since_last_order", rows))


def metrics(evaluation: Evaluation, name: str) -> dict[str, float]:
    """The metrics of one ranking, with the bounds of their intervals."""
    found: dict[str, float] = {}
    for metric in METRICS:
        value, low, high = evaluation.comparison.metrics[name][metric]
        found |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
    return found

"""What a run looks like: how true the probabilities are, what weighs, and how the rankings compare."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ml.churn.evaluation import Evaluation
from ml.churn.examples import Examples
from ml.churn.learning import Learnt
from ml.churn.reasons import by_subject


def figures(tested: Evaluation, final: Learnt, examples: Examples, rows: np.ndarray) -> dict[str, Figure]:
    """By name: ``reliability``, ``importance``, ``rankings``."""
    return {
        "reliability": _reliability(tested),
        "importance": _importance(final, examples, rows),
        "rankings": _rankings(tested),
    }


def _reliability(tested: Evaluation) -> Figure:
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    most = 0.0
    for name, measured in tested.reliability.items():
        axes.plot(
            100 * measured.forecast,
            100 * measured.outcome,
            marker="o",
            label=f"{name}, error {100 * measured.error:.2f}",
        )
        most = max(most, 100 * measured.forecast.max(), 100 * measured.outcome.max())
    axes.plot([0, most], [0, most], color="grey", linestyle=":", label="true")
    axes.set(
        xlabel="forecast, % of people", ylabel="bought again, % of people", title="Ten bins of people, all test dates"
    )
    axes.legend()
    return figure


def _importance(final: Learnt, examples: Examples, rows: np.ndarray) -> Figure:
    contributions = final.fitted.contributions(examples.matrix.iloc[rows])
    weight = by_subject(contributions, examples.clickstream).abs().mean().sort_values()
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(weight.index), weight.to_numpy())
    axes.set(xlabel="mean absolute contribution to the log odds", title=final.fitted.method)
    return figure


def _rankings(tested: Evaluation) -> Figure:
    figure = Figure(figsize=(9, 5), layout="constrained")
    names = list(tested.comparison.metrics)
    for axes, metric in zip(figure.subplots(1, 2, sharey=True), ("auc", "top_decile_lift"), strict=True):
        found = [tested.comparison.metrics[name][metric] for name in names]
        value = np.array([one.value for one in found])
        low, high = (np.array([getattr(one, side) for one in found]) for side in ("low", "high"))
        # A percentile interval of a constant may miss it by a rounding error.
        spread = np.maximum([value - low, high - value], 0)
        axes.errorbar(value, np.arange(len(names)), xerr=spread, fmt="o")
        axes.set(xlabel=metric, yticks=np.arange(len(names)), yticklabels=names)
    return figure

"""Whether a model knows more than a sort: the rule, on any shop's data."""

from __future__ import annotations

from typing import NamedTuple

from ml.churn.baselines import SORT
from ml.churn.ranking import Comparison, Interval

NAMES = {"auc": "AUC", "top_decile_lift": "top-decile lift", "pr_auc": "PR-AUC"}


class Verdict(NamedTuple):
    """Whether the model is admitted, and the sentences that say why."""

    admitted: bool
    reasons: tuple[str, ...]


def judge(comparison: Comparison) -> Verdict:
    """Admit a model that beats the sort by frequency, then recency, in AUC and in top-decile lift, each by a paired interval
    above zero, and does not rank significantly worse by PR-AUC.

    Args:
        comparison: with the model as its subject.
    """
    gains = comparison.gains[SORT]
    passed = {
        "auc": gains["auc"].low > 0,
        "top_decile_lift": gains["top_decile_lift"].low > 0,
        "pr_auc": gains["pr_auc"].high >= 0,
    }
    reasons = [_sentence(metric, gains[metric], ok) for metric, ok in passed.items()]
    return Verdict(all(passed.values()), tuple(reasons))


def _sentence(metric: str, gain: Interval, passed: bool) -> str:
    low, high = f"{gain.low:+.4f}", f"{gain.high:+.4f}"
    asked = "not below zero" if metric == "pr_auc" else "above zero"
    verdict = "passes" if passed else "does not pass"
    return (
        f"{NAMES[metric]} against the sort by frequency, then recency: {gain.value:+.4f} (95 % interval {low} to {high}); "
        f"asked is an interval {asked}: {verdict}."
    )

"""Whether a model knows more than what costs nothing: the rule, on any shop's data."""

from __future__ import annotations

from typing import NamedTuple

from ml.churn.baselines import SORT
from ml.churn.cells import METHOD as CELLS
from ml.churn.ranking import Comparison, Interval

RIVALS = (SORT, "recency", CELLS)
"""What a model must beat: the sort; the recency in it, because where frequency tells nothing, or the opposite, the
sort is easily beaten; and the cells, because they are what is served in a model's place."""
NAMES = {"auc": "AUC", "top_decile_lift": "top-decile lift", "pr_auc": "PR-AUC"}


class Verdict(NamedTuple):
    """Whether the model is admitted, and the sentences that say why; ``details`` are those that did not decide."""

    admitted: bool
    reasons: tuple[str, ...]
    details: tuple[str, ...]


def judge(comparison: Comparison) -> Verdict:
    """Admit a model that beats each of :data:`RIVALS` in AUC and in top-decile lift, by paired intervals above zero,
    and ranks significantly worse than none of them by PR-AUC.

    Args:
        comparison: with the model as its subject.
    """
    verdicts = [_verdict(rival, metric, comparison.gains[rival][metric]) for rival in RIVALS for metric in NAMES]
    reasons = tuple(reason for _, reason in verdicts)
    # One that does not pass decides. If all pass, the ranking to beat is what people ask about.
    decides = next((place for place, (passed, _) in enumerate(verdicts) if not passed), 0)
    return Verdict(all(passed for passed, _ in verdicts), reasons, (*reasons[:decides], *reasons[decides + 1 :]))


def _verdict(rival: str, metric: str, gain: Interval) -> tuple[bool, str]:
    passed = gain.high >= 0 if metric == "pr_auc" else gain.low > 0
    asked = "not below zero" if metric == "pr_auc" else "above zero"
    return passed, (
        f"{NAMES[metric]} against {rival.replace('_', ' ')}: {gain.value:+.4f} (95 % interval {gain.low:+.4f} to "
        f"{gain.high:+.4f}); asked is an interval {asked}: {'passes' if passed else 'does not pass'}."
    )

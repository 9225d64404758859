"""Whether a candidate becomes champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ml.candidate import Candidate, Decision


class Champion(NamedTuple):
    """The champion as it does on the candidate's days: its metrics, or why there are none."""

    version: int
    metrics: Mapping[str, float]
    problem: str = ""


def judge(candidate: Candidate, primary: tuple[str, bool], champion: Champion | None) -> Decision:
    """Promote a candidate that meets its thresholds and is better than the champion; a tie keeps the champion.

    Args:
        candidate: with its own decision, which is about thresholds and baselines.
        primary: the metric that decides, and whether more is better.
        champion: measured on the same frames; None if there is none yet.

    Returns:
        The decision, with the candidate's reasons first.
    """
    name, more_is_better = primary
    own = candidate.decision
    if not own.promote or champion is None:
        none = "It is the first champion." if own.promote else "There is no champion yet."
        there = none if champion is None else f"Version {champion.version} stays champion."
        return Decision(own.promote, (*own.reasons, there), own.details)
    if champion.problem:
        problem = f"The champion, version {champion.version}, {champion.problem}"
        return Decision(True, (*own.reasons, problem), own.details)
    mine = candidate.metrics.get(name, math.nan)
    theirs = champion.metrics.get(name, math.nan)
    better = mine > theirs if more_is_better else mine < theirs
    better = better or (math.isnan(theirs) and not math.isnan(mine))
    verdict = "is better than" if better else "equals" if mine == theirs else "is not better than"
    on_same = (
        f"On the same days, {name} {mine:.6g} {verdict} the {theirs:.6g} of the champion, version {champion.version}."
    )
    return Decision(better, (*own.reasons, on_same), own.details)

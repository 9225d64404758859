"""Whether a candidate becomes champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ml.candidate import Candidate, Decision

IF_ADMITTED = "_if_admitted"
"""The end of the name of a metric that is there only if what serves passes the model's own gate on the days at hand.

A model that serves several uses has one for each. A champion is measured anew, so it loses the metric of a use in
which it has fallen below its baselines.
"""


class Champion(NamedTuple):
    """The champion as it does on the candidate's days: its metrics, or why there are none."""

    version: int
    metrics: Mapping[str, float]
    problem: str = ""


def judge(candidate: Candidate, primary: tuple[str, bool], champion: Champion | None) -> Decision:
    """Promote a candidate that meets its thresholds and is better than the champion; a tie keeps the champion.

    Better is who is better by a metric of :data:`IF_ADMITTED` and worse by none; without such metrics the primary one
    decides. Who lacks a metric is worse by it than who has it. A candidate that does not meet its thresholds replaces
    only a champion that does not either, because it lacks a metric of :data:`IF_ADMITTED`.

    Args:
        candidate: with its own decision, which is about thresholds and baselines.
        primary: the metric that decides where no other does, and whether more is better, of the others too.
        champion: measured on the same frames; None if there is none yet.

    Returns:
        The decision, with the candidate's reasons first.
    """
    own = candidate.decision
    promote, reason = _against(champion, candidate, *primary)
    return Decision(promote, (*own.reasons, reason), own.details)


def _against(champion: Champion | None, candidate: Candidate, name: str, more_is_better: bool) -> tuple[bool, str]:
    """Whether a candidate becomes champion, and the last reason."""
    good_enough = candidate.decision.promote
    if champion is None:
        return good_enough, "It is the first champion." if good_enough else "There is no champion yet."
    mine, theirs = candidate.metrics, champion.metrics
    names = [each for each in dict.fromkeys([*mine, *theirs]) if each.endswith(IF_ADMITTED)]
    fallen = not champion.problem and any(each not in theirs for each in names)
    if not (good_enough or fallen):
        return False, f"Version {champion.version} stays champion."
    if champion.problem:
        return True, f"The champion, version {champion.version}, {champion.problem}"
    pairs = {each: (mine.get(each, math.nan), theirs.get(each, math.nan)) for each in names or [name]}
    better = {each: _better(*pair, more_is_better) for each, pair in pairs.items()}
    words = {1: "is better than", 0: "equals", -1: "is not better than"}
    said = ", ".join(
        f"{each} {one:.6g} {words[better[each]]} {'none' if math.isnan(other) else f'the {other:.6g}'}"
        for each, (one, other) in pairs.items()
    )
    why = " None: what it serves does not pass the gate on these days, or cannot be measured." if fallen else ""
    on_same = f"On the same days, {said} of the champion, version {champion.version}.{why}"
    return max(better.values()) > 0 and min(better.values()) >= 0, on_same


def _better(mine: float, theirs: float, more_is_better: bool) -> int:
    """1 if the candidate is better, -1 if it is worse, 0 if neither is; NaN is worse than any number."""
    if math.isnan(mine) or math.isnan(theirs):
        return math.isnan(theirs) - math.isnan(mine)
    higher = (mine > theirs) - (mine < theirs)
    return higher if more_is_better else -higher

"""What is handed to the registry, and who becomes champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.candidate import BadInput, Candidate, Decision
from ml.gate import IF_ADMITTED, Champion, judge

measured = st.floats(allow_nan=True, allow_infinity=False)


def candidate(value: float, uses: Mapping[str, float] | None = None, *, promote: bool = True) -> Candidate:
    decision = Decision(promote, ("It beats the baseline.",))
    metrics = {"error": value, **admitted(uses or {})}
    return Candidate("mean", {}, metrics, {}, decision, {}, "", lambda _: None, pd.DataFrame())


def admitted(uses: Mapping[str, float]) -> dict[str, float]:
    """What serves a use passes the gate; its metric."""
    return {f"{use}{IF_ADMITTED}": value for use, value in uses.items()}


def test_bad_input_says_what_and_how_to_go_on() -> None:
    problem = BadInput("gold.weekly_revenue has 3 weeks.", "At least 26 are needed.")
    assert (problem.what, problem.mend) == ("gold.weekly_revenue has 3 weeks.", "At least 26 are needed.")
    assert str(problem) == "gold.weekly_revenue has 3 weeks. At least 26 are needed."


@pytest.mark.parametrize("thing", [Decision(True, ()), candidate(1.0)])
def test_what_was_decided_stays(thing: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        thing.promote = False


@given(measured, measured, st.booleans())
def test_thresholds_come_first(mine: float, theirs: float, more: bool) -> None:
    for champion in (None, Champion(1, {"error": theirs})):
        verdict = judge(candidate(mine, promote=False), ("error", more), champion)
        assert not verdict.promote
        assert verdict.reasons[0] == "It beats the baseline."


@given(measured, measured, st.booleans())
def test_only_the_better_one_replaces_a_champion(mine: float, theirs: float, more: bool) -> None:
    verdict = judge(candidate(mine), ("error", more), Champion(3, {"error": theirs}))
    better = (mine > theirs) if more else (mine < theirs)
    assert verdict.promote == (better or (math.isnan(theirs) and not math.isnan(mine)))
    assert "version 3" in verdict.reasons[-1]


@given(st.floats(allow_nan=False), st.booleans())
def test_a_tie_keeps_the_champion(value: float, more: bool) -> None:
    verdict = judge(candidate(value), ("error", more), Champion(3, {"error": value}))
    assert not verdict.promote
    assert "equals" in verdict.reasons[-1]


def test_the_first_that_is_good_enough_is_champion() -> None:
    assert judge(candidate(1.0), ("error", False), None) == Decision(
        True, ("It beats the baseline.", "It is the first champion.")
    )


@pytest.mark.parametrize("champion", [None, Champion(2, {}, "is gone."), Champion(2, {"error": 2.0})])
def test_what_did_not_decide_is_kept_apart_and_left_out_of_nothing_that_is_kept(champion: Champion | None) -> None:
    own = Decision(True, ("It beats the best.", "It beats the worst."), ("It beats the worst.",))
    verdict = judge(replace(candidate(1.0), decision=own), ("error", False), champion)
    assert verdict.details == own.details
    assert verdict.as_dict() == {"promote": True, "reasons": [*own.reasons, verdict.reasons[-1]]}


def test_a_champion_that_cannot_be_measured_gives_way() -> None:
    verdict = judge(candidate(1.0), ("error", False), Champion(2, {}, "cannot be read: its files are gone."))
    assert verdict.promote
    assert verdict.reasons[-1] == "The champion, version 2, cannot be read: its files are gone."


def test_a_metric_that_is_missing_never_wins() -> None:
    assert not judge(candidate(math.nan), ("error", False), Champion(2, {"error": 1.0})).promote
    assert not judge(candidate(math.nan), ("error", False), Champion(2, {})).promote


MORE = ("error", True)


@pytest.mark.parametrize(
    ("mine", "theirs", "promote"),
    [
        ({"baskets": 0.2, "people": 0.3}, {"baskets": 0.2, "people": 0.1}, True),
        ({"baskets": 0.2, "people": 0.3}, {"baskets": 0.3, "people": 0.1}, False),
        ({"baskets": 0.2, "people": 0.3}, {"baskets": 0.2, "people": 0.3}, False),
        ({"baskets": 0.2, "people": 0.3}, {"people": 0.3}, True),
        ({"baskets": 0.2, "people": 0.3}, {"people": 0.4}, False),
        ({"baskets": 0.2}, {"baskets": 0.1, "people": 0.3}, False),
        ({"baskets": 0.2}, {}, True),
    ],
)
def test_a_champion_gives_way_to_what_is_better_in_a_use_and_worse_in_none(
    mine: dict[str, float], theirs: dict[str, float], promote: bool
) -> None:
    """The plain metric says nothing then: it would say the opposite."""
    champion = Champion(3, {"error": math.inf if promote else -math.inf, **admitted(theirs)})
    verdict = judge(candidate(1.0, mine), MORE, champion)
    assert verdict.promote == promote
    assert all(f"{use}{IF_ADMITTED}" in verdict.reasons[-1] for use in mine)
    assert "error" not in verdict.reasons[-1]


def test_less_may_be_better_in_a_use_too() -> None:
    assert judge(candidate(1.0, {"baskets": 0.1}), ("error", False), Champion(3, admitted({"baskets": 0.2}))).promote


def test_what_is_not_admitted_any_more_is_said_to_be_so() -> None:
    verdict = judge(candidate(1.0, {"baskets": 0.2, "people": 0.1}), MORE, Champion(3, admitted({"people": 0.1})))
    assert verdict.reasons[-1] == (
        "On the same days, baskets_if_admitted 0.2 is better than none, people_if_admitted 0.1 equals the 0.1 of the "
        "champion, version 3. None: what it serves does not pass the gate on these days, or cannot be measured."
    )


@pytest.mark.parametrize(
    ("theirs", "promote"),
    [({}, True), ({"people": 0.1}, True), ({"people": 0.2}, False), ({"baskets": 0.1, "people": 0.1}, False)],
)
def test_a_candidate_below_its_thresholds_replaces_only_a_champion_that_is_below_them_too(
    theirs: dict[str, float], promote: bool
) -> None:
    below = candidate(1.0, {"baskets": 0.2, "people": 0.1}, promote=False)
    verdict = judge(below, MORE, Champion(3, admitted(theirs)))
    assert verdict.promote == promote
    assert ("Version 3 stays champion." in verdict.reasons) == (theirs.keys() == {"baskets", "people"})
    assert not judge(below, MORE, None).promote
    assert not judge(below, MORE, Champion(3, {}, "cannot be measured: its files are gone.")).promote

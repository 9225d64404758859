"""A hundred processes killed at random moments: whatever they leave is whole, and the next run finishes the job."""

from __future__ import annotations

import random

import pytest

from tests.chaos.lab import Lab

KILLS = 100
WHOLE = 20
"""Every so many of them is of the main job from end to end; the others are of one step of it."""


@pytest.mark.chaos
@pytest.mark.parametrize("number", range(KILLS))
def test_what_is_killed_leaves_whole_tables_and_the_next_run_finishes(number: int, lab: Lab) -> None:
    draw = random.Random(number)
    step = draw.choice(lab.steps if (number + 1) % WHOLE else lab.whole)
    lab.stand(step.before)
    lab.kill(step, draw.random())
    assert lab.torn(step) == []
    lab.take(step)
    assert lab.changed(step.after) == []

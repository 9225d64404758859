"""A hundred kills at random moments: whatever they leave is whole, and the next run finishes the job."""

from __future__ import annotations

import random
import sys

import pytest

from tests.chaos.lab import ROUNDS, STAGES, Lab, Step

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(sys.platform != "linux", reason="what a process has used of a processor is read from /proc"),
]


@pytest.mark.parametrize("kills", [1, 2, 3])
@pytest.mark.parametrize("place", ROUNDS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_step_that_is_killed_up_to_three_times(stage: str, place: str, kills: int, lab: Lab) -> None:
    """What comes after a kill is killed itself, at times twice, before one may finish: six kills of each step."""
    step = lab.step(place, stage)
    done = sum(range(kills))
    kill(lab, step, moments(step, 6)[done : done + kills])


@pytest.mark.parametrize("place", ROUNDS)
def test_the_main_job_that_is_killed_twice(place: str, lab: Lab) -> None:
    whole = lab.whole[ROUNDS.index(place)]
    kill(lab, whole, moments(whole, 2))


def moments(step: Step, count: int) -> list[float]:
    """A random moment in each of so many parts of a step, as shares of it, in a random order."""
    draw = random.Random(str(step))
    shares = [(part + draw.random()) / count for part in range(count)]
    draw.shuffle(shares)
    return shares


def kill(lab: Lab, step: Step, shares: list[float]) -> None:
    lab.stand(step.before)
    for share in shares:
        lab.kill(step, share)
        assert lab.torn(step) == []
    lab.take(step)
    assert lab.changed(step.after) == []

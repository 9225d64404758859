"""Two commands on one warehouse at once: the second is told who the first is, and disturbs nothing."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.lab import Lab

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize(
    ("first", "second"),
    [("gold", "gold"), ("gold", "train"), ("train", "gold"), ("site", "gold"), ("gold", "site"), ("ingest", "score")],
)
def test_the_second_is_refused_and_the_first_goes_on(first: str, second: str, lab: Lab) -> None:
    step, other = lab.step("again", first), lab.step("again", second)
    lab.stand(step.before)
    process = lab.start(step)
    assert lab.is_at_work(process)
    # It stands still until the second has been refused, however long that takes on this machine.
    process.send_signal(signal.SIGSTOP)
    try:
        said = lab.fail(other)
    finally:
        process.send_signal(signal.SIGCONT)
    _, own = process.communicate()
    assert f"Another process is writing to {lab.warehouse}: process {process.pid} " in said
    assert "Wait until it has ended" in said
    assert process.returncode == 0, own
    assert lab.changed(step.after) == []

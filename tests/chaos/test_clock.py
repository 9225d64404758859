"""A clock that was put back by years between two runs."""

from __future__ import annotations

import shutil

import pytest

from tests.chaos.lab import Lab
from tests.conftest import need
from tests.delta import query

pytestmark = pytest.mark.chaos


def test_what_is_taken_in_later_is_newer_whatever_the_clock_says(lab: Lab) -> None:
    faketime = shutil.which("faketime")
    need(faketime is not None, "REQUIRE_FAKETIME", "no faketime was found: apt-get install faketime")
    steps = [lab.step("again", stage) for stage in ("ingest", "silver", "gold")]
    lab.stand(steps[0].before)
    last_run, last_delivery = newest(lab)
    for step in steps:
        # Waiting for a while must go on taking a while.
        lab.take(step, str(faketime), "-f", "-1500d", FAKETIME_DONT_FAKE_MONOTONIC="1")
    assert lab.changed(steps[-1].after) == []
    run, delivery = newest(lab)
    assert run > last_run
    assert delivery > last_delivery


def newest(lab: Lab) -> tuple[str, str]:
    """The newest run and delivery, as text that sorts."""
    [run] = query(lab.warehouse, "select max(run_id) as last from quality__check_results where layer = 'gold'")
    [delivery] = query(lab.warehouse, "select max(_ingested_at) as last from bronze__deliveries")
    return str(run["last"]), str(delivery["last"])

"""What is kept beside a figure: whether the machine was free for it."""

from __future__ import annotations

import multiprocessing
import os
import sys

import pytest

from benchmarks import results


def _spin() -> None:
    while True:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="how busy the machine is, is read from /proc")
def test_other_work_on_the_machine_is_noticed() -> None:
    processes = multiprocessing.get_context("spawn")
    others = [processes.Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for other in others:
        other.start()
    try:
        about = results.here()
    finally:
        for other in others:
            other.kill()
    assert about["shared"]

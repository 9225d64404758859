"""A command and all that it starts: how long it took, how long it had a processor, and the most memory at one time.

Read from /proc, so on Linux alone. Memory is what processes have resident, added up; what two of them share counts twice.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lakehouse.settings import ROOT

PAUSE = 0.1
"""Seconds between two looks. A process that lives for less is not seen."""
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Used(NamedTuple):
    """What a command took: seconds, processor seconds, and megabytes at the most."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


class Failed(RuntimeError):
    """A command that is measured must succeed; the message is its output."""


def measure(words: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[Used, str]:
    """Run a command, and look at its processes until it ends.

    Args:
        words: the command.
        environment: in addition to this process's.

    Returns:
        What it took, and what it printed.

    Raises:
        Failed: it did not succeed.
    """
    spent: dict[int, float] = {}
    peak = 0.0
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603
        words, cwd=ROOT, env=os.environ | dict(environment or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        reader = _Reader(process)
        while process.poll() is None:
            resident = 0
            for number in _tree(process.pid):
                try:
                    spent[number], pages = _looked_at(number)
                except (FileNotFoundError, ProcessLookupError):  # it has just ended
                    continue
                resident += pages * PAGE
            peak = max(peak, resident / 1e6)
            time.sleep(PAUSE)

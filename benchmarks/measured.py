"""A command and all that it starts: how long it took, how long it had a processor, and the most memory at one time.

Read from /proc, so on Linux alone. Memory is what the processes have resident, added up; what two share counts twice.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lakehouse.settings import ROOT

PAUSE = 0.1
"""Seconds between two looks. What a process does between the last look and its end is not seen."""
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Used(NamedTuple):
    """What a command took: seconds, processor seconds, and at the most so many MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


class Failed(RuntimeError):
    """A command that is measured must succeed; the message is what it printed."""


def measure(words: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[Used, str]:
    """Run a command to its end.

    Args:
        words: the command.
        environment: beside that of this process.

    Returns:
        What it took, and what it printed.

    Raises:
        Failed: its exit code was not 0.
    """
    spent: dict[int, float] = {}
    peak = 0.0
    with tempfile.TemporaryFile("w+") as printed:
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603
            words, cwd=ROOT, env=os.environ | dict(environment or {}), stdout=printed, stderr=subprocess.STDOUT
        ) as process:
            while process.poll() is None:
                seen = look(process.pid)
                spent |= {number: cpu_seconds for number, (cpu_seconds, _) in seen.items()}
                peak = max(peak, sum(resident for _, resident in seen.values()))
                time.sleep(PAUSE)
        seconds = time.perf_counter() - began
        printed.seek(0)
        told = printed.read()
    if process.returncode:
        raise Failed(f"{' '.join(words)} ended with {process.returncode}:\n{told[-4000:]}")
    return Used(seconds, sum(spent.values()), peak / 1e6), told


def look(root: int) -> dict[int, tuple[float, int]]:
    """Processor seconds and resident bytes of a process and all that come from it, by process id."""
    parents, figures = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name of a command may hold spaces and brackets.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        number = int(folder.name)
        parents[number] = int(fields[1])
        figures[number] = ((int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE)
    found = {root} & figures.keys()
    while more := {number for number, parent in parents.items() if parent in found} - found:
        found |= more
    return {number: figures[number] for number in found}

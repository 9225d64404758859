"""Another process that holds the write lock; `python -m tests.writer FOLDER` is that process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse import lock
from lakehouse.settings import ROOT


@contextmanager
def another_writer(warehouse: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is writing to the warehouse; it is killed at the end of the block, if not before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.writer", str(warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


if __name__ == "__main__":
    with lock.writing(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()

"""Commands in processes that have imported everything when they begin: forked from one that has done nothing else.

What a command imports takes ten seconds of a processor, as much as its work on a small shop, and writes nothing.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lakehouse.settings import ROOT

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.chaos.preloaded"])


class Warm:
    """``lakehouse`` under way in such a process; used as a ``subprocess.Popen``.

    Args:
        words: what follows ``lakehouse``.
        environment: all of the environment.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        number, name = tempfile.mkstemp()
        os.close(number)
        self._errors = Path(name)
        self._process = _FORKS.Process(target=_command, args=(words, dict(environment), name))
        self._process.start()

    @property
    def pid(self) -> int:
        """Of the process that does the work."""
        return self._process.pid or 0

    @property
    def returncode(self) -> int:
        """How it ended, to be asked after that; less than zero if a signal ended it."""
        assert self._process.exitcode is not None
        return self._process.exitcode

    def poll(self) -> int | None:
        """How it ended; None if it has not."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self) -> tuple[None, str]:
        """Wait for its end; the second is what it said of errors."""
        self._process.join()
        said = self._errors.read_text(encoding="utf-8")
        self._errors.unlink()
        return None, said


def _command(words: Sequence[str], environment: dict[str, str], errors: str) -> None:
    from lakehouse.cli import main

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream, opened in enumerate((nothing, nothing, os.open(errors, os.O_WRONLY))):
        os.dup2(opened, stream)
    sys.argv = ["lakehouse", *words]
    try:
        main()
    finally:
        atexit._run_exitfuncs()

"""One writer at a time: a second process that builds gets a clear error that names the first.

The lock is the operating system's own (``flock``), so it ends with the process that holds it, even
when that is killed. Readers never take it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse.errors import LakehouseError

LOCK_FILE = ".lock"
OWNER_FILE = ".lock-owner.json"


def acquire_write(warehouse: Path) -> FileLock:
    """Take the warehouse's write lock; taking it again in the same process only counts up.

    Args:
        warehouse: an existing warehouse folder.

    Returns:
        The lock; ``release()`` counts down.

    Raises:
        LakehouseError: another process holds it; the message names that process.
    """
    lock = FileLock(warehouse / LOCK_FILE, timeout=0, thread_local=False, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise LakehouseError(
            f"Another process is writing to {warehouse}: {_owner(warehouse)}.",
            "Wait until it has ended, or stop it, then run the command again.",
        ) from None
    if lock.lock_counter == 1:
        owner = {
            "pid": os.getpid(),
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        (warehouse / OWNER_FILE).write_text(json.dumps(owner))
    return lock


@contextlib.contextmanager
def writing(warehouse: Path) -> Iterator[None]:
    """Hold the write lock for the length of a ``with`` block; raises as :func:`acquire_write`."""
    lock = acquire_write(warehouse)
    try:
        yield
    finally:
        lock.release()


def _owner(warehouse: Path) -> str:
    try:
        owner = json.loads((warehouse / OWNER_FILE).read_text())
        return f"process {owner['pid']} (`{owner['command']}`, since {owner['since']})"
    except (OSError, ValueError, KeyError):
        return "a process that has only just started"

"""Disks that are small, and folders that may only be read; for root on Linux."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = 4096


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def _need_root() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a disk")


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """A memory disk in the place of a folder, which is empty."""
    _need_root()
    _mount("-t", "tmpfs", "-o", "size=4g", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave(folder: Path, free: int) -> None:
    """Let the disk have no more than so many bytes free."""
    there = os.statvfs(folder)
    used = (there.f_blocks - there.f_bfree) * there.f_frsize
    _mount("-o", f"remount,size={used + free}", str(folder))


def size(folder: Path) -> int:
    """The bytes that a copy of a folder takes on such a disk."""
    return sum(-(-entry.stat().st_size // PAGE) * PAGE if entry.is_file() else PAGE for entry in folder.rglob("*"))


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody may write to, root included."""
    _need_root()
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

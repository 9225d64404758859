"""Writing files so that nobody ever finds a part of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place when the block ends well.

    Who reads meanwhile, or after this process was killed or met a full disk, finds the old file or the new one. What
    a killed process left beside it is overwritten by the next: to be called under a lock.

    Raises:
        OSError: the new file cannot be put in place.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")

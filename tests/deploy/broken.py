"""Breaking a copy of a folder of text files."""

from __future__ import annotations

from pathlib import Path


def replace(folder: Path, file: str, old: str, new: str) -> None:
    """Plant a fault in a file of a folder; all places where the text stands get it."""
    text = (folder / file).read_text()
    assert old in text, f"{file} has changed: the fault can no longer be planted"
    (folder / file).write_text(text.replace(old, new))

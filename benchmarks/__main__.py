"""All benchmarks but growth, one after the other: `python -m benchmarks ARCHIVE`, about half an hour on two cores.

ARCHIVE is the real Olist; a clickstream of 500,000 events is made up for it. What needs Java, or Vegeta, is left out
with a word where it is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import commands
from benchmarks.commands import Place
from benchmarks.serving import VEGETA

EVENTS = 500_000


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("archive", type=Path)
    archive = parser.parse_args().archive.resolve()
    if not archive.is_file():
        parser.error(f"{archive} is not there; name the archive: `make bench OLIST=path/to/archive.zip`.")
    java = ["--spark"] if shutil.which("java") else []
    with tempfile.TemporaryDirectory() as temporary:
        place, behaviour = Place(Path(temporary)), Path(temporary) / "behaviour"
        made = ["--source", "olist", "--path", str(archive), "--events", str(EVENTS), "--out", str(behaviour)]
        commands.lakehouse(place, "generate", *made)
        paths = [str(archive), str(behaviour)]
        run("pipeline", *paths, "--only", *(["engines", "original"] if java else []), "floor", "whole")
        commands.lakehouse(place, "run", "--train", *(word for path in paths for word in ("--path", path)))
        run("checks", str(place.warehouse))
        run("models", str(place.warehouse), *java)
        if shutil.which(VEGETA) or os.path.exists(VEGETA):
            run("serving", str(place.warehouse), *java)
    for missing, what in ((not java, "Java 17"), (not shutil.which(VEGETA), "Vegeta")):
        if missing:
            print(f"Without {what}, some parts were left out.")
    run("report")


def run(part: str, *words: str) -> None:
    """A part in a process of its own: what it leaves in memory must not burden the next one."""
    subprocess.run([sys.executable, "-m", f"benchmarks.{part}", *words], check=True)  # noqa: S603


if __name__ == "__main__":
    main()

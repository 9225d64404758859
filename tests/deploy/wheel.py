"""The wheel of this repository: how it is built, what it says of itself, and what its command line takes."""

from __future__ import annotations

import configparser
import email
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import typer

from lakehouse.cli import app
from lakehouse.settings import ROOT


class Wheel(NamedTuple):
    """What a built wheel says of itself.

    Attributes:
        path: the file.
        package: its name, as a task of Databricks names it.
        entry_points: console scripts: what they call, by name.
        requires: the names of the packages that come with it, without those of extras.
        files: what is in it.
    """

    path: Path
    package: str
    entry_points: dict[str, str]
    requires: frozenset[str]
    files: frozenset[str]


def build(folder: Path) -> Path:
    """Build the wheel as the bundle does, but without the network; returns the file."""
    words = ["wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True)
    (path,) = folder.glob("*.whl")
    return path


def read(path: Path) -> Wheel:
    """Open a wheel."""
    with zipfile.ZipFile(path) as archive:
        files = frozenset(archive.namelist())
        (folder,) = {name.split("/")[0] for name in files if ".dist-info/" in name}
        metadata = email.message_from_bytes(archive.read(f"{folder}/METADATA"))
        scripts = configparser.ConfigParser()
        scripts.read_string(archive.read(f"{folder}/entry_points.txt").decode())
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    return Wheel(
        path,
        re.sub(r"[-_.]+", "_", metadata["Name"]),
        dict(scripts["console_scripts"]),
        frozenset(re.split(r"[^\w.-]", line)[0].lower() for line in required),
        files,
    )


def command_fault(words: Sequence[str]) -> str:
    """What ``lakehouse`` says to these words before it does anything; empty if it takes them."""
    group = typer.main.get_group(app)
    try:
        name, command, rest = group.resolve_command(group.make_context("lakehouse", list(words)), list(words))
        if command is not None:
            command.make_context(name, rest)
    except Exception as error:
        return str(error)
    return ""

"""Runs of the command line: whole ones each in a process of its own, as a user would start them."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

from lakehouse import cli
from lakehouse.settings import ROOT

PARSED = "partial_parse.msgpack"
DBT = str(Path(sys.executable).with_name("dbt"))
PROJECT = ("--project-dir", "dbt_project", "--profiles-dir", "profiles")
SHORT_SPARK = {
    # A run is too short for the thorough compiler of the JVM to pay, and for Spark's.
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1",
    "SPARK_CONF_DIR": str(ROOT / "tests" / "spark"),
}
"""The environment of a process that starts Apache Spark for some small tables."""


def environment_for(warehouse: Path, **more: str) -> dict[str, str]:
    """A process that writes to this warehouse, and leaves dbt's files and the pages beside it."""
    # This process may have opened the embedded engine, which leaves its marks in the environment.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_CONNECT", "SAIL_"))}
    beside = {
        "LAKEHOUSE_WAREHOUSE": str(warehouse),
        "LAKEHOUSE_SITE": str(warehouse.parent / "site"),
        "DBT_TARGET_PATH": str(warehouse.parent / "dbt_target"),
    }
    environment = {**inherited, **beside, **more}
    parsed = Path(environment["DBT_TARGET_PATH"]) / PARSED
    if not parsed.exists():
        parsed.parent.mkdir(parents=True, exist_ok=True)
        parsed.write_bytes(parsed_project())
    return environment


@functools.cache
def parsed_project() -> bytes:
    """The project as dbt has read it: given to each run, so that it need not be read some fifty times."""
    with tempfile.TemporaryDirectory() as folder:
        # A process of its own: dbt keeps much in memory, and some of it would change what tests in this one see.
        subprocess.run(
            [DBT, "--quiet", "parse", *PROJECT, "--target-path", folder, "--log-path", folder], check=True, cwd=ROOT
        )
        return (Path(folder) / PARSED).read_bytes()


def command(
    warehouse: Path, *words: str, module: str = "lakehouse", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``lakehouse``, or a module that calls it, with these words; a whole run writes pages only if told so."""
    without = ["--no-pages"] if words[:1] == ("run",) and "--pages" not in words else []
    return subprocess.run(
        [sys.executable, "-m", module, *words, *without],
        env=environment_for(warehouse, **environment),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def here(warehouse: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``lakehouse`` in this process: for what ends before the work begins, where a process costs seconds."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"LAKEHOUSE_WAREHOUSE": str(warehouse)}),
        mock.patch.object(sys, "argv", ["lakehouse", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def dbt(warehouse: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run plain ``dbt`` on the project with these words."""
    return subprocess.run(
        [DBT, *words, *PROJECT, "--log-path", str(warehouse.parent / "dbt_logs")],
        env=environment_for(warehouse, **environment),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

"""Whole runs of the command line, each in a process of its own, as a user would start them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lakehouse.settings import ROOT


def environment_for(warehouse: Path) -> dict[str, str]:
    """A process that writes to this warehouse, and leaves dbt's files beside it."""
    # This process may have opened the embedded engine, which leaves its marks in the environment.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_CONNECT", "SAIL_"))}
    return {
        **inherited,
        "LAKEHOUSE_WAREHOUSE": str(warehouse),
        "DBT_TARGET_PATH": str(warehouse.parent / "dbt_target"),
    }


def command(warehouse: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``lakehouse`` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "lakehouse", *words],
        env={**environment_for(warehouse), **environment},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def dbt(warehouse: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run plain ``dbt`` on the project with these words."""
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")),
            *words,
            *("--project-dir", "dbt_project", "--profiles-dir", "profiles"),
            *("--log-path", str(warehouse.parent / "dbt_logs")),
        ],
        env={**environment_for(warehouse), **environment},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )

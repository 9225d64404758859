"""The few places and choices that come from the environment, each with a default that works on a laptop."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = ROOT / "dbt_project"
PROFILES = ROOT / "profiles"

SCHEMAS = ("bronze", "silver", "gold", "ml", "quality")
"""The layers, in the order in which data flows through them; each is a schema and a folder."""


def warehouse() -> Path:
    """The folder that holds the Delta tables: ``LAKEHOUSE_WAREHOUSE``, or ``warehouse/`` in the repository."""
    return Path(os.environ.get("LAKEHOUSE_WAREHOUSE") or ROOT / "warehouse").expanduser().resolve()


def site() -> Path:
    """The folder of the pages that people read: ``LAKEHOUSE_SITE``, or ``site/`` in the repository."""
    return Path(os.environ.get("LAKEHOUSE_SITE") or ROOT / "site").expanduser().resolve()

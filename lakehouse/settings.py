"""The few places and choices that come from the environment, each with a default that works on a laptop."""

from __future__ import annotations

import os
from pathlib import Path

from lakehouse.errors import LakehouseError

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


def threads() -> int:
    """How many models the embedded engine builds at a time: ``LAKEHOUSE_THREADS``, or 4 as in the profile.

    Raises:
        LakehouseError: it is no whole number from 1 on.
    """
    given = os.environ.get("LAKEHOUSE_THREADS", "4")
    if not given.isdecimal() or int(given) < 1:
        raise LakehouseError(
            f"LAKEHOUSE_THREADS is {given!r}; it says how many models are built at a time.",
            "Set a whole number from 1 on, or unset it.",
        )
    return int(given)


def mlflow_uri(warehouse: Path) -> str:
    """Where MLflow keeps runs and versions: ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` in :func:`mlflow_folder`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{mlflow_folder(warehouse) / 'mlflow.db'}"


def mlflow_folder(warehouse: Path) -> Path:
    """The folder of ``mlflow.db`` and ``mlartifacts/``: ``LAKEHOUSE_MLFLOW``, or by default the repository.

    Any warehouse but the repository's own holds them itself: the champion of one shop is no measure for another's.
    """
    if folder := os.environ.get("LAKEHOUSE_MLFLOW"):
        return Path(folder).expanduser().resolve()
    return ROOT if warehouse == ROOT / "warehouse" else warehouse


def checkpoints() -> str:
    """Where Auto Loader keeps which files it has seen: ``LAKEHOUSE_CHECKPOINTS``, or a volume of the catalog."""
    return os.environ.get("LAKEHOUSE_CHECKPOINTS") or f"/Volumes/{databricks_catalog()}/landing/checkpoints"


def databricks_catalog() -> str:
    """The catalog of the profile ``databricks``."""
    return os.environ.get("DATABRICKS_CATALOG") or "main"


def databricks_prefix() -> str:
    """The schema of the profile ``databricks``: what stands before the names of the layers, or ``prod``."""
    return os.environ.get("DATABRICKS_SCHEMA") or "dev"


def databricks_schema(layer: str) -> str:
    """A layer's schema there: prefixed, except in production, as in the macro ``generate_schema_name``."""
    prefix = databricks_prefix()
    return layer if prefix == "prod" else f"{prefix}_{layer}"

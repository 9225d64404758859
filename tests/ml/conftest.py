"""A warehouse with the little of Gold that the model of these tests reads, and a registry to begin with."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from lakehouse import catalog
from lakehouse.catalog import TableName
from ml import data
from ml.models import MODULES
from ml.registry import Registry
from tests.conftest import Once

STEADY = [100, 120, 80, 110, 90, 100, 60, 100, 110, 90, 100]
"""Eleven weeks. Their mean is a better forecast of the last four than the week before those."""

VISITS = pa.schema([("session_id", pa.string()), ("provenance", pa.string())])


def write_gold(
    warehouse: Path,
    revenue: Sequence[int],
    provenance: Sequence[str] = ("generated",),
    invocation: str = "a-1",
    *,
    backwards: bool = False,
) -> None:
    """Weeks from 2018-01-01 on, all complete but one more at the end, and a visit per provenance.

    The commits say that they were made by the dbt invocation; ``backwards`` writes the last week first.
    """
    weeks = [date(2018, 1, 1) + timedelta(weeks=number) for number in range(len(revenue) + 1)]
    weekly = {
        "week_start": weeks,
        "revenue": pa.array([Decimal(value) for value in (*revenue, 1)], pa.decimal128(18, 2)),
        "is_complete": [True] * len(revenue) + [False],
    }
    visits = {"session_id": [str(number) for number in range(len(provenance))], "provenance": list(provenance)}
    weeks_written = pa.table(weekly).sort_by([("week_start", "descending" if backwards else "ascending")])
    for name, rows in (("weekly_revenue", weeks_written), ("fct_sessions", pa.table(visits, schema=VISITS))):
        built_by = CommitProperties(custom_metadata={"userMetadata": invocation})
        path = TableName("gold", name).path(warehouse)
        write_deltalake(path, rows, mode="overwrite", commit_properties=built_by)


@pytest.fixture
def gold(warehouse: Path) -> Path:
    """Eleven steady weeks, and ``ml`` empty."""
    catalog.prepare(warehouse)
    write_gold(warehouse, STEADY)
    data.prepare(warehouse)
    return warehouse


@pytest.fixture
def mean_model(monkeypatch: pytest.MonkeyPatch) -> str:
    """The model of these tests among those there are; its name."""
    monkeypatch.setitem(MODULES, "mean", "tests.ml.mean_model")
    return "mean"


@pytest.fixture(scope="session")
def empty_registry(once: Once) -> Path:
    """A database of MLflow's without a model: making one takes seconds."""

    def fill(folder: Path) -> None:
        registry = Registry(folder)
        registry._client()
        with registry._explained():
            assert registry._client().search_registered_models() == []

    return once("mlflow", fill) / "mlflow.db"


@pytest.fixture
def registry(gold: Path, empty_registry: Path) -> Registry:
    """The registry of the warehouse, empty."""
    shutil.copy(empty_registry, gold)
    return Registry(gold)

"""A small shop with scores, its Parquet folder, the model over it and its contracts, each made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bi.power_bi.contracts import Table, shared_tables
from bi.power_bi.parquet import write_parquet
from bi.power_bi.project import HERE
from tests.bi.dax import Model, load
from tests.conftest import Once
from tests.scored import scored_warehouse as scored_warehouse


@pytest.fixture(scope="session")
def parquet_folder(scored_warehouse: Path, once: Once) -> Path:
    """The Parquet folder of that shop."""
    return once("bi_parquet", lambda folder: write_parquet(scored_warehouse, folder))


@pytest.fixture(scope="session")
def model(parquet_folder: Path) -> Model:
    """The committed model over that folder."""
    return load(HERE / "gold_parquet.SemanticModel", parquet_folder)


@pytest.fixture(scope="session")
def contracts() -> dict[str, Table]:
    """The tables that the shared models load, as dbt describes them."""
    return shared_tables()

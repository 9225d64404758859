"""Every column of every table is described, and nothing is described that is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse import catalog
from lakehouse.catalog import TableName
from lakehouse.tables import FAILED_VERSIONS
from tests.runs import dbt

pytestmark = pytest.mark.slow


@pytest.fixture
def described(warehouse: Path) -> dict[TableName, set[str]]:
    """The columns that YAML describes, by table."""
    run = dbt(warehouse, "parse")
    assert run.returncode == 0, run.stdout
    manifest: dict[str, Any] = json.loads((warehouse.parent / "dbt_target" / "manifest.json").read_text())
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    return {
        TableName(node["schema"], node.get("identifier") or node["alias"]): set(node["columns"])
        for node in nodes
        if node["resource_type"] in ("model", "seed", "snapshot", "source")
    }


def test_the_columns_described_are_those_of_the_tables(
    described: dict[TableName, set[str]], shop_warehouse: Path
) -> None:
    there = {
        table: {field.name for field in catalog.open_delta(shop_warehouse, table).schema().fields}
        for table in catalog.tables(shop_warehouse)
    }
    assert described.pop(FAILED_VERSIONS) == {"run_id", "layer", "table_name", "version"}
    assert described == there

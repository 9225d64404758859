"""What the tests of the deployment share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]

from bi.power_bi import contracts
from lakehouse.settings import DBT_PROJECT, ROOT
from tests.conftest import Once, need
from tests.deploy import wheel as wheels
from tests.deploy.bundle import Outside
from tests.deploy.wheel import Wheel


@pytest.fixture(scope="session")
def wheel(once: Once) -> Wheel:
    """The wheel, built once."""
    (path,) = once("wheel", wheels.build).glob("*.whl")
    return wheels.read(path)


@pytest.fixture(scope="session")
def outside(wheel: Wheel) -> Outside:
    """What the bundle leans on."""
    selectors = yaml.safe_load((DBT_PROJECT / "selectors.yml").read_text())["selectors"]
    names = frozenset(selector["name"] for selector in selectors)
    personal = {
        name: any(column.is_personal for column in table.columns)
        for name, table in contracts.dbt_tables().items()
        if table.schema == "gold"
    }
    return Outside(wheel.package, frozenset(wheel.entry_points), wheels.command_fault, names, personal)


@pytest.fixture(scope="session")
def schema() -> Callable[[str], Path]:
    """Finds a schema of Databricks or Azure; they lie beside the repository, or where SCHEMAS says."""
    folder = Path(os.environ.get("SCHEMAS") or ROOT.parent / "shared" / "schemas")

    def find(name: str) -> Path:
        path = folder / name
        need(path.exists(), "REQUIRE_SCHEMAS", f"{path} is not there; SCHEMAS names the folder of the schemas")
        return path

    return find

"""The small shop's files to change, and its Bronze to compare with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.ingested import take_in


@pytest.fixture
def files(shop: Path, tmp_path: Path) -> Path:
    """The shop's files, for this test to change."""
    return Path(shutil.copytree(shop, tmp_path / "files"))


@pytest.fixture(scope="session")
def ingested(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bronze of the small shop; tests read it and leave it as it is."""
    warehouse = tmp_path_factory.mktemp("ingested") / "warehouse"
    take_in(shop, warehouse)
    return warehouse

"""A small dbt project of its own for each test of the adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import session
from tests.dbt.small_project import Project


@pytest.fixture(scope="session")
def parsed_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parsed")
    empty = Project(folder / "project", folder / "warehouse")
    empty.succeeds("parse")
    return empty.parsed


@pytest.fixture
def project(tmp_path: Path, warehouse: Path, parsed_project: Path) -> Iterator[Project]:
    yield Project(tmp_path / "project", warehouse, parsed_project)
    session.close_session("local", warehouse)

"""What every test may rely on: a warehouse of its own, and a reason where something is not at hand."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from data_generation.generate import generate
from data_generation.request import Request
from lakehouse.landing import BEHAVIOUR
from lakehouse.settings import ROOT
from tests.runs import command
from tests.shop import write_shop

OLIST_ARCHIVE = Path(os.environ.get("OLIST_ARCHIVE") or ROOT.parent / "shared" / "olist" / "archive.zip")


# A shell that starts the tests in the background has Ctrl-C ignored; some tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)


def need(available: bool, variable: str, reason: str) -> None:
    """Skip with a reason, unless the environment variable demands that the test run: then fail."""
    if available:
        return
    if os.environ.get(variable) == "1":
        pytest.fail(f"{variable}=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse folder for this test alone; the one in the repository is never touched."""
    folder = tmp_path / "warehouse"
    monkeypatch.setenv("LAKEHOUSE_WAREHOUSE", str(folder))
    monkeypatch.delenv("LAKEHOUSE_TARGET", raising=False)
    return folder


@pytest.fixture(scope="session")
def olist_archive() -> Path:
    """The real Olist archive, at OLIST_ARCHIVE or beside the repository."""
    need(OLIST_ARCHIVE.exists(), "REQUIRE_OLIST", f"the Olist archive is not at {OLIST_ARCHIVE}; set OLIST_ARCHIVE")
    return OLIST_ARCHIVE


@pytest.fixture(scope="session")
def java() -> str:
    """A Java runtime for the spark target."""
    path = shutil.which("java")
    need(path is not None, "REQUIRE_SPARK", "Apache Spark needs Java 17, and no java was found")
    return str(path)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nine files of a small shop, and a clickstream and contacts made up for it."""
    folder = write_shop(tmp_path_factory.mktemp("shop"))
    behaviour = tmp_path_factory.mktemp("behaviour") / "files"
    generate(Request(behaviour, "olist", folder))
    for landing in BEHAVIOUR:
        shutil.copy(behaviour / landing.file, folder)
    return folder


@pytest.fixture(scope="session")
def shop_warehouse(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small shop, built; tests read it and leave it as it is."""
    warehouse = tmp_path_factory.mktemp("shop_built") / "warehouse"
    run = command(warehouse, "run", "--path", str(shop))
    assert run.returncode == 0, run.stdout + run.stderr
    return warehouse


@pytest.fixture(scope="session")
def olist_warehouse(olist_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real Olist, built; tests read it and leave it as it is."""
    warehouse = tmp_path_factory.mktemp("olist_built") / "warehouse"
    run = command(warehouse, "run", "--path", str(olist_archive))
    assert run.returncode == 0, run.stdout + run.stderr
    return warehouse


@pytest.fixture(scope="session")
def olist_behaviour(olist_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated clickstream and contacts for the real Olist, some rows damaged."""
    folder = tmp_path_factory.mktemp("olist_behaviour") / "files"
    generate(Request(folder, "olist", olist_archive, dirt=0.01))
    return folder


@pytest.fixture(scope="session")
def olist_behaviour_warehouse(
    olist_archive: Path, olist_behaviour: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The real Olist with generated behaviour beside it, built; tests read it and leave it as it is."""
    warehouse = tmp_path_factory.mktemp("olist_behaviour_built") / "warehouse"
    run = command(warehouse, "run", "--path", str(olist_archive), "--path", str(olist_behaviour))
    assert run.returncode == 0, run.stdout + run.stderr
    return warehouse

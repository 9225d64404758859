"""What every test may rely on: a warehouse of its own, and a reason where something is not at hand."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from data_generation.generate import generate
from data_generation.request import Request
from lakehouse.landing import BEHAVIOUR
from lakehouse.settings import ROOT
from tests.runs import command
from tests.shop import write_shop

Once = Callable[[str, Callable[[Path], Any]], Path]
BUILT = frozenset({"shop_warehouse"})
"""Fixtures that build a whole shop, a minute of work: who needs one is slow."""
LONGEST = (
    "parity/test_spark_parity.py",
    "e2e/test_increments.py",
    "e2e/test_pipeline.py",
    "e2e/test_data_tests.py",
    "e2e/test_crash.py",
)
"""The longest files. The second needs nothing that the first builds, so that neither waits for the other."""
OLIST_ARCHIVE = Path(os.environ.get("OLIST_ARCHIVE") or ROOT.parent / "shared" / "olist" / "archive.zip")


# A shell that starts the tests in the background has Ctrl-C ignored; some tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, before marks are asked for, and let the longest files begin first."""
    for item in items:
        if isinstance(item, pytest.Function) and BUILT & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    tests = Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without what is slow, a file of nothing else is not imported: with its libraries that takes seconds."""
    without = set(re.findall(r"\bnot (\w+)", config.option.markexpr))
    if "slow" not in without or collection_path.suffix != ".py":
        return None
    of_all = re.findall(r"^pytestmark = (.*)", collection_path.read_text(encoding="utf-8"), re.MULTILINE)
    return True if without & set(re.findall(r"mark\.(\w+)", " ".join(of_all))) else None


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
    monkeypatch.setenv("LAKEHOUSE_SITE", str(tmp_path / "site"))
    for variable in ("LAKEHOUSE_TARGET", "LAKEHOUSE_MLFLOW", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(variable, raising=False)
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
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a folder once, however many processes run the tests."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def make(name: str, fill: Callable[[Path], Any]) -> Path:
        # Made where it stays: MLflow keeps whole paths.
        folder, done = base / f"shared_{name}", base / f"shared_{name}.done"
        with FileLock(f"{folder}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


def build(warehouse: Path, *paths: Path) -> None:
    run = command(warehouse, "run", *(word for path in paths for word in ("--path", str(path))))
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="session")
def shop(once: Once) -> Path:
    """The nine files of a small shop, and a clickstream and contacts made up for it."""

    def fill(folder: Path) -> None:
        write_shop(folder)
        generate(Request(folder / "made up", "olist", folder))
        for landing in BEHAVIOUR:
            shutil.move(folder / "made up" / landing.file, folder)
        shutil.rmtree(folder / "made up")

    return once("shop", fill)


@pytest.fixture(scope="session")
def shop_warehouse(shop: Path, once: Once) -> Path:
    """The small shop, built; tests read it and leave it as it is."""
    return once("shop_built", lambda folder: build(folder / "warehouse", shop)) / "warehouse"


@pytest.fixture(scope="session")
def olist_warehouse(olist_archive: Path, once: Once) -> Path:
    """The real Olist, built; tests read it and leave it as it is."""
    return once("olist_built", lambda folder: build(folder / "warehouse", olist_archive)) / "warehouse"


@pytest.fixture(scope="session")
def olist_behaviour(olist_archive: Path, once: Once) -> Path:
    """A generated clickstream and contacts for the real Olist, some rows damaged."""
    return once("olist_behaviour", lambda folder: generate(Request(folder, "olist", olist_archive, dirt=0.01)))


@pytest.fixture(scope="session")
def olist_behaviour_warehouse(olist_archive: Path, olist_behaviour: Path, once: Once) -> Path:
    """The real Olist with generated behaviour beside it, built; tests read it and leave it as it is."""
    paths = (olist_archive, olist_behaviour)
    return once("olist_behaviour_built", lambda folder: build(folder / "warehouse", *paths)) / "warehouse"

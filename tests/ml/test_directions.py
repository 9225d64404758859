"""Who may know of whom: models know Gold by what they are given, and nothing of how it was made."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from lakehouse.settings import ROOT
from ml import threads

AT_THE_EDGE = {"data.py", "registry.py", "steps.py"}
BELOW = {"appender", "catalog", "errors", "lock", "replacing", "session", "settings", "tables"}
FILES = sorted((ROOT / "ml").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_ml_imports_only_from_below(path: Path) -> None:
    for name in imported(path):
        top, _, rest = name.partition(".")
        assert top not in {"data_generation", "expectations", "dbt", "pickle", "cloudpickle", "joblib"}, name
        if top == "lakehouse":
            assert path.name in AT_THE_EDGE, f"{path.name} imports {name}"
            assert rest.split(".")[0] in BELOW, f"{path.name} imports {name}"
        if top == "mlflow":
            assert path.name in {"registry.py", "pyfunc.py"}, f"{path.name} imports {name}"


def test_the_numbers_of_threads_are_fixed_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = [(library["filepath"], library["num_threads"]) for library in threadpool_info()]
    with threads.fixed():
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == ("2", "1")
        for library in threadpool_info():
            expected = {"openmp": threads.THREADS, "blas": threads.BLAS_THREADS}[library["user_api"]]
            assert library["num_threads"] == expected
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
    assert [(library["filepath"], library["num_threads"]) for library in threadpool_info()] == before

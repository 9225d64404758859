"""dbt on the project, in this process, with faults planted in what it compiles; the repository is only read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from dbt.cli.main import dbtRunner
from dbt.compilation import Compiler

from lakehouse import session, settings
from tests.mutants import operators_python, operators_sql
from tests.mutants.fault import Fault

COPIED = ("data_generation", "dbt_adapter", "dbt_project", "lakehouse", "profiles", "python_models", "tests")
PYTEST_SECONDS = 240


class Node(NamedTuple):
    """What became of a model or test in a dbt command: its name, status and message."""

    name: str
    model: str
    status: str
    message: str


class Project:
    """The parsed project; one per process, because it changes how dbt compiles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest = self._invoke(["parse"]).result
        self._compiled: set[str] = set()
        self._record: dict[str, set[str]] | None = None
        self._change: Callable[[str, str, str], str] | None = None
        self._guard = threading.Lock()
        self._patch()

    # --- what there is

    def models(self) -> dict[str, str]:
        """The language of each Silver and Gold model by its name, as dbt orders them."""
        return {
            node.name: str(node.language)
            for node in self._manifest.nodes.values()
            if node.resource_type == "model" and node.schema in ("silver", "gold")
        }

    def source(self, model: str) -> str:
        """A model's code as it is in its file."""
        return str(self._nodes()[model].raw_code)

    def has_increments(self, model: str) -> bool:
        """Whether the model, or one that is made from it, is built by adding to what is there."""
        start = self._nodes()[model].unique_id
        todo, seen = [start], {start}
        while todo:
            name = todo.pop()
            node = self._manifest.nodes[name]
            if node.resource_type == "snapshot" or node.config.materialized == "incremental":
                return True
            for child in self._manifest.child_map.get(name, ()):
                if child.startswith(("model.", "snapshot.")) and child not in seen:
                    seen.add(child)
                    todo.append(child)
        return False

    def _nodes(self) -> dict[str, Any]:
        return {node.name: node for node in self._manifest.nodes.values() if node.resource_type == "model"}

    # --- what dbt compiles

    def _patch(self) -> None:
        compile_code = Compiler._compile_code
        project = self

        def compile_changed(compiler: Compiler, node: Any, *rest: Any, **named: Any) -> Any:
            node = compile_code(compiler, node, *rest, **named)
            model = project._manifest.nodes.get(getattr(node, "tested_node_unique_id", None) or node.unique_id)
            # A fixture of a unit test goes by the name of the model that it stands for.
            if model is not None and model.resource_type == "model" and node.raw_code == model.raw_code:
                node.compiled_code = project._changed(model, node.compiled_code)
            return node

        Compiler._compile_code = compile_changed  # type: ignore[method-assign,assignment]

    def _changed(self, model: Any, compiled: str) -> str:
        with self._guard:
            if self._record is not None:
                self._record.setdefault(model.name, set()).add(compiled)
            if self._change is None:
                return compiled
            if model.language == "python":
                postfix = compiled.removeprefix(model.raw_code)
                return self._change(model.name, "python", model.raw_code) + postfix
            return self._change(model.name, "sql", compiled)

    def recording(self, into: dict[str, set[str]] | None) -> None:
        """Note from now on what models compile to, in all the ways in which they are rendered; None to stop."""
        self._record = into

    def changing(self, change: Callable[[str, str, str], str] | None) -> None:
        """Change from now on what models compile to: given the model's name, its language and its code."""
        self._change = change

    def planting(self, fault: Fault, models: Collection[str]) -> None:
        """Plant a fault from now on wherever its place is compiled in one of the models."""
        self._compiled.clear()
        planters = {"sql": operators_sql.plant, "python": operators_python.plant}

        def plant(model: str, language: str, code: str) -> str:
            if model not in models:
                return code
            planted = planters[language](code, fault)
            if planted is None:
                return code
            self._compiled.add(model)
            return planted

        self.changing(plant)

    @property
    def planted(self) -> bool:
        """Whether the fault's place was compiled since it was planted."""
        return bool(self._compiled)

    # --- what dbt runs

    def run(self, warehouse: Path, *words: str) -> list[Node]:
        """A dbt command on a warehouse.

        Raises:
            RuntimeError: dbt could not start it.
        """
        os.environ["LAKEHOUSE_WAREHOUSE"] = str(warehouse)
        answer = self._invoke(list(words))
        if answer.result is None:
            raise RuntimeError(f"dbt {' '.join(words)}: {answer.exception}")
        return [
            Node(
                item.node.name,
                self._about(item.node),
                str(item.status),
                (item.message or "").strip(),
            )
            for item in answer.result.results
        ]

    def _about(self, node: Any) -> str:
        """The model that a node is, or that a test is about."""
        if node.resource_type == "unit_test":
            unique_id = getattr(node, "tested_node_unique_id", None) or node.depends_on.nodes[0]
        else:
            unique_id = getattr(node, "attached_node", None) or node.unique_id
        return str(unique_id).split(".")[2]

    def _invoke(self, words: list[str]) -> Any:
        places = {
            "--project-dir": settings.DBT_PROJECT,
            "--profiles-dir": settings.PROFILES,
            "--target-path": self._folder / "target",
            "--log-path": self._folder / "logs",
        }
        manifest = getattr(self, "_manifest", None)
        return dbtRunner(manifest=manifest).invoke(
            [
                *words,
                *(part for name, place in places.items() for part in (name, str(place))),
                *("--target", "local", "--log-level", "none", "--log-level-file", "none", "--no-write-json"),
            ]
        )


def copied(warehouse: Path, scratch: Path) -> Path:
    """A copy of a warehouse to build in, in place of the one that was there."""
    session.close_session("local", scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    return Path(shutil.copytree(warehouse, scratch))


def python_tests(model: str) -> list[str]:
    """The test files that are about a Python model, by name, relative to the repository."""
    return sorted(str(path.relative_to(settings.ROOT)) for path in settings.ROOT.glob(f"tests/**/test_{model}.py"))


def run_pytest(model: str, source: str, folder: Path) -> list[Node]:
    """Run the Python tests of a model on a copy of the repository in which the model reads otherwise.

    A test that does not end counts as an error, as one does that breaks before it can judge.
    """
    repository = folder / "repository"
    if not repository.exists():
        leave = shutil.ignore_patterns("target", "logs", "__pycache__")
        for name in COPIED:
            shutil.copytree(settings.ROOT / name, repository / name, ignore=leave)
        shutil.copy(settings.ROOT / "pyproject.toml", repository)
    path = next(settings.ROOT.glob(f"python_models/**/{model}.py")).relative_to(settings.ROOT)
    report = folder / "pytest.xml"
    report.unlink(missing_ok=True)
    # As in tests/runs.py: the engine of this process has left its marks.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_CONNECT", "SAIL_"))}
    places = os.pathsep.join([str(repository), str(repository / "dbt_adapter")])
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *python_tests(model)]
    (repository / path).write_text(source)
    try:
        subprocess.run(
            command,
            cwd=repository,
            env={**inherited, "PYTHONPATH": places, "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis")},
            capture_output=True,
            timeout=PYTEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [Node("pytest", model, "error", "does not end")]
    finally:
        shutil.copy(settings.ROOT / path, repository / path)
    if not report.exists():
        return [Node("pytest", model, "error", "could not start")]
    nodes = []
    for case in ElementTree.parse(report).iter("testcase"):
        name = str(case.get("name"))
        broken = [part for part in case if part.tag in ("failure", "error")]
        said = str(broken[0].get("message")) if broken else ""
        # A test judges by an assertion; any other exception says only that the code broke.
        judged = bool(broken) and all(is_judgement(part) for part in broken)
        nodes.append(Node(name, model, "pass" if not broken else "fail" if judged else "error", said))
    return nodes


def is_judgement(part: ElementTree.Element) -> bool:
    """Whether a failure that pytest reports is that of an assertion."""
    said = str(part.get("message")).lstrip()
    return part.tag == "failure" and said.startswith(
        ("AssertionError", "assert ", "Failed: DID NOT RAISE", "Failed:")
    )

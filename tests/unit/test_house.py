"""The plan of the house: who imports whom, without circles and never upwards, and files short enough to be read."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from lakehouse.settings import ROOT

ROOMS = (
    "benchmarks",
    "bi",
    "data_generation",
    "dbt_adapter/dbt",
    "deploy",
    "expectations",
    "lakehouse",
    "ml",
    "tests",
)
UPSTAIRS = {"acceptance", "auto_loader", "cli", "console", "gate", "ingest", "pipeline", "upload"}
"""The modules of ``lakehouse`` that carry out commands; the rest is what all rooms stand on."""
MAY_KNOW = {
    "bi": {"expectations"},
    "data_generation": set(),
    "dbt": set(),
    "deploy": {"ml"},
    "expectations": set(),
    "ml": set(),
}
"""Which other rooms a room may import from, beside what all stand on; tests and benchmarks know them all."""
LONGEST = 400
LONG = {"lakehouse/cli.py": "a function a command, as `lakehouse --help` lists them"}
"""Files that are longer, and why each is one subject."""


def imports(root: Path) -> dict[str, set[str]]:
    """The modules below a folder, and which of each other they import, wherever in their code."""
    files = {
        ".".join(file.relative_to(root).with_suffix("").parts)
        .removeprefix("dbt_adapter.")
        .removesuffix(".__init__"): file
        for room in ROOMS
        for file in (root / room).rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for module, file in files.items():
        named = found.setdefault(module, set())
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named.update(name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{name.name}" for name in node.names}
                named.update(inner & files.keys() or {node.module})
        named.intersection_update(files)
    return found


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring; none if there is no such ring."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def upwards(graph: Mapping[str, set[str]]) -> list[str]:
    """Imports from a room into one above it."""
    wrong = []
    for module, imported in graph.items():
        room = module.partition(".")[0]
        if room in ("benchmarks", "tests"):
            continue
        for other in sorted(imported):
            there, _, name = other.partition(".")
            allowed = there == room or there in MAY_KNOW.get(room, ROOMS) or there == "lakehouse"
            is_up = room in MAY_KNOW and there == "lakehouse" and name in UPSTAIRS
            if not allowed or is_up or there == "tests":
                wrong.append(f"{module} imports {other}")
    return wrong


def too_long(root: Path) -> set[str]:
    """Files of code with more than :data:`LONGEST` lines."""
    return {
        str(file.relative_to(root))
        for room in (*ROOMS, "dbt_project/models", "dbt_project/macros", "python_models")
        for file in (root / room).rglob("*")
        if file.suffix in (".py", ".sql", ".js", ".j2") and len(file.read_text("utf-8").splitlines()) > LONGEST
    }


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return imports(ROOT)


def test_no_import_goes_in_a_circle(graph: dict[str, set[str]]) -> None:
    assert len(graph) > 150
    assert circle(graph) == []


def test_no_room_imports_from_one_above_it(graph: dict[str, set[str]]) -> None:
    assert upwards(graph) == []
    assert {module.partition(".")[0] for module in graph} == {*MAY_KNOW, "benchmarks", "lakehouse", "tests"}
    assert {f"lakehouse.{module}" for module in UPSTAIRS} < graph.keys()


def test_a_file_is_short_or_there_is_a_reason() -> None:
    assert too_long(ROOT) == LONG.keys()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in {
        "ml/model.py": "from lakehouse import tables\n",
        "lakehouse/tables.py": "import ml.contracts\n",
        "lakehouse/pipeline.py": "from ml.model import *\n",
        "ml/contracts.py": "",
        "ml/__init__.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_an_import_inside_a_function_closes_a_circle_too(house: Path) -> None:
    assert circle(imports(house)) == upwards(imports(house)) == []
    (house / "ml" / "contracts.py").write_text("def late():\n    from ml import model\n")
    assert set(circle(imports(house))) == {"ml.model", "lakehouse.tables", "ml.contracts"}


@pytest.mark.parametrize("room", ["lakehouse", "bi", "tests"])
def test_an_import_upwards_is_seen(house: Path, room: str) -> None:
    (house / room).mkdir(exist_ok=True)
    (house / room / "pipeline.py").write_text("")
    (house / "ml" / "model.py").write_text(f"from {room} import pipeline\n")
    assert upwards(imports(house)) == [f"ml.model imports {room}.pipeline"]


def test_a_long_file_is_seen(house: Path) -> None:
    (house / "ml" / "model.py").write_text("\n" * LONGEST)
    assert too_long(house) == set()
    (house / "ml" / "model.py").write_text("\n" * (LONGEST + 1))
    assert too_long(house) == {"ml/model.py"}

"""docs/runbook.md says what the program says: each message in it is in the code, and each error of the code in it.

The messages are the code spans in the first column of its tables; ``…`` stands for what differs from time to time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lakehouse.settings import ROOT

RUNBOOK = ROOT / "docs" / "runbook.md"
ROOMS = ("bi", "data_generation", "dbt_adapter", "deploy", "expectations", "lakehouse", "ml")
USERS = {
    "BadInput", "BadParameter", "BadQuestion", "CannotLearn", "CheckFailed", "DbtFailed", "DbtRuntimeError",
    "HTTPException", "LakehouseError", "NoChampion", "NotKnown", "NotSafe", "RegistryBusy",
}  # fmt: skip
"""The errors that a user sees in words; whatever else is raised is a fault of ours, with a stack trace."""
SHORTEST = 12
"""Letters of a message that must be fixed: with fewer it could be found anywhere."""


def quoted(page: str) -> list[str]:
    """The messages that the runbook is about."""
    messages: list[str] = []
    printed = False
    for line, before in zip(page.splitlines(), ["", *page.splitlines()], strict=False):
        if not before.startswith("|"):  # the head of a table
            printed = line.startswith("| printed")
        elif printed:
            spans = re.findall(r"`` (.+?) ``|`([^`]+)`", line.split(" | ", 1)[0])
            messages += [with_ticks or plain for with_ticks, plain in spans]
    return messages


def said(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Every text of a module but docstrings, with ``…`` for what is put in, and whether it is an error for users."""
    told = {id(error) for error in _errors(tree)}
    nodes = list(ast.walk(tree))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    unsaid = parts | {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) not in unsaid and (text := _text(node)):
            yield text, id(node) in told


def _errors(tree: ast.AST) -> Iterator[ast.expr]:
    """What is wrong, of each error for users: its first argument, or what is called ``what`` before it is raised."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in USERS:
                yield node.args[1 if name == "HTTPException" else 0]
        elif isinstance(node, ast.Assign) and [ast.unparse(to) for to in node.targets] == ["what"]:
            yield node.value


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("{}", "…")
    if isinstance(node, ast.JoinedStr):
        parts = (
            str(part.value).replace("{}", "…") if isinstance(part, ast.Constant) else "…" for part in node.values
        )
        return "".join(parts)
    return ""


def plain(text: str) -> str:
    return re.sub("…+", "…", text)


def holds(text: str, message: str) -> bool:
    """Whether the fixed parts of a message are in a text, one after the other."""
    place = 0
    for part in message.split("…"):
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def invented(messages: Iterable[str], texts: Iterable[str]) -> list[str]:
    """The messages that no text of the code holds, or that are too short to tell."""
    there = set(texts)
    return [
        message
        for message in messages
        if len(message.replace("…", "")) < SHORTEST or not any(holds(text, message) for text in there)
    ]


def missing(errors: Iterable[str], messages: Iterable[str]) -> list[str]:
    """The errors of the code that the runbook does not quote word by word."""
    known = set(map(plain, messages))
    return [error for error in errors if plain(error) not in known]


@pytest.fixture(scope="module")
def trees() -> list[ast.AST]:
    modules = (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    return [ast.parse(path.read_text(encoding="utf-8")) for path in modules]


@pytest.fixture(scope="module")
def texts(trees: list[ast.AST]) -> list[tuple[str, bool]]:
    return [text for tree in trees for text in said(tree)]


@pytest.fixture(scope="module")
def messages() -> list[str]:
    return quoted(RUNBOOK.read_text(encoding="utf-8"))


def test_each_message_in_the_runbook_is_in_the_code(messages: list[str], texts: list[tuple[str, bool]]) -> None:
    assert len(messages) > 100
    assert invented(messages, (text for text, _ in texts)) == []


def test_each_error_of_the_code_is_in_the_runbook(messages: list[str], texts: list[tuple[str, bool]]) -> None:
    errors = [text for text, is_error in texts if is_error and len(text.replace("…", "")) >= SHORTEST]
    assert len(errors) > 100
    assert missing(errors, messages) == []


def test_no_message_is_told_of_twice(messages: list[str]) -> None:
    assert sorted({message for message in messages if messages.count(message) > 1}) == []


CODE = ast.parse('''
def check(path, why):
    """A docstring, and no message."""
    if why:
        raise LakehouseError(f"{path} cannot be read: {why}.", "Look who may read it.")
    what = f"There is no container {path} in that account."
    raise HTTPException(413, "The body is too long for this server.")
''')


def test_texts_and_errors_are_told_apart() -> None:
    assert dict(said(CODE)) == {
        "… cannot be read: ….": True,
        "Look who may read it.": False,
        "There is no container … in that account.": True,
        "The body is too long for this server.": True,
    }


def test_messages_are_the_code_of_the_first_column() -> None:
    page = (
        "| printed | do |\n|---|---|\n| `a … b`; `c` | run `d` |\n| 404 `` `dbt …` could not start: … `` | `e` |\n\n"
        "`f`\n\n| seen | do |\n|---|---|\n| `g` | h |\n"
    )
    assert quoted(page) == ["a … b", "c", "`dbt …` could not start: …"]


@pytest.mark.parametrize(
    "message",
    [
        "… cannot be written: ….",
        "… cannot be read by you: ….",
        "… read …",
        "There is no container of … in that account.",
    ],
)
def test_a_message_that_the_code_does_not_know_is_found(message: str) -> None:
    assert invented([message], (text for text, _ in said(CODE))) == [message]
    assert invented(["… cannot be read: ….", "The body is too long"], (text for text, _ in said(CODE))) == []


def test_an_error_that_the_runbook_does_not_know_is_found() -> None:
    errors = [text for text, is_error in said(CODE) if is_error]
    known = ["… cannot be read: ….", "There is no container … in that account."]
    assert missing(errors, known) == ["The body is too long for this server."]


def test_the_rooms_are_those_of_the_code() -> None:
    there = {path.parent.name for path in ROOT.glob("*/*.py")} | {"dbt_adapter", "deploy"}
    assert there - {"tests", "benchmarks", "python_models"} == set(ROOMS)
    assert all(Path(ROOT / room).is_dir() for room in ROOMS)


def test_every_kind_of_error_for_users_is_known(trees: list[ast.AST]) -> None:
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    kinds = {node.name for node in classes if {ast.unparse(base).split(".")[-1] for base in node.bases} & USERS}
    assert {"CheckFailed", "DbtFailed", "NoChampion", "CannotLearn"} <= kinds <= USERS

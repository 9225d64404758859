"""Whatever the words of a command are: it ends with 0, 1 or 2 and one message, never with a stack trace.

The commands are called in this process over an empty warehouse, so that none of them comes as far as an engine; what
would begin real work when all its options happen to be sound is replaced by nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import lakehouse.cluster
from data_generation import generate, request
from data_generation.request import Request
from lakehouse import cli

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(FEW, max_examples=3_000)

# No word of a command can hold a null byte; bytes that are no UTF-8 come as lone surrogates.
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from(
    "\udc80\udcff'\"`;$[]\\/%"
)
TEXT = st.text(CHARACTERS, max_size=20)
NUMBERS = (
    st.integers().map(str) | st.floats().map(str) | st.sampled_from(["", "-", "1e400", "0x10", "١", "1_0", "-0"])
)
DAYS = st.dates().map(str) | st.sampled_from(["2018-02-30", "0000-00-00", "2018-1-1", "today", ""])
PATHS = TEXT | st.sampled_from([".", "..", "~", "/", "/dev/null", "/proc/self/mem", "a" * 300, "a/" * 2_000, " "])
NAMES = TEXT | st.sampled_from(
    ["olist", "synthetic", "silver", "gold", "marts", "all", "churn", "spark", "databricks", "csv", "; rm -rf ."]
)
ADDRESSES = TEXT | st.sampled_from(
    ["abfss://a@b.dfs.core.windows.net/", "abfss://", "https://[", "abfss://a@b:99999/c"]
)
OPTIONS: dict[str, dict[str, SearchStrategy[str] | None]] = {
    "generate": {
        **dict.fromkeys(("--out", "--path"), PATHS),
        **dict.fromkeys(("--source", "--format", "--only"), NAMES),
        **dict.fromkeys(("--scale", "--dirt", "--tracking-coverage", "--abandonment"), NUMBERS),
        **dict.fromkeys(("--seed", "--events", "--days", "--workers"), NUMBERS),
        **dict.fromkeys(("--start", "--knowledge-cutoff"), DAYS),
        "--overwrite": None,
    },
    "ingest": {"--path": PATHS, "--source": NAMES, "--target": NAMES, "--delivered-on": DAYS},
    "upload": {"--path": PATHS, "--to": ADDRESSES, "--source": NAMES, "--delivered-on": DAYS},
    "build": {"--layer": NAMES, "--target": NAMES},
    "run": {"--path": PATHS, "--source": NAMES, "--target": NAMES, "--delivered-on": DAYS, "--train": None},
    "site": {"--target": NAMES},
    "validate": {"--layer": NAMES, "--target": NAMES},
    "train": {"": NAMES, "--target": NAMES},
    "score": {"": NAMES, "--target": NAMES},
    "models": {},
    "cluster": {"--workers": NUMBERS},
    "serve": {"--host": TEXT, "--port": NUMBERS},
}
"""The options of each command with what they are given, rightly or wrongly; None for those that take nothing."""


@st.composite
def lines(draw: st.DrawFn, commands: tuple[str, ...] = tuple(OPTIONS)) -> list[str]:
    """The words of a command: its options with values, at times doubled, at times without one or with a stranger."""
    command = draw(st.sampled_from(commands))
    options = OPTIONS[command]
    words = [command]
    for name in draw(st.lists(st.sampled_from(sorted(options)), max_size=5)) if options else []:
        values = options[name]
        words += [word for word in (name, None if values is None else draw(values)) if word]
    return words + draw(st.lists(TEXT, max_size=1) if draw(st.integers(0, 4)) == 0 else st.just([]))


@pytest.fixture
def nothing_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long or leaves this machine does nothing, and nothing but an empty folder is written to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("LAKEHOUSE_WAREHOUSE", "LAKEHOUSE_SITE"):
        monkeypatch.setenv(variable, str(tmp_path / "warehouse"))

    def only_checked(asked: Request, progress: Any) -> generate.Report:
        request.check(asked)
        return generate.Report({}, {})

    @contextlib.contextmanager
    def no_cluster(warehouse: Path, workers: int) -> Iterator[Any]:
        yield mock.Mock(remote="sc://localhost")

    monkeypatch.setattr(generate, "generate", only_checked)
    monkeypatch.setattr(lakehouse.cluster, "running", no_cluster)
    monkeypatch.setattr(lakehouse.cluster, "wait", lambda _: None)


def ended(words: list[str]) -> tuple[int, str]:
    """How a command ended, and what it said of errors, in the bytes of a terminal."""
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    shown = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    with (
        contextlib.redirect_stderr(told),
        contextlib.redirect_stdout(shown),
        mock.patch.object(sys, "argv", ["lakehouse", *words]),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        else:
            code = 0
        told.flush()
    return code, told.buffer.getvalue().decode()


def holds(words: list[str]) -> None:
    code, said = ended(words)
    assert code in (0, 1, 2), (words, said)
    assert bool(code) == bool(said.strip()), (words, said)
    assert os.listdir() in ([], ["warehouse"]), words


@FEW
@given(words=lines())
def test_no_words_end_in_a_stack_trace(words: list[str], nothing_begins: None) -> None:
    holds(words)


@pytest.mark.chaos
@pytest.mark.parametrize("command", OPTIONS)
def test_no_words_of_a_command_end_in_a_stack_trace(command: str, nothing_begins: None) -> None:
    MANY(given(words=lines((command,)))(holds))()


def test_a_stack_trace_would_be_noticed(nothing_begins: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a fault of the program")

    monkeypatch.setattr(generate, "generate", broken)
    with pytest.raises(KeyError):
        holds(["generate", "--out", "a"])

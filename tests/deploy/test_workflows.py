"""The workflows call the scripts of .ci and nothing else; each check finds its fault in a broken copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.settings import ROOT
from tests.deploy.broken import replace
from tests.deploy.schemas import fit
from tests.deploy.workflows import WORKFLOWS, faults, read

FAULTS = [
    ("ci.yml", "run: .ci/run", "run: make test", "`make test` is written into the workflow"),
    ("ci.yml", "run: .ci/run", "run: .ci/run && echo done", "is written into the workflow"),
    ("ci.yml", "run: .ci/run", "run: .ci/everything", "there is no program .ci/everything"),
    ("ci.yml", "    timeout-minutes: 60\n", "", "it may run for ever"),
    ("ci.yml", "contents: read", "contents: write", "it may do more than read"),
    ("ci.yml", "actions/setup-python@v5", "someone/setup-python@v5", "someone/setup-python@v5 is a stranger's"),
    ("ci.yml", "persist-credentials: false", "persist-credentials: true", "the token stays in the checkout"),
    ("slim.yml", "  pull_request:", "  pull_request_target:", "a stranger's change"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the workflows that may be broken."""
    return Path(shutil.copytree(WORKFLOWS, tmp_path / "workflows"))


def test_the_workflows_are_without_fault() -> None:
    assert {"ci.yml", "slim.yml", "site.yml"} <= set(read())
    assert faults(read()) == []


@pytest.mark.parametrize(("file", "old", "new", "fault"), FAULTS, ids=[fault for *_, fault in FAULTS])
def test_a_broken_workflow_is_caught(copy: Path, file: str, old: str, new: str, fault: str) -> None:
    replace(copy, file, old, new)
    assert fault in "\n".join(faults(read(copy)))


def test_the_workflows_fit_their_schema() -> None:
    assert fit(WORKFLOWS.glob("*.yml"), "--builtin-schema", "vendor.github-workflows")


def test_a_workflow_that_does_not_fit_its_schema_is_caught(copy: Path) -> None:
    replace(copy, "ci.yml", "runs-on:", "run-on:")
    assert not fit(copy.glob("*.yml"), "--builtin-schema", "vendor.github-workflows")


def test_the_scripts_are_sound() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    scripts = sorted(str(path) for path in (ROOT / ".ci").iterdir())
    run = subprocess.run([str(shellcheck), *scripts], capture_output=True, text=True, check=False)
    assert run.stdout + run.stderr == ""

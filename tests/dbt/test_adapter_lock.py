"""One writer at a time: who is refused, who is not, and that the lock ends with its holder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse import lock
from tests.dbt.small_project import Project

pytestmark = pytest.mark.slow

HOLDER = """
    import sys, time
    from pathlib import Path
    from lakehouse.lock import acquire_write

    held = acquire_write(Path(sys.argv[1]))
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def start_holder(project: Project, seconds: int) -> subprocess.Popen[str]:
    """Another process that takes the write lock and keeps it."""
    project.file("holder.py", HOLDER)
    command = [sys.executable, str(project.folder / "holder.py"), str(project.warehouse), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def can_be_taken_by_another(project: Project) -> bool:
    _, errors = (taker := start_holder(project, seconds=0)).communicate(timeout=30)
    assert taker.returncode == 0 or "Another process is writing" in errors
    return taker.returncode == 0


@pytest.fixture
def built(project: Project) -> Project:
    project.model("t", "select 1 as id", "models: [{name: t, columns: [{name: id, data_tests: [unique]}]}]")
    project.seed("s", "id\n1\n")
    project.succeeds("build")
    return project


@pytest.fixture
def holder(built: Project) -> Iterator[subprocess.Popen[str]]:
    process = start_holder(built, seconds=120)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("command", ["build", "run", "seed"])
def test_a_command_that_writes_is_refused_by_name_while_another_process_writes(
    built: Project, holder: subprocess.Popen[str], command: str
) -> None:
    said = built.fails(command)
    assert f"process {holder.pid} (`holder.py {built.warehouse} 120`" in said
    assert (built.version("t"), built.version("s")) == (0, 0)


def test_commands_that_read_work_while_another_process_writes(built: Project, holder: subprocess.Popen[str]) -> None:
    for command in (["show", "--select", "t"], ["docs", "generate"], ["test"], ["compile"], ["list"]):
        built.succeeds(*command)
    assert holder.poll() is None


def test_the_lock_of_a_killed_process_is_free(built: Project, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    built.succeeds("build")
    assert built.version("t") == 1


@pytest.mark.parametrize(
    ("sql", "command"),
    [
        ("select 1 as id", ["build"]),
        ("select cast('x' as int) as id", ["build"]),
        ("{{ config( }} select 1 as id", ["build"]),
        ("select 1 as id", ["run-operation", "look"]),
    ],
    ids=["good build", "bad data", "bad model", "operation"],
)
def test_the_lock_is_free_for_others_after_a_command_that_worked_or_failed(
    built: Project, sql: str, command: list[str]
) -> None:
    built.file("macros/look.sql", "{% macro look() %}{% do run_query('select 1') %}{% endmacro %}")
    built.model("t", sql)
    built.dbt(*command)
    assert can_be_taken_by_another(built)


def test_a_build_inside_a_step_that_holds_the_lock_works_and_leaves_it_held(built: Project, warehouse: Path) -> None:
    with lock.writing(warehouse):
        built.succeeds("build")
        assert not can_be_taken_by_another(built)
    assert can_be_taken_by_another(built)

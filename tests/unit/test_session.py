"""Limits of the engines, and what is said where one cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark.errors import PySparkException

from lakehouse import session
from lakehouse.errors import LakehouseError
from lakehouse.settings import ROOT


def test_the_memory_limit_is_a_share_of_the_machine() -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < session.memory_limit() <= machine * session.MEMORY_SHARE


def test_the_embedded_engine_runs_within_the_limit(warehouse: Path) -> None:
    session.open_session("local", warehouse)
    assert os.environ["SAIL_RUNTIME__MEMORY_POOL__TYPE"] == "greedy"
    assert int(os.environ["SAIL_RUNTIME__MEMORY_POOL__GREEDY__MAX_SIZE"]) == session.memory_limit()


PARTS = """
import os, sys
from pathlib import Path
from lakehouse import session

os.cpu_count = lambda: int(sys.argv[2])
session.open_session("local", Path(sys.argv[1]))
print(os.environ.get("SAIL_EXECUTION__DEFAULT_PARALLELISM"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("processors", "parts"), [(1, "4"), (3, "4"), (4, "None")])
def test_a_query_has_four_parts_where_there_are_fewer_processors(
    processors: int, parts: str, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAIL_EXECUTION__DEFAULT_PARALLELISM", raising=False)
    words = [sys.executable, "-c", PARTS, str(warehouse), str(processors)]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == parts


CROWDED = """
import sys
from pathlib import Path
from pyspark.errors import PySparkException
from lakehouse import engine, session

crowded = session.open_session("local", Path(sys.argv[1]))
try:
    crowded.sql("select id from range(100000) order by hash(id)").toPandas()
except PySparkException as error:
    print(engine.explain(error))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "pool", "is_told_how"), [(None, "greedy", True), ("1", "fair", False)])
def test_who_has_too_little_memory_is_told_to_build_one_model_at_a_time(
    threads: str | None, pool: str, is_told_how: bool, warehouse: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAIL_")}
    environment |= {f"SAIL_RUNTIME__MEMORY_POOL__{pool.upper()}__MAX_SIZE": "100000"}
    environment |= {"LAKEHOUSE_THREADS": threads} if threads else {}
    run = subprocess.run(
        [sys.executable, "-c", CROWDED, str(warehouse)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert "Failed to allocate" in run.stdout, run.stdout + run.stderr
    assert f"{pool}(" in run.stdout
    assert ("set LAKEHOUSE_THREADS=1" in run.stdout) == is_told_how


@pytest.mark.parametrize("threads", ["0", "-1", "many", ""])
def test_a_number_of_threads_that_is_none_is_refused_on_the_engine_that_reads_it(
    threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_THREADS", threads)
    session.check_engine("databricks")
    with pytest.raises(LakehouseError, match=f"LAKEHOUSE_THREADS is '{threads}'"):
        session.check_engine("local")


IDLE = """
import sys, time
from pathlib import Path
from lakehouse import session

idle = session.open_session("local", Path(sys.argv[1]))
idle.sql("select 1").collect()
time.sleep(4)
print(idle.sql("select 7 as a").collect())
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", ["1", None])
def test_a_session_outlives_a_long_pause(seconds: str | None, warehouse: Path) -> None:
    """Five minutes are the engine's own limit; with a limit of one second a pause of four shows that it is heard."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAIL_")}
    run = subprocess.run(
        [sys.executable, "-c", IDLE, str(warehouse)],
        cwd=ROOT,
        env=environment | ({"SAIL_SPARK__SESSION_TIMEOUT_SECS": seconds} if seconds else {}),
        capture_output=True,
        text=True,
    )
    assert (run.returncode == 0 and "Row(a=7)" in run.stdout) == (seconds is None), run.stderr


def test_no_pause_of_a_day_ends_a_session(warehouse: Path) -> None:
    session.open_session("local", warehouse)
    assert int(os.environ["SAIL_SPARK__SESSION_TIMEOUT_SECS"]) > 24 * 3600


def test_the_embedded_engine_listens_on_loopback_only(warehouse: Path) -> None:
    session.open_session("local", warehouse)
    assert session._sail_address()[0] == "127.0.0.1"


def test_an_engine_that_ctrl_c_has_ended_is_noticed_at_once_and_started_again(warehouse: Path) -> None:
    first = session.open_session("local", warehouse)
    first.sql("select 7 as a").write.format("delta").mode("overwrite").saveAsTable("gold.things")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    end = time.monotonic() + 60
    while session._sail_answers() and time.monotonic() < end:
        time.sleep(0.05)
    with pytest.raises(PySparkException):
        first.table("gold.things").collect()
    second = session.open_session("local", warehouse)
    assert second is not first
    assert second.table("gold.things").collect() == [(7,)]


@pytest.mark.parametrize(
    ("banner", "said"),
    [
        (None, "needs Java, and no java was found"),
        ('openjdk version "11.0.2" 2019-01-15', r"needs Java 17 or newer; .* is version 11\.0\.2"),
        ('java version "1.8.0_292"', r"is version 1\.8\.0_292"),
        ('openjdk version "16-internal"', "is version 16-internal"),
        ("no version at all", "is version unknown"),
    ],
)
def test_spark_without_a_fitting_java(
    banner: str | None, said: str, tmp_path: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if banner:
        java = tmp_path / "java"
        java.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
        java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if banner else str(tmp_path / "empty"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(LakehouseError, match=said):
        session.open_session("spark", warehouse)

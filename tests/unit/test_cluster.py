"""`lakehouse cluster`, with a process in place of Spark."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse import cli, cluster


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('java.lang.OutOfMemoryError'); raise SystemExit(0)", "ended by itself: java.lang.OutOfMemoryError"),
        ("raise SystemExit(137)", "ended by itself: it said nothing"),
    ],
)
def test_a_cluster_that_ends_by_itself_is_an_error(
    code: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def running(warehouse: Path, workers: int) -> Iterator[cluster.Cluster]:
        with (
            (tmp_path / "connect.log").open("wb") as log,
            subprocess.Popen([sys.executable, "-c", code], stdout=log) as up,
        ):
            yield cluster.Cluster("sc://127.0.0.1:1", {"connect": up}, tmp_path)

    monkeypatch.setattr(cluster, "running", running)
    monkeypatch.setattr(sys, "argv", ["lakehouse", "cluster"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_cluster_ends_when_it_is_asked_to(
    sign: signal.Signals, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still_up = []

    @contextmanager
    def running(warehouse: Path, workers: int) -> Iterator[cluster.Cluster]:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as up:
            threading.Timer(0.5, os.kill, (os.getpid(), sign)).start()
            try:
                yield cluster.Cluster("sc://127.0.0.1:1", {"connect": up}, tmp_path)
            finally:
                still_up.append(up.poll() is None)
                up.kill()

    # As in a process of its own: where an earlier test started the engine in this one, its handler of Ctrl-C is
    # before Python's, and lets a wait for a process go on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(cluster, "running", running)
    monkeypatch.setattr(sys, "argv", ["lakehouse", "cluster"])
    found = 0
    try:
        cli.main()
    except SystemExit as ended:
        found = int(ended.code or 0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert found == code
    assert still_up == [True]

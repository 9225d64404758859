"""`lakehouse cluster`, with a process in place of Spark."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse import cli, cluster
from lakehouse.settings import ROOT


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


# A process of its own: where a test before has started the engine, Ctrl-C is the engine's first, and a wait goes on.
WAITING = """
import subprocess, sys
from contextlib import contextmanager
from pathlib import Path
from lakehouse import cli, cluster

@contextmanager
def running(warehouse, workers):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as up:
        try:
            yield cluster.Cluster("sc://127.0.0.1:1", {"connect": up}, Path(sys.argv[1]))
        finally:
            up.kill()

cluster.running = running
sys.argv[1:] = ["cluster"]
cli.main()
"""


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_cluster_ends_when_it_is_asked_to(sign: signal.Signals, code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITING, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
        assert asked.stdout
        assert asked.stderr
        while "export" not in asked.stdout.readline():
            assert asked.poll() is None, asked.stderr.read()
        asked.send_signal(sign)
        said = asked.stderr.read()
    assert (asked.returncode, said) == (code, "")

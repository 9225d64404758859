"""`lakehouse cluster`, with a process in place of Spark."""

from __future__ import annotations

import subprocess
import sys
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

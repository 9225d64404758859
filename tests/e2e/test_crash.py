"""A process that is killed leaves tables that can be read, and the next run finishes the job."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lakehouse.settings import ROOT
from tests.delta import contents, differences, drop_times
from tests.runs import command, environment_for

pytestmark = pytest.mark.slow


def start(warehouse: Path, shop: Path, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "lakehouse", "run", "--path", str(shop), "--no-pages"],
        env=environment_for(warehouse),
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        cwd=ROOT,
    )


def test_a_killed_run_leaves_tables_that_can_be_read_and_the_next_finishes(
    shop: Path, shop_warehouse: Path, tmp_path: Path
) -> None:
    """One moment of the many; the others are in ``tests/chaos``."""
    warehouse = tmp_path / "warehouse"
    process = start(warehouse, shop)
    # So many commits into it, and not so many seconds: machines differ.
    until = random.Random(2024).randrange(commits(shop_warehouse))
    while commits(warehouse) < until:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    contents(warehouse)  # raises if a table cannot be read
    again = command(warehouse, "run", "--path", str(shop))
    assert again.returncode == 0, again.stderr
    built, expected = (contents(place, ("silver", "gold")) for place in (warehouse, shop_warehouse))
    assert differences(drop_times(expected), drop_times(built)) == []


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_asks_a_run_to_stop_gets_the_layer_back_and_no_trace(
    sign: signal.Signals, code: int, shop: Path, shop_warehouse: Path, tmp_path: Path
) -> None:
    warehouse = Path(shutil.copytree(shop_warehouse, tmp_path / "warehouse"))
    before = contents(warehouse)
    at_first = newest_commit(warehouse)
    process = start(warehouse, shop, stderr=subprocess.PIPE)
    while newest_commit(warehouse) == at_first:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sign)
    _, said = process.communicate()
    assert process.returncode == code, said.decode()
    assert b"Stopped. The tables are as they were" in said
    assert b"Traceback" not in said
    assert differences(before, contents(warehouse)) == []


def commits(warehouse: Path) -> int:
    return sum(1 for _ in warehouse.glob("*/*/_delta_log/*.json"))


def newest_commit(warehouse: Path) -> int:
    return max(path.stat().st_mtime_ns for path in (warehouse / "silver").glob("*/_delta_log/*.json"))

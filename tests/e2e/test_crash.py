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


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.chaos)])
def test_kills_at_random_moments(kills: int, shop: Path, shop_warehouse: Path, tmp_path: Path) -> None:
    expected = contents(shop_warehouse, ("silver", "gold"))
    began = time.monotonic()
    start(tmp_path / "whole" / "warehouse", shop).wait()
    length = time.monotonic() - began
    moments = random.Random(2024)
    killed = 0
    for number in range(kills):
        warehouse = tmp_path / str(number) / "warehouse"
        process = start(warehouse, shop)
        time.sleep(moments.uniform(0.05, 0.95) * length)
        killed += process.poll() is None
        process.kill()
        process.wait()
        contents(warehouse)  # raises if a table cannot be read
        again = command(warehouse, "run", "--path", str(shop))
        assert again.returncode == 0, again.stderr
        without_times = drop_times(contents(warehouse, ("silver", "gold")))
        assert differences(drop_times(expected), without_times) == []
    assert killed >= 0.8 * kills


def test_ctrl_c_puts_the_layer_back_and_ends_without_a_trace(
    shop: Path, shop_warehouse: Path, tmp_path: Path
) -> None:
    warehouse = Path(shutil.copytree(shop_warehouse, tmp_path / "warehouse"))
    before = contents(warehouse)
    at_first = newest_commit(warehouse)
    process = start(warehouse, shop, stderr=subprocess.PIPE)
    while newest_commit(warehouse) == at_first:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said.decode()
    assert b"Traceback" not in said
    assert differences(before, contents(warehouse)) == []


def newest_commit(warehouse: Path) -> int:
    return max(path.stat().st_mtime_ns for path in (warehouse / "silver").glob("*/_delta_log/*.json"))


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small memory disk")
def test_a_full_disk_is_named_and_the_next_run_finishes(shop: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        elsewhere = str(tmp_path / "target")
        run = command(disk / "warehouse", "run", "--path", str(shop), DBT_TARGET_PATH=elsewhere)
        assert run.returncode == 1
        assert "no space left on the disk" in run.stderr
        assert "Traceback" not in run.stderr
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        again = command(disk / "warehouse", "run", "--path", str(shop), DBT_TARGET_PATH=elsewhere)
        assert again.returncode == 0, again.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)

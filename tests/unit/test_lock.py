"""One writer at a time, whoever it is and however it ends."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from lakehouse import lock
from lakehouse.errors import LakehouseError
from tests.writer import another_writer


def test_a_second_process_is_told_who_the_first_is(tmp_path: Path) -> None:
    with another_writer(tmp_path) as first:
        said = rf"Another process is writing to .*: process {first.pid} \(`writer.py .*`, since .*\)"
        with pytest.raises(LakehouseError, match=said):
            lock.acquire_write(tmp_path)


def test_the_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    with another_writer(tmp_path) as first:
        first.kill()
        first.wait()
        with lock.writing(tmp_path):
            assert f'"pid": {os.getpid()}' in (tmp_path / lock.OWNER_FILE).read_text()


def test_one_process_may_take_it_twice_and_in_any_thread(tmp_path: Path) -> None:
    outcome: list[str] = []

    def again() -> None:
        with lock.writing(tmp_path):
            outcome.append("taken")

    with lock.writing(tmp_path):
        thread = threading.Thread(target=again)
        thread.start()
        thread.join()
    assert outcome == ["taken"]
    with another_writer(tmp_path):
        pass  # it was free

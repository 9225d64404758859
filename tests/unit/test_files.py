"""Landing files on disk: whole or not at all, with bounded memory, and back to what was there if moving fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_generation import files
from data_generation.files import WORKPLACE, Files, put_in_place, workplace
from lakehouse.errors import LakehouseError
from tests.unit.generated import content

SCHEMA = pa.schema([("id", pa.string()), ("name", pa.string())])


def rows(first: int, last: int) -> pa.Table:
    return pa.table({"id": [str(n) for n in range(first, last)], "name": ["ação"] * (last - first)}, schema=SCHEMA)


# --- files


@pytest.mark.parametrize("size", [7, 100, 450])
def test_what_waits_on_disk_changes_no_byte(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROWS_PER_GROUP", 100)
    for name, waiting in (("memory", 1 << 28), ("disk", 1_000)):
        monkeypatch.setattr(files, "WAITING_BYTES", waiting)
        folder = tmp_path / name
        folder.mkdir()
        written = Files(folder)
        for first in range(0, 450, size):
            for day in ("a", "b"):
                written.append(f"{day}/x.parquet", SCHEMA, rows(first, min(first + size, 450)))
        written.append("a/empty.parquet", SCHEMA, SCHEMA.empty_table())
        written.close()
    assert content(tmp_path / "memory") == content(tmp_path / "disk")
    assert content(tmp_path / "disk").keys() == {"a/x.parquet", "b/x.parquet", "a/empty.parquet"}
    assert pq.read_table(tmp_path / "disk" / "a" / "x.parquet").equals(rows(0, 450))
    assert pq.ParquetFile(tmp_path / "disk" / "a" / "x.parquet").num_row_groups == 5
    assert pq.read_table(tmp_path / "disk" / "a" / "empty.parquet").schema == SCHEMA


def test_what_waits_in_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WAITING_BYTES", 1 << 20)
    before = pa.total_allocated_bytes()
    written, most = Files(tmp_path), 0
    for number in range(100):
        written.append(f"{number}.parquet", SCHEMA, rows(0, 5_000))
        most = max(most, pa.total_allocated_bytes() - before)
    written.close()
    assert most < 2 << 20
    assert len(pq.read_table(tmp_path / "99.parquet")) == 5_000


# --- the folder to work in


def test_a_workplace_is_gone_afterwards_and_so_are_folders_made_for_it(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with pytest.raises(KeyboardInterrupt), workplace(out) as work:
        assert work == out / WORKPLACE
        (work / "made").mkdir()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with workplace(out):
        (out / "x").write_text("x")
    assert [entry.name for entry in out.iterdir()] == ["x"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / WORKPLACE / "made" / "truth").mkdir(parents=True)
    with workplace(tmp_path) as work:
        assert not (work / "made").exists()
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path) -> None:
    code = f"""
import pathlib, sys
from data_generation.files import workplace
with workplace(pathlib.Path({str(tmp_path)!r})) as work:
    (work / "made").mkdir()
    print("ready", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        who = rf"Another process is writing to .*: process {other.pid}"
        with pytest.raises(LakehouseError, match=who), workplace(tmp_path):
            pass
        assert (tmp_path / WORKPLACE / "made").exists()
        other.kill()
        other.wait()
    with workplace(tmp_path) as work:
        assert not (work / "made").exists()


# --- moving into place


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    """A folder with an old delivery and something else, and a new delivery beside it."""
    for path in ("out/day 1/x", "out/day 2/x", "out/y", "out/notes", "made/y", "made/day 2/x", "made/day 3/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


BEFORE = ["day 1/x", "day 2/x", "gone", "y"]


def test_the_new_takes_the_place_of_the_old(delivered: Path) -> None:
    put_in_place(delivered / "made", delivered / "out", BEFORE, delivered / "aside")
    assert content(delivered / "out") == {
        **{path: f"made/{path}".encode() for path in ("day 2/x", "day 3/x", "y")},
        "notes": b"out/notes",
    }
    assert not (delivered / "out" / "day 1").exists()


@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()], ids=type)
def test_a_move_that_fails_puts_everything_back(
    which: int, error: BaseException, delivered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, moves, replace = content(delivered / "out"), [], Path.replace

    def fail(self: Path, target: Path) -> Path:
        moves.append(target)
        if len(moves) == which + 1:
            raise error
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(error)):
        put_in_place(delivered / "made", delivered / "out", BEFORE, delivered / "aside")
    assert content(delivered / "out") == before
    assert sorted(os.listdir(delivered / "out")) == ["day 1", "day 2", "notes", "y"]

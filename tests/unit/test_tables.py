"""The way back to an earlier state."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse import catalog, lock, tables
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError
from lakehouse.settings import ROOT
from tests.delta import content

THINGS = TableName("gold", "things")
KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow as pa
from deltalake import write_deltalake
from lakehouse import tables

things = Path(sys.argv[1])
with tables.writing(things, ["gold"], gated=True):
    write_deltalake(things / "gold" / "things", pa.table({"a": [3]}), mode="append")
    write_deltalake(things / "gold" / "new", pa.table({"a": [3]}))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def things(warehouse: Path) -> Path:
    catalog.prepare(warehouse)
    write_deltalake(THINGS.path(warehouse), pa.table({"a": [1, 2]}))
    return warehouse


def test_row_counts_come_from_the_log(things: Path) -> None:
    write_deltalake(THINGS.path(things), pa.table({"a": [3]}), mode="append")
    assert tables.row_count(things, THINGS) == 3


def test_a_failed_step_leaves_no_trace_in_what_readers_see(things: Path) -> None:
    before = content(things, THINGS)
    with pytest.raises(RuntimeError, match="boom"), tables.writing(things, ["gold"]):
        write_deltalake(THINGS.path(things), pa.table({"b": ["x"]}), mode="overwrite", schema_mode="overwrite")
        write_deltalake(things / "gold" / "fresh", pa.table({"a": [1]}))
        raise RuntimeError("boom")
    assert content(things, THINGS).equals(before)
    assert catalog.tables(things) == [THINGS]


def test_the_failed_versions_stay_for_inspection(things: Path) -> None:
    with pytest.raises(RuntimeError), tables.writing(things, ["gold"]):
        write_deltalake(THINGS.path(things), pa.table({"a": [9]}), mode="overwrite")
        raise RuntimeError
    assert DeltaTable(THINGS.path(things), version=1).to_pyarrow_table().to_pylist() == [{"a": 9}]


def test_other_layers_and_untouched_tables_keep_their_version(things: Path) -> None:
    silver = TableName("silver", "things")
    write_deltalake(silver.path(things), pa.table({"a": [1]}))
    before = tables.versions(things, ["gold", "silver"])
    with pytest.raises(RuntimeError), tables.writing(things, ["gold"]):
        write_deltalake(silver.path(things), pa.table({"a": [2]}), mode="append")
        raise RuntimeError
    after = tables.versions(things, ["gold", "silver"])
    assert after[THINGS] == before[THINGS]
    assert after[silver] == before[silver] + 1


def test_a_step_that_succeeds_keeps_its_work(things: Path) -> None:
    with tables.writing(things, ["gold"]):
        write_deltalake(THINGS.path(things), pa.table({"a": [3]}), mode="append")
    assert tables.row_count(things, THINGS) == 3


def test_what_a_gated_step_wrote_before_it_was_killed_goes_with_the_next_lock(things: Path) -> None:
    before = content(things, THINGS)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(things)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert tables.row_count(things, THINGS) == 3
    with tables.locked(things):
        assert content(things, THINGS).equals(before)
        assert catalog.tables(things, ["gold"]) == [THINGS]
        with tables.writing(things, ["gold"], gated=True):
            write_deltalake(THINGS.path(things), pa.table({"a": [3]}), mode="append")
    with tables.locked(things):
        assert tables.row_count(things, THINGS) == 3


def test_a_note_that_was_lost_with_the_power_holds_nobody_up(things: Path) -> None:
    (things / tables.STEP).write_text("")
    with tables.locked(things):
        assert tables.row_count(things, THINGS) == 2
    assert not (things / tables.STEP).exists()


def test_a_table_that_cannot_be_put_back_is_named_and_does_not_hold_up_the_others(things: Path) -> None:
    other = TableName("gold", "a_table_before_it")
    write_deltalake(other.path(things), pa.table({"a": [1]}))
    before = content(things, THINGS)
    with (
        pytest.raises(LakehouseError, match=r"could not be put back: gold\.a_table_before_it \(") as caught,
        tables.writing(things, ["gold"]),
    ):
        write_deltalake(THINGS.path(things), pa.table({"a": [9]}), mode="overwrite")
        for log in (other.path(things) / "_delta_log").glob("*.json"):
            log.write_text("not json")
        raise RuntimeError("boom")
    assert "gold.things" not in str(caught.value)
    assert content(things, THINGS).equals(before)


def test_a_lock_that_cannot_be_written_is_explained(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warehouse is there already, and its disk has become read-only since."""
    catalog.prepare(warehouse)

    def refused(place: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(place / lock.LOCK_FILE))

    monkeypatch.setattr(lock, "acquire_write", refused)
    said = f"{warehouse} cannot be written: read-only file system"
    with pytest.raises(LakehouseError, match=said), tables.locked(warehouse):
        pass

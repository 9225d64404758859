"""An ingest that is interrupted, or whose warehouse is damaged, full or not ours: the next run finishes."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deltalake import write_deltalake

from lakehouse import catalog, chunks, ingest
from lakehouse.bronze import DELIVERIES, REJECTED_ROWS
from lakehouse.errors import LakehouseError
from lakehouse.settings import ROOT
from tests import delta
from tests.unit.ingested import ITEMS, SELLERS, TABLE_OF, add_lines, bronze, rows, take_in

pytestmark = pytest.mark.slow

# --- interrupted, and run again


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [Stop, LakehouseError, KeyboardInterrupt], ids=lambda error: error.__name__)
def test_an_interrupted_ingest_is_finished_by_the_next(
    error: type[BaseException],
    files: Path,
    shop: Path,
    ingested: Path,
    warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is raised midway comes out as it is, at once, and Bronze is what it was: here, nothing."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1_000)

    def stop(file: str, done: int, size: int) -> None:
        if file == ITEMS and done > size / 2:
            if error is KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
            raise error("midway")

    with pytest.raises(error):
        ingest.ingest("olist", [shop], warehouse, stop)
    assert gc.isenabled()
    assert catalog.tables(warehouse) == []
    take_in(shop, warehouse)
    assert bronze(warehouse) == bronze(ingested)


def test_lost_deliveries_are_refused_and_no_earlier_row_is_removed(files: Path, warehouse: Path) -> None:
    take_in(files, warehouse)
    with (files / SELLERS).open("ab") as stream:
        stream.write(b"new,01000,manaus,AM\n")
    take_in(files, warehouse)
    before = rows(warehouse, SELLERS)
    catalog.open_delta(warehouse, DELIVERIES).delete()
    with pytest.raises(LakehouseError, match=r"bronze\.deliveries has lost its rows.*ingest every delivery again"):
        take_in(files, warehouse)
    assert rows(warehouse, SELLERS) == before


def test_a_delivery_whose_rows_are_lost_is_missed_and_can_be_taken_in_again(files: Path, warehouse: Path) -> None:
    """As in a folder that was brought back from a copy older than the rest."""
    take_in(files, warehouse)
    add_lines(files / SELLERS, b"new,01000,manaus,AM")
    take_in(files, warehouse)
    before, delivered = rows(warehouse, SELLERS), (files / SELLERS).read_bytes()
    sellers = warehouse / "bronze" / "sellers"
    max((sellers / "_delta_log").glob("*.json")).unlink()
    add_lines(files / SELLERS, b"newer,01000,manaus,AM")
    lacks = rf"bronze\.sellers at {sellers} lacks 1 of its 2 deliveries\. Bring {sellers} back"
    with pytest.raises(LakehouseError, match=lacks):
        take_in(files, warehouse)
    (files / SELLERS).write_bytes(delivered)
    take_in(files, warehouse)
    assert [row["_source_row"] for row in rows(warehouse, SELLERS)] == [row["_source_row"] for row in before]


def forget_the_delivery(warehouse: Path) -> None:
    catalog.open_delta(warehouse, DELIVERIES).delete("table_name = 'sellers'")


def double_the_rows(warehouse: Path) -> None:
    table = catalog.open_delta(warehouse, TABLE_OF[SELLERS])
    write_deltalake(table, table.to_pyarrow_table(), mode="append")


def lose_rows(warehouse: Path) -> None:
    catalog.open_delta(warehouse, TABLE_OF[SELLERS]).delete("_source_row > 5")


def lose_the_rejected(warehouse: Path) -> None:
    catalog.open_delta(warehouse, REJECTED_ROWS).delete()


def lose_the_table(warehouse: Path) -> None:
    shutil.rmtree(TABLE_OF[SELLERS].path(warehouse))


def go_back_to_empty(warehouse: Path) -> None:
    catalog.open_delta(warehouse, TABLE_OF[SELLERS]).restore(0)


@pytest.mark.parametrize(
    "damage",
    [forget_the_delivery, double_the_rows, lose_the_table, go_back_to_empty],
)
def test_a_batch_that_is_not_whole_is_taken_in_again(
    damage: Callable[[Path], None], files: Path, warehouse: Path
) -> None:
    add_lines(files / SELLERS, b"too,few")
    take_in(files, warehouse)
    whole = bronze(warehouse)
    damage(warehouse)
    assert bronze(warehouse) != whole
    assert [report.file for report in take_in(files, warehouse) if not report.already_there] == [SELLERS]
    assert bronze(warehouse) == whole


@pytest.mark.parametrize("removed", [lose_rows, lose_the_rejected])
def test_rows_that_somebody_removed_do_not_come_back_with_their_file(
    removed: Callable[[Path], None], files: Path, warehouse: Path
) -> None:
    add_lines(files / SELLERS, b"too,few")
    take_in(files, warehouse)
    removed(warehouse)
    left = bronze(warehouse)
    assert all(report.already_there for report in take_in(files, warehouse))
    assert bronze(warehouse) == left


def test_the_rest_of_an_interrupted_batch_goes_when_the_file_comes_in_another_form(
    files: Path, shop: Path, ingested: Path, warehouse: Path
) -> None:
    add_lines(files / SELLERS, b"s1,01000,manaus,AM", b"too,few")
    take_in(files, warehouse)
    forget_the_delivery(warehouse)
    take_in(shop, warehouse)
    assert bronze(warehouse) == bronze(ingested)


def test_rows_that_somebody_removed_from_an_older_batch_stay_removed(
    files: Path, shop: Path, warehouse: Path
) -> None:
    take_in(shop, warehouse)
    lose_rows(warehouse)
    add_lines(files / SELLERS, b"s1,01000,manaus,AM")
    take_in(files, warehouse)
    batches = delta.query(warehouse, "select count(*) as n from bronze__sellers group by _batch_id order by n")
    assert [batch["n"] for batch in batches] == [4, 13]


KILLED = """
import os, signal, sys
from pathlib import Path
from lakehouse import ingest
from lakehouse.appender import Appender

moment = int(sys.argv[3])

class Deadly(Appender):
    def __exit__(self, *error):
        global moment
        moment -= 1
        if moment == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super().__exit__(*error)

ingest.Appender = Deadly
ingest.ingest("olist", [Path(sys.argv[1])], Path(sys.argv[2]))
"""


def test_killed_again_and_again_the_next_run_finishes(files: Path, tmp_path: Path) -> None:
    """Between the commits of rejects, of rows, and of the word that a file is complete."""
    add_lines(files / ITEMS, b"too,few")
    warehouse = tmp_path / "killed" / "warehouse"
    # Each file has three commits at most. Before the third of the first file; when that is done again and the next is
    # taken in, before the second of the third file; before its third.
    for moment in (3, 8, 3):
        process = subprocess.run(
            [sys.executable, "-c", KILLED, str(files), str(warehouse), str(moment)], cwd=ROOT, check=False
        )
        assert process.returncode == -signal.SIGKILL
        bronze(warehouse)
    take_in(files, warehouse)
    take_in(files, tmp_path / "whole" / "warehouse")
    assert bronze(warehouse) == bronze(tmp_path / "whole" / "warehouse")


# --- a warehouse that cannot be used


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(shop: Path, warehouse: Path) -> None:
    warehouse.mkdir()
    (warehouse / "thesis.docx").write_text("my only copy")
    with pytest.raises(LakehouseError, match=r"is not a warehouse of this project: it holds thesis\.docx"):
        take_in(shop, warehouse)
    assert [entry.name for entry in warehouse.iterdir()] == ["thesis.docx"]
    assert (warehouse / "thesis.docx").read_text() == "my only copy"


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_place_of_the_warehouse_is_refused_and_left_as_it_is(
    below: str, shop: Path, warehouse: Path
) -> None:
    warehouse.write_text("my only copy")
    with pytest.raises(LakehouseError, match=r"is a file, not a folder|cannot be written: not a directory"):
        take_in(shop, warehouse / below)
    assert warehouse.read_text() == "my only copy"


def test_a_table_that_cannot_be_read_is_named(shop: Path, warehouse: Path) -> None:
    take_in(shop, warehouse)
    log = TABLE_OF[SELLERS].path(warehouse) / "_delta_log" / f"{0:020}.json"
    log.write_text("{ damaged")
    with pytest.raises(LakehouseError, match=r"table bronze\.sellers at .* cannot be read: .* Bring .* back"):
        take_in(shop, warehouse)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of its own: called with mount options it is mounted, called again it is mounted anew with others."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        if folder.is_mount():
            options = f"remount,{options}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.decode().strip()}")
        return folder

    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    yield mount
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.mark.parametrize("size", ["4k", "16k", "100k", "200k"])
def test_a_full_disk_is_named_and_the_next_run_finishes(
    size: str, disk: Callable[[str], Path], shop: Path, ingested: Path
) -> None:
    warehouse = disk(f"size={size}") / "warehouse"
    with pytest.raises(LakehouseError, match=r"no space left on the disk that holds .*Free some space"):
        take_in(shop, warehouse)
    disk("size=64m")
    take_in(shop, warehouse)
    assert bronze(warehouse) == bronze(ingested)


def test_a_disk_that_may_only_be_read_is_named(disk: Callable[[str], Path], shop: Path, files: Path) -> None:
    warehouse = disk("size=64m") / "warehouse"
    disk("ro")
    with pytest.raises(LakehouseError, match=r"cannot be written: read-only file system.*write access"):
        take_in(shop, warehouse)
    disk("rw")
    take_in(shop, warehouse)
    before = bronze(warehouse)
    add_lines(files / SELLERS, b"s1,01000,manaus,AM")
    disk("ro")
    with pytest.raises(LakehouseError, match=r"cannot be written: read-only file system.*write access"):
        take_in(files, warehouse)
    assert bronze(warehouse) == before

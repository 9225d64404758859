"""What the tests of this folder look for, planted: each is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse import catalog
from tests.chaos.lab import Lab, Step, one_error

STEP = Step("silver", (), 0, 1)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Two states of two tables, one of which a step fills row by row; the home is in the first."""
    for state, rows in enumerate(([1], [1, 2, 3])):
        warehouse = tmp_path / "states" / str(state) / "warehouse"
        catalog.prepare(warehouse)
        for name in ("silver/orders", "bronze/deliveries"):
            write_deltalake(warehouse / name, pa.table({"id": rows}))
        page = warehouse.parent / "site" / "executive.html"
        page.parent.mkdir()
        page.write_text(f"<html>{state} at 2026-01-01 10:0{state}</html>\n")
    shutil.copytree(tmp_path / "states" / "0", tmp_path / "home")
    return Lab(tmp_path)


def rewrite(lab: Lab, name: str, rows: list[int]) -> None:
    write_deltalake(lab.warehouse / name, pa.table({"id": rows}), mode="overwrite")


def test_an_old_state_and_a_new_one_are_whole(lab: Lab) -> None:
    assert lab.torn(STEP) == []
    rewrite(lab, "silver/orders", [1, 2, 3])
    rewrite(lab, "bronze/deliveries", [1, 2])
    assert lab.torn(STEP) == []


def test_what_is_neither_is_told(lab: Lab) -> None:
    rewrite(lab, "silver/orders", [1, 2])
    rewrite(lab, "bronze/deliveries", [1, 7])
    (lab.site / "executive.html").write_text("<html>1 at")
    assert lab.torn(STEP) == [
        "bronze.deliveries is neither old nor new: 2 rows",
        "silver.orders is neither old nor new: 2 rows",
        "executive.html has no end",
    ]
    shutil.rmtree(lab.warehouse / "silver" / "orders")
    assert "silver.orders is gone" in lab.torn(STEP)


def test_a_table_that_cannot_be_read_stops_the_look(lab: Lab) -> None:
    [part] = (lab.warehouse / "silver" / "orders").glob("*.parquet")
    part.unlink()
    with pytest.raises(FileNotFoundError):
        lab.torn(STEP)


def test_what_differs_from_a_state_is_told_but_for_times(lab: Lab) -> None:
    (lab.site / "executive.html").write_text("<html>0 at 2031-01-01 23:59</html>\n")
    assert lab.changed(0) == []
    (lab.site / "executive.html").write_text("<html>2 at 2031-01-01 23:59</html>\n")
    rewrite(lab, "silver/orders", [1, 2, 3])
    assert lab.changed(0) == ["silver.orders has 1 rows, or 3", "site/executive.html differs"]


@pytest.mark.parametrize(
    "said", ["", "a warning\nerror: no space", "Traceback (most recent call last)\nerror: a\nTraceback"]
)
def test_what_is_not_one_error_is_told(said: str) -> None:
    with pytest.raises(AssertionError):
        one_error(said)


@pytest.mark.chaos
def test_a_command_that_is_forked_ends_and_speaks_as_one_of_its_own(lab: Lab) -> None:
    step = Step("score", ("score", "nobody"), 0, 1)
    ended, said = lab.end(step)
    assert (ended, said) == lab.end(step, "env")
    assert one_error(said).startswith("There is no model called 'nobody'.")
    assert ended == 1

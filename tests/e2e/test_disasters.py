"""Twelve deliveries that went wrong, each sent to the whole pipeline: none of them gets past the first gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest

from lakehouse import gate, pipeline
from lakehouse.catalog import TableName
from lakehouse.session import close_session
from lakehouse.settings import SCHEMAS
from tests.delta import contents, differences, query
from tests.disasters import TWELVE, made_up, struck
from tests.runs import command

pytestmark = pytest.mark.slow
DATA = tuple(schema for schema in SCHEMAS if schema != "quality")


class Built(NamedTuple):
    """A delivery, the warehouse that was built from it, and what its tables hold."""

    files: Path
    warehouse: Path
    before: dict[TableName, pa.Table]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("disasters")
    files, warehouse = made_up(folder), folder / "warehouse"
    run = command(warehouse, "ingest", "--path", str(files))
    assert run.returncode == 0, run.stdout + run.stderr
    yield Built(files, warehouse, contents(warehouse, DATA))
    close_session("local", warehouse)


@pytest.mark.parametrize("what", TWELVE)
def test_a_disaster_stops_at_the_first_gate_and_changes_no_table(what: str, built: Built, tmp_path: Path) -> None:
    disaster = TWELVE[what]
    files = struck(disaster, built.files, tmp_path / "files")
    with pytest.raises(gate.CheckFailed) as raised:
        list(pipeline.run("olist", [files], "local", built.warehouse, lambda *_: None))
    assert raised.value.exit_code == 2
    assert "checks of bronze failed; its tables are as they were before" in raised.value.what
    found = query(
        built.warehouse,
        "select check_name, status from quality__check_results where status in ('failed', 'warned') "
        "and run_id = (select max(run_id) from quality__check_results)",
    )
    assert {row["check_name"] for row in found} == disaster.seen_by
    for row in found:
        assert (row["check_name"] in raised.value.what) == (row["status"] == "failed")
    assert differences(built.before, contents(built.warehouse, DATA)) == []


def test_after_them_all_the_sound_delivery_is_the_usual_one(built: Built) -> None:
    """What a disaster measured does not become what later runs are compared with."""
    run = command(built.warehouse, "validate", "--layer", "bronze")
    assert run.returncode == 0, run.stdout + run.stderr
    unsound = query(
        built.warehouse,
        "select check_name from quality__check_results where kind = 'expectation' "
        "and status in ('failed', 'warned') and run_id = (select max(run_id) from quality__check_results)",
    )
    assert unsound == []

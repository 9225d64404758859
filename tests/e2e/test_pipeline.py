"""The main job as a user meets it: run twice, run in parts, run with bad input, run two at once."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse import tables
from lakehouse.catalog import TableName
from lakehouse.settings import ROOT
from tests.delta import contents, differences, query
from tests.runs import command, dbt, environment_for, here
from tests.writer import another_writer

pytestmark = pytest.mark.slow
LAYERS = ("bronze", "silver", "gold")


@pytest.fixture
def built(shop_warehouse: Path, warehouse: Path) -> Path:
    """A copy of the built shop that the test may change."""
    shutil.copytree(shop_warehouse, warehouse)
    return warehouse


def copy_of_shop(shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop, tmp_path / "files"))


def test_a_second_run_changes_nothing(shop: Path, built: Path) -> None:
    before = contents(built)
    run = command(built, "run", "--path", str(shop))
    assert run.returncode == 0, run.stderr
    assert differences(before, contents(built)) == []
    assert run.stdout.count("there already") == 11


def test_plain_dbt_build_works_anew_west_of_greenwich(built: Path) -> None:
    """Every model, test and unit test by dbt's own command."""
    before = contents(built)
    run = dbt(built, "build", "--full-refresh", TZ="America/Sao_Paulo")
    assert run.returncode == 0, run.stdout
    assert differences(before, contents(built)) == []


def test_layer_by_layer_on_an_empty_warehouse_east_of_greenwich(
    shop: Path, shop_warehouse: Path, warehouse: Path
) -> None:
    """Another way to the same tables, on a machine whose clock is ahead; that of the test before is behind."""
    layers = [("build", "--layer", layer) for layer in ("silver", "gold", "marts")]
    for words in (("ingest", "--path", str(shop)), *layers, ("site",)):
        run = command(warehouse, *words, TZ="Asia/Tokyo")
        assert run.returncode == 0, run.stderr
    assert (warehouse.parent / "site" / "index.html").is_file()
    assert differences(contents(shop_warehouse, ("gold",)), contents(warehouse, ("gold",))) == []


def test_docs_and_freshness_work(built: Path) -> None:
    for words in (("docs", "generate"), ("source", "freshness")):
        run = dbt(built, *words)
        assert run.returncode == 0, run.stdout


def test_a_failing_test_puts_the_layer_back(shop: Path, built: Path, tmp_path: Path) -> None:
    files = copy_of_shop(shop, tmp_path)
    stray = '"stray",1,"no-such-product","no-such-seller",2018-01-01 10:00:00,10.00,1.00\n'
    with (files / "olist_order_items_dataset.csv").open("a") as stream:
        stream.write(stray)
    events = DeltaTable(TableName("silver", "clickstream_events").path(built))
    write_deltalake(events, events.to_pyarrow_table().slice(0, 1), mode="append")
    before = contents(built, ("silver", "gold"))
    run = command(built, "run", "--path", str(files))
    assert run.returncode == 1
    assert "grain_clickstream_events_event_id" in run.stderr
    assert "Traceback" not in run.stderr
    assert differences(before, contents(built, ("silver", "gold"))) == []
    assert "stray" in {row["order_id"] for row in query(built, "select order_id from bronze__order_items")}
    failed = tables.versions(built, ["silver"])
    assert max(failed.values()) > 0  # the failed versions are still in the log


def test_a_model_that_breaks_its_contract_fails_the_build(built: Path, tmp_path: Path) -> None:
    project = shutil.copytree(ROOT / "dbt_project", tmp_path / "dbt_project", ignore=shutil.ignore_patterns("target"))
    shutil.copytree(ROOT / "python_models", tmp_path / "python_models")
    model = Path(project) / "models" / "gold" / "weekly_revenue.sql"
    model.write_text(model.read_text().replace("as decimal(18, 2)) as revenue", "as decimal(18, 3)) as revenue"))
    before = contents(built, ("gold",))
    run = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "build", "--select", "weekly_revenue", "--project-dir"]
        + [str(project), "--profiles-dir", "profiles"],
        env=environment_for(built),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == 1
    assert re.search(r"revenue\s*\| decimal\(18,3\)\s*\| decimal\(18,2\)\s*\| data type mismatch", run.stdout)
    assert differences(before, contents(built, ("gold",))) == []


def test_a_second_writer_is_told_who_the_first_is_and_readers_go_on(shop: Path, built: Path) -> None:
    with another_writer(built) as first:
        for words in (("run", "--path", str(shop)), ("build",), ("ingest", "--path", str(shop))):
            run = here(built, *words)
            assert run.returncode == 1
            assert f"Another process is writing to {built}: process {first.pid} " in run.stderr
        plain = dbt(built, "build")
        assert plain.returncode != 0
        assert f"process {first.pid} " in plain.stdout
        shown = dbt(built, "show", "--inline", "select count(*) as weeks from {{ ref('weekly_revenue') }}")
        assert shown.returncode == 0, shown.stdout


def test_a_damaged_file_costs_only_its_damaged_lines(shop: Path, warehouse: Path, tmp_path: Path) -> None:
    files = copy_of_shop(shop, tmp_path)
    reviews = files / "olist_order_reviews_dataset.csv"
    reviews.write_bytes(reviews.read_bytes() + b'"too","few"\n"r1","o1",5,"\xff\xfe",,,\n')
    run = command(warehouse, "ingest", "--path", str(files))
    assert run.returncode == 0, run.stderr
    assert "2 lines are no records; bronze.rejected_rows keeps them with the reason." in run.stdout
    rejected = query(warehouse, "select reason from bronze__rejected_rows order by _source_row")
    assert [row["reason"] for row in rejected] == ["too few fields: 2 instead of 7", "not valid UTF-8"]


def test_bad_input_gets_one_clear_message(warehouse: Path) -> None:
    """As a process of its own; every kind, in one process, is in ``tests/unit/test_bad_input.py``."""
    run = command(warehouse, "build")
    assert run.returncode == 1
    assert "Bronze is empty" in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("error: ")


def test_a_folder_of_something_else_is_refused(shop: Path, warehouse: Path) -> None:
    warehouse.mkdir()
    (warehouse / "photos.zip").write_bytes(b"")
    for run in (here(warehouse, "run", "--path", str(shop)), here(warehouse, "build")):
        assert run.returncode == 1
        assert "is not a warehouse of this project: it holds photos.zip" in run.stderr
    assert [entry.name for entry in warehouse.iterdir()] == ["photos.zip"]

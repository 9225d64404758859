"""The gates between the layers, as a user meets them."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse import tables
from lakehouse.catalog import TableName
from tests.conftest import Once
from tests.delta import contents, differences, query
from tests.gated import BROKEN, KILLED, SUITES
from tests.runs import command, here
from tests.writer import another_writer

pytestmark = pytest.mark.slow
ITEMS = "olist_order_items_dataset.csv"


def gated(warehouse: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line with the suites of :mod:`tests.gated`."""
    return command(warehouse, *words, module="tests.gated", **environment)


@pytest.fixture(scope="session")
def gated_warehouse(shop: Path, once: Once) -> Path:
    """The small shop, built through the gates of :mod:`tests.gated`; with what the run said beside it."""

    def fill(folder: Path) -> None:
        run = gated(folder / "warehouse", "run", "--path", str(shop))
        assert run.returncode == 0, run.stdout + run.stderr
        (folder / "said").write_text(run.stdout)

    return once("shop_gated", fill) / "warehouse"


@pytest.fixture
def built(gated_warehouse: Path, warehouse: Path) -> Path:
    """A copy of the gated shop that the test may change."""
    return Path(shutil.copytree(gated_warehouse, warehouse))


def results(warehouse: Path, columns: str, where: str = "true") -> list[dict[str, Any]]:
    return query(warehouse, f"select {columns} from quality__check_results where {where}")


def delivery(shop: Path, folder: Path, price: str, times: int = 1) -> Path:
    """A copy of the shop in which one line of an order has another price, or is there more often."""
    files = Path(shutil.copytree(shop, folder))
    header, line, *rest = (files / ITEMS).read_text().splitlines()
    planted = line.split(",")
    planted[5] = price
    (files / ITEMS).write_text("\n".join([header, *[",".join(planted)] * times, *rest, ""]))
    return files


def planted_order(shop: Path) -> str:
    return (shop / ITEMS).read_text().splitlines()[1].split(",")[0].strip('"')


def test_a_good_run_passes_counts_warnings_and_says_what_it_could_not_know(gated_warehouse: Path) -> None:
    said = (gated_warehouse.parent / "said").read_text()
    assert "3 of 9 checks passed, 3 warned." in said
    assert "3 had nothing to judge, or no earlier run to compare with. A first run has none." in said
    assert "warning: silver.order_items: rows_at_all: row_count " in said
    assert "site/quality/index.html\n" in said
    assert (gated_warehouse.parent / "site" / "quality" / "index.html").exists()


def test_as_many_checks_are_evaluated_as_are_declared(gated_warehouse: Path) -> None:
    declared = sorted(
        (suite.layer, suite.title, check.name)
        for suites in SUITES.values()
        for suite in suites
        for check in suite.checks
    )
    found = results(gated_warehouse, "layer, suite, check_name", "kind = 'expectation'")
    assert sorted(tuple(row.values()) for row in found) == declared
    assert len(declared) == 9


def test_every_test_of_dbt_is_in_the_table(gated_warehouse: Path) -> None:
    said = (gated_warehouse.parent / "said").read_text()
    found = results(gated_warehouse, "layer, check_name, status, severity, run_id", "kind = 'dbt'")
    assert f"All {len(found)} tests passed." in said
    assert {row["status"] for row in found} == {"passed"}
    assert {row["layer"] for row in found} == {"bronze", "silver", "gold", "marts"}
    assert len({row["run_id"] for row in results(gated_warehouse, "run_id")}) == 1


@pytest.mark.parametrize(
    ("layer", "price", "times", "said", "untouched"),
    [
        (
            "bronze",
            "10.00",
            20_000,
            ("order_items: deliveries_too_high", "less than or equal to 10"),
            ("silver", "gold"),
        ),
        ("silver", "900000.00", 1, ("order_items: price_too_high", "observed: price 900,000"), ("gold",)),
        ("gold", "90000.00", 1, ("fct_order_items: price_too_high", "less than or equal to 50,000"), ()),
    ],
)
def test_a_disaster_stops_at_its_layer_and_leaves_it_as_it_was(
    layer: str,
    price: str,
    times: int,
    said: Sequence[str],
    untouched: Sequence[str],
    shop: Path,
    built: Path,
    tmp_path: Path,
) -> None:
    before = contents(built, (layer, *untouched))
    run = gated(built, "run", "--path", str(delivery(shop, tmp_path / "files", price, times)))
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stderr
    assert f"checks of {layer} failed; its tables are as they were before:" in run.stderr
    for words in (
        *said,
        "Nobody has seen more than",
        "expected: ",
        str(tmp_path / "site" / "quality" / "index.html"),
    ):
        assert words in run.stderr
    if layer != "gold":
        assert f'for example: [{{"order_id": "{planted_order(shop)}"' in run.stderr
    assert differences(before, contents(built, (layer, *untouched))) == []

    failed = query(built, "select * from quality__failed_versions")
    assert {row["layer"] for row in failed} == {layer}
    about = next(row for row in failed if row["table_name"].endswith("order_items"))
    table = TableName(layer, about["table_name"]).path(built)
    column = pa_column(DeltaTable(table, version=about["version"]), "price")
    assert float(price) in {float(value) for value in column}

    newest = query(built, "select max(run_id) as run_id from quality__check_results")[0]["run_id"]
    assert {row["run_id"] for row in failed} == {newest}
    ended = results(built, "layer, check_name", f"run_id = '{newest}' and status = 'failed'")
    assert {row["layer"] for row in ended} == {layer}
    accepted = query(built, f"select layer, accepted from quality__measurements where run_id = '{newest}'")
    assert {row["accepted"] for row in accepted if row["layer"] == layer} == {False}
    assert {row["accepted"] for row in accepted if row["layer"] != layer} <= {True}


def pa_column(table: DeltaTable, name: str) -> list[Any]:
    return [value for value in table.to_pyarrow_table(columns=[name])[name].to_pylist() if value is not None]


def test_a_second_run_knows_the_first(shop: Path, built: Path) -> None:
    run = gated(built, "ingest", "--path", str(shop))
    assert run.returncode == 0, run.stderr
    assert "2 of 3 checks passed, 1 warned." in run.stdout
    assert "no earlier run" not in run.stdout
    runs = query(built, "select layer, count(distinct run_id) as runs from quality__measurements group by layer")
    assert {row["layer"]: row["runs"] for row in runs} == {"bronze": 2, "silver": 1, "gold": 1}


def test_a_failed_test_of_dbt_is_kept_and_is_no_failed_check(shop: Path, built: Path) -> None:
    events = DeltaTable(TableName("silver", "clickstream_events").path(built))
    write_deltalake(events, events.to_pyarrow_table().slice(0, 1), mode="append")
    run = gated(built, "build", "--layer", "silver")
    assert run.returncode == 1
    failed = results(built, "check_name, table_name, kind", "status = 'failed'")
    assert {
        "check_name": "grain_clickstream_events_event_id",
        "table_name": "clickstream_events",
        "kind": "dbt",
    } in failed


def test_validate_alone_checks_and_changes_nothing_but_the_results(built: Path) -> None:
    before = contents(built)
    history = query(built, "select count(*) as n from quality__measurements")
    run = gated(built, "validate")
    assert run.returncode == 0, run.stderr
    assert "6 of 9 checks passed, 3 warned." in run.stdout
    one = gated(built, "validate", "--layer", "silver")
    assert "2 of 3 checks passed, 1 warned." in one.stdout
    assert differences(before, contents(built)) == []
    assert query(built, "select count(*) as n from quality__measurements") == history
    assert query(built, "select count(distinct run_id) as n from quality__check_results") == [{"n": 3}]


def test_what_dbt_alone_has_built_becomes_history_at_its_gate(built: Path) -> None:
    before = contents(built)
    run = gated(built, "validate", "--layer", "silver", "--just-built")
    assert "2 of 3 checks passed, 1 warned." in run.stdout
    assert differences(before, contents(built)) == []
    failed = gated(built, "validate", "--layer", "silver", "--just-built", **{BROKEN: "1"})
    assert failed.returncode == 2
    assert "as they were before" not in failed.stderr
    runs = (
        "select accepted, count(distinct run_id) as n from quality__measurements where layer = 'silver' group by all"
    )
    assert {row["accepted"]: row["n"] for row in query(built, runs)} == {True: 2, False: 1}
    of_all = here(built, "validate", "--just-built")
    assert of_all.returncode == 1
    assert "--just-built needs --layer" in of_all.stderr


def test_a_suite_that_cannot_be_measured_is_named_and_hides_no_other(built: Path) -> None:
    run = gated(built, "validate", **{BROKEN: "1"})
    assert run.returncode == 2
    assert "silver.orders: x_too_high" in run.stderr
    assert "observed: could not be measured: " in run.stderr
    assert "Traceback" not in run.stderr
    newest = query(built, "select max(run_id) as run_id from quality__check_results")[0]["run_id"]
    found = results(built, "layer, suite, status", f"run_id = '{newest}'")
    assert {row["suite"] for row in found if row["status"] == "failed"} == {"broken"}
    assert {row["layer"] for row in found if row["status"] == "passed"} == {"bronze", "silver", "gold"}


def test_validate_waits_for_no_other_writer_and_needs_tables(built: Path, tmp_path: Path) -> None:
    with another_writer(built) as first:
        run = here(built, "validate")
        assert run.returncode == 1
        assert f"process {first.pid} " in run.stderr
    empty = here(tmp_path / "empty" / "warehouse", "validate", "--layer", "silver")
    assert empty.returncode == 1
    assert "Silver is empty" in empty.stderr
    unknown = here(built, "validate", "--layer", "platinum")
    assert "There is no layer called 'platinum' to check." in unknown.stderr


@pytest.mark.parametrize("next_words", [("ingest",), ("build", "--layer", "silver")])
def test_what_was_taken_in_by_a_run_that_was_killed_passes_its_gate_or_goes(
    next_words: tuple[str, ...], shop: Path, built: Path, tmp_path: Path
) -> None:
    before = contents(built, ("bronze",))
    spoilt = delivery(shop, tmp_path / "files", "10.00", 20_000)
    killed = gated(built, "ingest", "--path", str(spoilt), **{KILLED: "1"})
    assert killed.returncode == -signal.SIGKILL
    assert differences(before, contents(built, ("bronze",))) != []
    again = gated(built, *next_words, *(("--path", str(spoilt)) if next_words == ("ingest",) else ()))
    assert again.returncode == (2 if next_words == ("ingest",) else 0), again.stderr
    assert differences(before, contents(built, ("bronze",))) == []
    assert not (built / tables.STEP).exists()


def test_ingest_alone_has_its_gate(shop: Path, warehouse: Path, tmp_path: Path) -> None:
    assert gated(warehouse, "ingest", "--path", str(shop)).returncode == 0
    before = contents(warehouse, ("bronze",))
    run = gated(warehouse, "ingest", "--path", str(delivery(shop, tmp_path / "files", "10.00", 20_000)))
    assert run.returncode == 2, run.stdout
    assert differences(before, contents(warehouse, ("bronze",))) == []

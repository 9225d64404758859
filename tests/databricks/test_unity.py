"""Great Expectations and models through the session alone, as on Databricks; shown on plain Spark with Delta."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from expectations import results
from lakehouse import catalog, cli, settings, tables, unity
from lakehouse.catalog import MARKER, TableName
from lakehouse.errors import LakehouseError
from lakehouse.ingest import ingest
from lakehouse.unity import LAYER
from tests.delta import content
from tests.runs import environment_for


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("select gold.x from gold.orders as gold", None),
        ("select * from silver.orders join `ml`.`drift`", "select * from `dev_silver`.orders join `dev_ml`.`drift`"),
        ("select a.silver from main.silver.orders as a", "select a.silver from main.silver.orders as a"),
        ("select golden.x from golden", "select golden.x from golden"),
    ],
)
def test_layers_have_the_names_of_the_profile(query: str, sent: str | None) -> None:
    found = LAYER.sub(lambda layer: f"`dev_{layer[2]}`.", query)
    # An alias like a layer would be taken for one, so none of the suites may have it.
    assert found == (sent or "select `dev_gold`.x from `dev_gold`.orders as gold")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that is none of Databricks."""
    monkeypatch.delenv(unity.RUNTIME, raising=False)
    unity.opened.cache_clear()
    yield
    unity.opened.cache_clear()


@pytest.mark.usefixtures("elsewhere")
def test_a_machine_elsewhere_starts_no_spark_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(SystemExit) as end,
        mock.patch.object(sys, "argv", ["lakehouse", "build", "--target", "databricks"]),
    ):
        cli.main()
    said = capsys.readouterr().err
    assert (end.value.code, said.partition("\n")[0]) == (
        1,
        "error: The target databricks needs a session there, and this is not a job of Databricks.",
    )


@pytest.mark.usefixtures("elsewhere")
def test_databricks_connect_without_compute_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package cannot be installed beside PySpark, so a stand-in says what it says."""
    package = ModuleType("databricks.connect")
    package.DatabricksSession = mock.MagicMock()  # type: ignore[attr-defined]
    package.DatabricksSession.builder.getOrCreate.side_effect = Exception(
        "Cluster id or serverless are required.\nMore"
    )
    monkeypatch.setitem(sys.modules, "databricks.connect", package)
    with pytest.raises(
        LakehouseError, match=r"opened no session: Cluster id or serverless are required\. DATABRICKS_HOST"
    ):
        unity.opened()


@pytest.mark.parity
@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_bronze_checks_and_models_need_no_folder(shop: Path, shop_warehouse: Path, tmp_path: Path) -> None:
    warehouse, out = tmp_path / "spark" / "warehouse", tmp_path / "told.json"
    for schema in ("bronze", "silver", "gold"):
        shutil.copytree(shop_warehouse / schema, warehouse / schema)
    shutil.copy(shop_warehouse / MARKER, warehouse)
    landing = odd_delivery(shop, tmp_path / "landing")
    run = subprocess.run(
        [sys.executable, "-m", "tests.databricks.through_session", str(warehouse), str(landing), str(out)],
        env=environment_for(
            warehouse,
            DATABRICKS_SCHEMA="dev",
            # The session's own catalog, to which it is switched.
            DATABRICKS_CATALOG="spark_catalog",
            JAVA_TOOL_OPTIONS="-XX:TieredStopAtLevel=1",
        ),
        capture_output=True,
        text=True,
        cwd=settings.ROOT,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-1000:] + run.stderr[-3000:]
    told = json.loads(out.read_text())

    silver = [row for row in results.newest(shop_warehouse) if row["layer"] == "silver"]
    local = [row for row in silver if row["kind"] == "expectation"]
    seen = {(name, table): (status, observed) for name, table, status, observed in told["checks"]}
    assert len(seen) == len(local) > 10
    # The step of the pipeline had nothing to compare with either: a check alone adds nothing to the history.
    assert seen == {(row["check_name"], row["table_name"]): (row["status"], row["observed"]) for row in local}

    for name in ("gold.weekly_revenue", "gold.customer_360"):
        version, invocation = tables.made(shop_warehouse, TableName(*name.split(".")))
        assert told["versions"][name] == version
        assert invocation in told["invocations"]
    weeks = tables.ask(shop_warehouse, TableName("gold", "weekly_revenue"), "select week_start, revenue from {table}")
    assert weeks is not None
    revenue = dict(zip(weeks["week_start"].to_pylist(), weeks["revenue"].to_pylist(), strict=True))
    frame = told["frames"]["weekly_revenue"]
    assert list(frame["revenue"].values()) == [float(revenue[day]) for day in sorted(revenue)]
    # Of a table that keeps its history the newest rows replace those of the same version and day.
    assert told["kept"] == ["b", "c", "d"]
    assert told["replaced"] == told["after"] == ["d"]
    assert told["newer"]
    assert told["new_is_gone"]
    assert told["strange_is_there"]
    assert told["measured"] == [False]

    # Bronze is what the embedded engine's ingest makes of the same files, but that a new column is rescued.
    reports = ingest("olist", [landing], tmp_path / "local")
    assert told["bronze"]["first"] == sorted([one.file, one.rows, one.rejected, False] for one in reports)
    assert told["bronze"]["second"] == sorted([one.file, one.rows, one.rejected, True] for one in reports)
    for table in catalog.tables(tmp_path / "local", ["bronze"]):
        ours = content(tmp_path / "local", table).drop_columns(["_ingested_at"]).to_pylist()
        theirs = told["bronze"][table.name]
        for row in theirs:
            rescued = row.pop("_rescued_data", None)
            row |= json.loads(rescued) if rescued else {}
        assert canonical(theirs) == canonical(ours), table
    assert any(row.get("note") == "gift" for row in told["bronze"]["orders"])
    assert len(told["bronze"]["rejected_rows"]) == 1

    assert told["again"] == {
        "put back": [],
        "after a failed gate": [[3, 0, False]],
        "under the same name": [[2, 0, False]],
        "unchanged, without a day": [[2, 0, True]],
        "changed, without a day": "bronze.clickstream_events holds drops of days, and this delivery "
        "comes without a day.",
        "unreadable": "Not one line of clickstream_events.csv could be read; the first was rejected because: "
        "too few fields: 1 instead of 14.",
    }


def canonical(rows: list[dict[str, Any]]) -> list[str]:
    """Rows in an order that only depends on them; a column that is not there is null."""
    there = ({name: value for name, value in row.items() if value is not None} for row in rows)
    return sorted(json.dumps(row, sort_keys=True, default=str) for row in there)


def odd_delivery(shop: Path, folder: Path) -> Path:
    """The small shop with a column that nobody knows, and a line that is no record."""
    shutil.copytree(shop, folder)
    orders = folder / "olist_orders_dataset.csv"
    header, first, *rest = orders.read_text().splitlines()
    lines = [f"{header},note", f"{first},gift", *(f"{line}," for line in rest), "torn"]
    orders.write_text("\n".join(lines) + "\n")
    return folder

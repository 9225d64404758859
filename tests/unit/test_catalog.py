"""The tables on disk, and what a fresh session knows of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse import catalog, cli
from lakehouse.catalog import TableName
from lakehouse.dbt_runner import DbtFailed
from lakehouse.errors import LakehouseError
from lakehouse.session import close_session, open_session
from lakehouse.settings import ROOT
from tests.delta import query
from tests.runs import SHORT_SPARK, environment_for


def write(warehouse: Path, name: str, rows: pa.Table) -> None:
    catalog.prepare(warehouse)
    write_deltalake(warehouse / name.replace(".", "/"), rows)


def test_a_fresh_session_knows_columns_and_nullability(warehouse: Path) -> None:
    schema = pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            pa.field("price", pa.decimal128(18, 2)),
            pa.field("seen", pa.timestamp("us", tz="UTC")),
        ]
    )
    write(warehouse, "gold.things", pa.table({"id": [1], "price": [None], "seen": [None]}, schema))
    frame = open_session("local", warehouse).table("gold.things")
    assert [(field.name, field.dataType.simpleString(), field.nullable) for field in frame.schema] == [
        ("id", "bigint", False),
        ("price", "decimal(18,2)", True),
        ("seen", "timestamp", True),
    ]
    assert frame.count() == 1


def test_columns_with_odd_names_are_quoted(warehouse: Path) -> None:
    write(warehouse, "gold.things", pa.table({"a b": [1], "c`d": [2]}))
    assert open_session("local", warehouse).sql("select `a b`, `c``d` from gold.things").collect() == [(1, 2)]


@pytest.mark.parametrize("folder", ["a warehouse", "armazém", "it's", "50%", "no#1"])
def test_any_folder_name_will_do(folder: str, tmp_path: Path) -> None:
    warehouse = tmp_path / folder
    session = open_session("local", warehouse)
    session.sql("select 7 as a").write.format("delta").mode("overwrite").saveAsTable("gold.things")
    assert (warehouse / "gold" / "things" / "_delta_log").is_dir()
    close_session("local", warehouse)
    assert open_session("local", warehouse).table("gold.things").collect() == [(7,)]
    assert [entry.name for entry in tmp_path.iterdir()] == [folder]


TWICE = """
import sys
from pathlib import Path
from lakehouse import catalog, session
from lakehouse.errors import LakehouseError
warehouse, other = map(Path, sys.argv[1:])
spark = session.open_session("spark", warehouse)
spark.sql("select 7 as a").write.saveAsTable("gold.things", "delta")
catalog.register_all(spark, "spark", warehouse)
print(spark.table("gold.things").collect())
try:
    catalog.register_all(spark, "spark", other)
except LakehouseError as error:
    print(error)
"""


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_who_comes_to_a_spark_with_tables_of_others_takes_none_away(tmp_path: Path) -> None:
    """A Spark server is there for many commands, and its catalog for all their sessions."""
    warehouse, other = tmp_path / "an armazém", tmp_path / "other"
    run = subprocess.run(
        [sys.executable, "-c", TWICE, str(warehouse), str(other)],
        env=environment_for(warehouse, **SHORT_SPARK),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "[Row(a=7)]" in run.stdout
    assert f"This Spark server holds the tables of {warehouse}, and not those of {other}." in run.stdout
    assert query(warehouse, "select a from gold__things") == [{"a": 7}]


def test_a_folder_without_a_commit_is_no_table(warehouse: Path) -> None:
    catalog.prepare(warehouse)
    (warehouse / "gold" / "half" / "_delta_log").mkdir(parents=True)
    (warehouse / "gold" / "half" / "part-0.parquet").write_bytes(b"")
    assert catalog.tables(warehouse) == []
    open_session("local", warehouse)


def test_a_damaged_log_is_named(warehouse: Path) -> None:
    write(warehouse, "gold.things", pa.table({"a": [1]}))
    next((warehouse / "gold/things/_delta_log").glob("*.json")).write_text("not json")
    with pytest.raises(LakehouseError, match=r"gold\.things at .* cannot be read.*delete that folder"):
        open_session("local", warehouse)


@pytest.mark.parametrize("commits", [1, 2])
def test_an_empty_entry_of_a_log_is_named(commits: int, warehouse: Path) -> None:
    """The checksum beside the first holds all that is needed to read on without it, and the engine cannot."""
    for number in range(commits):
        open_session("local", warehouse).sql(f"select {number} as a").write.format("delta").mode(
            "overwrite"
        ).saveAsTable("gold.things")
    close_session("local", warehouse)
    max((warehouse / "gold/things/_delta_log").glob("*.json")).write_bytes(b"")
    with pytest.raises(
        LakehouseError, match=rf"cannot be read: the entry 0*{commits - 1}\.json of its log is empty\."
    ):
        open_session("local", warehouse)


def test_register_again_after_the_schema_changed(warehouse: Path) -> None:
    write(warehouse, "gold.things", pa.table({"a": [1]}))
    session = open_session("local", warehouse)
    table = TableName("gold", "things")
    write_deltalake(table.path(warehouse), pa.table({"b": ["x"]}), mode="overwrite", schema_mode="overwrite")
    catalog.register(session, "local", warehouse, table)
    assert session.table("gold.things").collect() == [("x",)]


def test_two_sessions_over_two_warehouses_do_not_mix(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, "gold.things", pa.table({"a": [name]}))
    assert open_session("local", tmp_path / "one").table("gold.things").collect() == [("one",)]
    assert open_session("local", tmp_path / "two").table("gold.things").collect() == [("two",)]


def test_drop_removes_the_files(warehouse: Path) -> None:
    write(warehouse, "gold.things", pa.table({"a": [1]}))
    session = open_session("local", warehouse)
    catalog.drop(session, warehouse, TableName("gold", "things"))
    assert catalog.tables(warehouse) == []
    assert not session.catalog.tableExists("gold.things")


def test_a_folder_of_something_else_is_left_alone(warehouse: Path) -> None:
    warehouse.mkdir()
    (warehouse / "thesis.docx").write_text("mine")
    with pytest.raises(LakehouseError, match=r"not a warehouse of this project: it holds thesis\.docx"):
        open_session("local", warehouse)
    assert [entry.name for entry in warehouse.iterdir()] == ["thesis.docx"]


def test_a_file_in_place_of_the_warehouse(warehouse: Path) -> None:
    warehouse.write_text("")
    with pytest.raises(LakehouseError, match="is a file, not a folder"):
        catalog.prepare(warehouse)


def test_unknown_engine(warehouse: Path) -> None:
    with pytest.raises(LakehouseError, match=r"no engine called 'duck'.*local, spark"):
        open_session("duck", warehouse)


def test_a_session_is_shared_until_it_is_closed(warehouse: Path) -> None:
    first = open_session("local", warehouse)
    assert open_session("local", warehouse) is first
    close_session("local", warehouse)
    assert open_session("local", warehouse) is not first


def test_the_time_zone_is_utc(warehouse: Path) -> None:
    session = open_session("local", warehouse)
    assert session.conf.get("spark.sql.session.timeZone") == "UTC"
    text = session.sql("select cast(timestamp '2018-01-01 00:00:00' as string)").collect()
    assert text == [("2018-01-01 00:00:00",)]


@pytest.mark.parametrize("folder", ["warehouse", "a warehouse", "armazém", "50%"])
def test_a_file_that_a_table_lacks_is_found(folder: str, tmp_path: Path) -> None:
    warehouse = tmp_path / folder
    for name in ("bronze.orders", "silver.products_history", "gold.things"):
        write(warehouse, name, pa.table({"a": [1], "of": ["x/y z"]}))
    assert catalog.damage(warehouse) is None
    for name, mend in (
        ("gold/things", "Or delete that folder: the next run builds the table again."),
        ("silver/products_history", "builds the table again, without what it alone remembers of earlier days."),
        ("bronze/orders", "Without one, start a new warehouse and ingest every delivery again, oldest first."),
    ):
        [part] = (warehouse / name).glob("*.parquet")
        part.unlink()
        found = catalog.damage(warehouse)
        assert found is not None
        assert (
            f"The table {name.replace('/', '.')} at {warehouse / name} lacks 1 of its 1 files; the first is"
            in found.what
        )
        assert found.mend.startswith(f"Bring {warehouse / name} back from a copy.")
        assert found.mend.endswith(mend)


def test_damage_is_what_is_said_of_a_failure_that_nobody_explained(warehouse: Path) -> None:
    write(warehouse, "gold.things", pa.table({"a": [1]}))
    own, failed, strange = LakehouseError("no such path"), DbtFailed("1 failed", "see the log", []), KeyError("a")
    assert [cli._reason(error) for error in (own, failed, strange)] == [own, failed, None]
    [log] = (warehouse / "gold" / "things" / "_delta_log").glob("*.json")
    log.write_text("no log")
    assert cli._reason(own) is own
    for error in (failed, strange):
        reason = cli._reason(error)
        assert reason is not None
        assert "The table gold.things" in reason.what
        assert "cannot be read" in reason.what

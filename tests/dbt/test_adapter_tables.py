"""Tables: built, replaced in one commit, found again, partitioned, dropped, rebuilt after a crash."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse import catalog
from tests.dbt.small_project import INCREMENTAL, UTC, Project, messages, values

DROP = """
    {% macro drop_it(name) %}
      {% do adapter.drop_relation(api.Relation.create(schema='silver', identifier=name, type='table')) %}
    {% endmacro %}
"""
EVERY_TYPE = """
    select
        cast(9007199254740993 as bigint) as big,
        cast('1234567890123456.78' as decimal(18, 2)) as price,
        'it\\'s "ç", \\n a line' as text,
        date '2018-02-28' as day,
        timestamp '2018-02-28 23:59:59.123456' as at,
        true as flag,
        cast(0.1 as double) as ratio,
        cast(null as string) as nothing
"""
EVERY_VALUE = (
    9007199254740993,
    Decimal("1234567890123456.78"),
    'it\'s "ç", \n a line',
    dt.date(2018, 2, 28),
    dt.datetime(2018, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
    True,
    0.1,
    None,
)

CHANGED = {
    "added": ("select 1 as id, 'x' as s, true as n", {"id": "integer", "s": "string", "n": "boolean"}),
    "removed": ("select 1 as id", {"id": "integer"}),
    "retyped": ("select 'one' as id, 'x' as s", {"id": "string", "s": "string"}),
    "reordered": ("select 'x' as s, 1 as id", {"s": "string", "id": "integer"}),
}
REFUSED_LAYOUTS = {
    "text": ("s", "select 1 as id, 'x' as s", "cannot be partitioned by the text column s"),
    "not_last": ("day", "select date '2018-01-01' as day, 1 as id", "must be the last columns"),
    "missing": ("nope", "select 1 as id", "must be the last columns"),
    "nested": ("", "select array(1) as list", "tables hold plain columns only"),
}


def test_values_of_every_type_arrive_intact(project: Project) -> None:
    project.model("t", EVERY_TYPE)
    project.succeeds("build")
    assert project.rows("t") == [EVERY_VALUE]


def test_a_commit_says_which_invocation_made_it(project: Project) -> None:
    project.model("t", values("(1, 'x')", "id, s"))
    made_by = []
    for _ in range(2):
        project.succeeds("build")
        made_by.append(DeltaTable(project.path("t")).history(1)[0]["userMetadata"])
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", invocation) for invocation in made_by)
    assert made_by[0] != made_by[1]


def test_a_rebuild_is_one_commit_and_the_version_before_it_stays_readable(project: Project) -> None:
    project.model("t", values("(1, 'old')", "id, s"))
    project.succeeds("build")
    project.model("t", values("(2, 'new')", "id, s"))
    project.succeeds("build")
    assert project.version("t") == 1
    assert project.rows("t") == [(2, "new")]
    assert DeltaTable(project.path("t"), version=0).to_pyarrow_table().to_pylist() == [{"id": 1, "s": "old"}]


@pytest.mark.slow
def test_a_table_whose_schema_changes_is_replaced_in_one_commit(project: Project) -> None:
    for name in CHANGED:
        project.model(name, "select 1 as id, 'x' as s")
    project.succeeds("build")
    for name, (sql, _) in CHANGED.items():
        project.model(name, sql)
    project.succeeds("build")
    expected = {name: columns for name, (_, columns) in CHANGED.items()}
    assert {name: project.columns(name) for name in CHANGED} == expected
    assert {project.version(name) for name in CHANGED} == {1}
    for start in (lambda: project.spark, project.restart):
        spark = start()
        for name, columns in expected.items():
            assert (spark.table(f"silver.{name}").columns, len(project.rows(name))) == (list(columns), 1)


def test_a_query_that_fails_half_way_leaves_the_table_as_it_was(project: Project) -> None:
    project.model("t", values("('1'), ('2')", "id"))
    project.succeeds("build")
    project.model("t", "select cast(id as int) as id from (" + values("('1'), ('not a number')", "id") + ")")
    assert "not a number" in project.fails("build")
    assert (project.version("t"), project.rows("t")) == (0, [("1",), ("2",)])


def test_a_fresh_start_finds_the_tables_with_columns_types_and_nullability(project: Project) -> None:
    catalog.prepare(project.warehouse)
    delivered = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("s", pa.string())])
    write_deltalake(project.path("delivered"), pa.table({"id": [1], "s": ["x"]}, delivered))
    project.model("t", EVERY_TYPE)
    project.succeeds("build")
    before = project.spark.table("silver.t").schema

    spark = project.restart()

    assert spark.table("silver.t").schema == before
    assert {row.col_name: row.data_type for row in spark.sql("describe table silver.t").collect()} == {
        field.name: field.dataType.simpleString() for field in before
    }
    assert [(field.name, field.nullable) for field in spark.table("silver.delivered").schema] == [
        ("id", False),
        ("s", True),
    ]
    assert project.query("select id, s from silver.delivered") == [(1, "x")]
    project.succeeds("build")
    assert project.version("t") == 1


def test_every_column_that_a_model_makes_may_hold_nulls(project: Project) -> None:
    project.model("t", "select 1 as id, coalesce(cast(null as string), 'x') as s")
    project.succeeds("build")
    assert [field.nullable for field in project.delta("t").schema().fields] == [True, True]


def test_a_view_is_refused_and_the_table_it_would_replace_stays(project: Project) -> None:
    project.model("t", "select 1 as id")
    project.succeeds("build")
    project.model("t", "{{ config(materialized='view') }} select 1 as id")
    assert "The model t is a view" in project.fails("build")
    assert project.rows("t") == [(1,)]


@pytest.mark.slow
def test_four_threads_build_twelve_models_at_once(project: Project) -> None:
    for number in range(12):
        project.model(f"t{number}", f"select {number} as id, count(*) as n from range(10000)")
    project.succeeds("build", "--threads", "4")
    assert [project.rows(f"t{number}") for number in range(12)] == [[(number, 10000)] for number in range(12)]


# --- partitions


@pytest.mark.slow
def test_a_table_partitioned_by_date_survives_rebuild_and_fresh_start(project: Project) -> None:
    project.model(
        "t",
        "{{ config(partition_by='day') }}"
        + values("(1, date '2018-01-01'), (2, date '2018-01-02'), (3, cast(null as date))", "id, day"),
    )
    rows = [(1, dt.date(2018, 1, 1)), (2, dt.date(2018, 1, 2)), (3, None)]
    project.succeeds("build")
    project.restart()
    assert sorted(project.query("select * from silver.t")) == rows
    project.succeeds("build")
    assert project.rows("t") == rows
    assert (project.version("t"), project.delta("t").metadata().partition_columns) == (1, ["day"])


@pytest.mark.slow
def test_a_layout_that_could_not_be_found_again_is_refused_before_anything_is_written(project: Project) -> None:
    for name in REFUSED_LAYOUTS:
        project.model(f"old_{name}", "select 1 as id")
    project.succeeds("build")
    for name, (column, sql, _) in REFUSED_LAYOUTS.items():
        config = f"{{{{ config(partition_by='{column}') }}}} " if column else ""
        project.model(f"old_{name}", config + sql)
        project.model(f"new_{name}", config + sql)
    said = messages(project.dbt("build"))
    for name, (_, _, words) in REFUSED_LAYOUTS.items():
        assert words in said[f"old_{name}"]
        assert words in said[f"new_{name}"]
        assert project.version(f"old_{name}") == 0
        assert not project.path(f"new_{name}").exists()


# --- dropped, and crashed


@pytest.mark.slow
def test_dropping_a_relation_removes_its_entry_and_its_files(project: Project) -> None:
    project.file("macros/drop_it.sql", DROP)
    project.model("t", "select 1 as id")
    project.model("other", "select 2 as id")
    project.succeeds("build")
    project.succeeds("run-operation", "drop_it", "--args", "{name: t}")
    assert not project.path("t").exists()
    assert not project.spark.catalog.tableExists("silver.t")
    assert not project.restart().catalog.tableExists("silver.t")
    assert project.query("select * from silver.other") == [(2,)]
    project.succeeds("build")
    assert project.rows("t") == [(1,)]


@pytest.mark.parametrize("has_log_folder", [False, True])
def test_files_of_a_crash_before_the_first_commit_are_no_table_and_do_not_disturb_the_next_build(
    project: Project, has_log_folder: bool
) -> None:
    project.model("t", "select 1 as id")
    project.model("i", INCREMENTAL + "select 1 as id")
    project.seed("s", "id\n1\n")
    catalog.prepare(project.warehouse)
    for name in ("t", "i", "s"):
        folder = project.path(name)
        (folder / "_delta_log" if has_log_folder else folder).mkdir(parents=True)
        (folder / "part-00000-crashed.snappy.parquet").write_bytes(b"half a file")
    assert project.spark.catalog.listTables("silver") == []
    project.succeeds("build")
    spark = project.restart()
    for name in ("t", "i", "s"):
        assert project.rows(name) == [tuple(row) for row in spark.table(f"silver.{name}").collect()] == [(1,)]

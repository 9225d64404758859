"""Incremental models: merged by key, and clear about schema changes they cannot follow."""

from __future__ import annotations

import datetime as dt

import pytest

from lakehouse.engine import INCREMENTS
from tests.dbt.small_project import Project, incremental, messages, values

OLD = values("(1, 'a'), (2, 'b')", "id, s")
UNFOLLOWED = {
    "removed": ("sync_all_columns", values("(2)", "id"), "columns that are gone: s;"),
    "removed_while_appending": ("append_new_columns", values("(2)", "id"), "columns that are gone: s;"),
    "retyped": ("sync_all_columns", values("(2, 3)", "id, s"), "columns of another type: s."),
    "retyped_and_added": ("sync_all_columns", values("(2, 3, 4)", "id, s, n"), "columns of another type: s."),
}


def build(project: Project, config: str, sql: str) -> None:
    project.model("t", config + sql)
    project.succeeds("build")


def test_a_second_run_updates_by_key_and_inserts_the_rest_in_one_commit(project: Project) -> None:
    build(project, incremental(), OLD)
    build(project, incremental(), values("(2, 'changed'), (3, 'new')", "id, s"))
    assert (project.version("t"), project.rows("t")) == (1, [(1, "a"), (2, "changed"), (3, "new")])


def test_the_rows_of_an_increment_leave_nothing_behind(project: Project) -> None:
    build(project, incremental(), OLD)
    killed = project.warehouse / INCREMENTS / "t__dbt_tmp"
    killed.mkdir(parents=True)
    build(project, incremental(), values("(2, 'changed')", "id, s"))
    assert project.rows("t") == [(1, "a"), (2, "changed")]
    assert not killed.parent.exists()


def test_is_incremental_is_true_after_a_fresh_start_and_false_with_full_refresh(project: Project) -> None:
    sql = "select {{ 'max(id) + 1 as id from ' ~ this if is_incremental() else '1 as id' }}"
    build(project, incremental(), sql)
    project.restart()
    project.succeeds("build")
    assert project.rows("t") == [(1,), (2,)]
    project.succeeds("build", "--full-refresh")
    assert (project.version("t"), project.rows("t")) == (2, [(1,)])


def test_a_null_arrives_in_a_column_that_had_none_at_the_first_build(project: Project) -> None:
    build(project, incremental(), "select 1 as id, 'x' as s")
    build(project, incremental(), "select 1 as id, cast(null as string) as s")
    assert project.rows("t") == [(1, None)]


def test_two_rows_for_one_key_fail_and_change_nothing(project: Project) -> None:
    build(project, incremental(), OLD)
    project.model("t", incremental() + values("(2, 'c'), (2, 'd')", "id, s"))
    assert "Multiple source rows matched" in project.fails("build")
    assert (project.version("t"), project.rows("t")) == (0, [(1, "a"), (2, "b")])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["append_new_columns", "sync_all_columns"])
def test_a_new_column_is_appended_and_is_null_in_old_rows(project: Project, mode: str) -> None:
    build(project, incremental(mode), OLD)
    project.restart()
    build(project, incremental(mode), values("(2, 'c', 5), (3, 'd', 6)", "id, s, n"))
    rows = [(1, "a", None), (2, "c", 5), (3, "d", 6)]
    assert project.columns("t") == {"id": "integer", "s": "string", "n": "integer"}
    assert project.rows("t") == rows
    assert sorted(project.query("select * from silver.t")) == rows
    project.restart()
    build(project, incremental(mode), values("(3, 'e', 7)", "id, s, n"))
    assert project.rows("t") == [*rows[:2], (3, "e", 7)]


@pytest.mark.slow
def test_a_schema_change_that_cannot_be_followed_changes_nothing_and_full_refresh_mends_it(project: Project) -> None:
    for name, (mode, _, _) in UNFOLLOWED.items():
        project.model(name, incremental(mode) + OLD)
    project.succeeds("build")
    project.restart()
    for name, (mode, sql, _) in UNFOLLOWED.items():
        project.model(name, incremental(mode) + sql)
    said = messages(project.dbt("build"))
    for name, (_, _, words) in UNFOLLOWED.items():
        assert words in said[name]
        assert "run the model with --full-refresh" in said[name]
        assert (project.version(name), project.rows(name)) == (0, [(1, "a"), (2, "b")])
    project.succeeds("build", "--full-refresh")
    project.restart()
    project.succeeds("build")
    assert {(project.version(name), len(project.rows(name))) for name in UNFOLLOWED} == {(2, 1)}


@pytest.mark.slow
def test_a_new_column_that_is_nested_is_refused_before_it_is_added(project: Project) -> None:
    build(project, incremental("append_new_columns"), OLD)
    project.model("t", incremental("append_new_columns") + values("(2, 'c', array(1))", "id, s, list"))
    assert "tables hold plain columns only" in project.fails("build")
    assert (project.version("t"), list(project.columns("t"))) == (0, ["id", "s"])


@pytest.mark.slow
def test_a_column_appended_to_a_partitioned_table_survives_a_fresh_start(project: Project) -> None:
    config = incremental("append_new_columns", partition_by="day")
    build(project, config, values("(1, date '2018-01-01')", "id, day"))
    build(project, config, "select 2 as id, 'x' as s, date '2018-01-02' as day")
    project.restart()
    assert sorted(project.query("select id, s, day from silver.t")) == [
        (1, None, dt.date(2018, 1, 1)),
        (2, "x", dt.date(2018, 1, 2)),
    ]
    project.succeeds("build")

"""How the rows of an increment come into a table by month: by name, one for each key, and none that is gone stays."""

from __future__ import annotations

import shutil

import pytest

from lakehouse import settings
from tests.dbt.small_project import Project, values

pytestmark = pytest.mark.slow
CONFIG = (
    "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', partition_by=['month'], "
    "on_schema_change='append_new_columns', "
    "meta={'increment': {'moment': 'at', 'late_days': 'event_late_days', 'replaced_days': 0}}) }}\n"
)
AT, MONTH = "cast(day as timestamp) as at", "cast(date_trunc('month', cast(day as date)) as date) as month"
VARS = ("--vars", "{event_late_days: 30, backfill_start: '', backfill_end: ''}")
OLD = "(1, 'a', '2018-01-05'), (2, 'b', '2018-03-01'), (3, 'c', '2018-03-02'), (4, 'd', null), (5, 'e', '2017-12-31')"


def merged(project: Project, rows: str, columns: str = "id, s, day", more: str = "") -> list[tuple[object, ...]]:
    """The table after a build with these rows; the month comes last, as in the project's models."""
    project.model("t", f"{CONFIG}select id, s, {AT}, {more} {MONTH} from ({values(rows, columns)}) as given")
    project.succeeds("build", *VARS)
    return sorted(project.query("select id, s, month from silver.t"))


@pytest.fixture
def by_month(project: Project) -> Project:
    """A table of four months, one of them none."""
    for name in ("increments.sql", "merge.sql"):
        shutil.copy(settings.DBT_PROJECT / "macros" / name, project.folder / "macros")
    assert len(merged(project, OLD)) == 5
    return project


def test_a_row_changes_its_month_one_goes_and_an_undated_one_is_not_doubled(by_month: Project) -> None:
    now = merged(
        by_month, "(1, 'moved', '2018-03-03'), (2, 'b', '2018-03-01'), (4, 'D', null), (6, 'f', '2018-04-01')"
    )
    assert [(row[0], row[1], str(row[2])) for row in now] == [
        (1, "moved", "2018-03-01"),
        (2, "b", "2018-03-01"),
        (4, "D", "None"),
        (5, "e", "2017-12-01"),
        (6, "f", "2018-04-01"),
    ]


def test_nothing_new_is_no_commit(by_month: Project) -> None:
    before, version = by_month.rows("t"), by_month.version("t")
    merged(by_month, OLD)
    assert (by_month.rows("t"), by_month.version("t")) == (before, version)


def test_a_new_column_is_filled_by_its_name(by_month: Project) -> None:
    now = merged(by_month, "(2, 'B', '2018-03-01', 7)", "id, s, day, n", more="cast(n as int) as n, ")
    assert [(row[0], row[1]) for row in now] == [(1, "a"), (2, "B"), (4, "d"), (5, "e")]
    assert sorted(by_month.query("select id, n from silver.t where n is not null")) == [(2, 7)]


def test_two_rows_for_a_key_are_refused_even_if_one_is_there_already(by_month: Project) -> None:
    project, before = by_month, by_month.rows("t")
    rows = values("(2, 'b', '2018-03-01'), (2, 'x', '2018-03-01')", "id, s, day")
    project.model("t", f"{CONFIG}select id, s, {AT}, {MONTH} from ({rows}) as given")
    assert "gives more than one row for a key, among others for 2" in project.fails("build", *VARS)
    assert project.rows("t") == before

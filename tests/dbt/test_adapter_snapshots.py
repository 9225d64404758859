"""Snapshots: history by timestamp, across fresh starts and new columns."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.dbt.small_project import UTC, Project, values

pytestmark = pytest.mark.slow

YML = """
snapshots:
  - name: history
    relation: ref('people')
    config: {strategy: timestamp, unique_key: id, updated_at: updated_at}
"""


def month(number: int) -> dt.datetime:
    return dt.datetime(2018, number, 1, tzinfo=UTC)


def people(project: Project, rows: str, columns: str = "id, name, updated_at") -> None:
    project.model("people", values(rows, columns))
    project.succeeds("build")


def history(project: Project, *columns: str) -> list[tuple[Any, ...]]:
    rows = project.delta("history").to_pyarrow_table().to_pylist()
    return sorted((tuple(row[column] for column in columns) for row in rows), key=str)


def test_a_snapshot_keeps_the_old_row_and_the_span_in_which_it_held(project: Project) -> None:
    project.file("snapshots/history.yml", YML)
    people(project, "(1, 'Ana', timestamp '2018-01-01'), (2, 'Bia', timestamp '2018-01-01')")
    project.restart()
    people(project, "(1, 'Ana', timestamp '2018-01-01'), (2, 'Bea', timestamp '2018-02-01')")
    project.restart()
    project.succeeds("build")  # nothing has changed since
    assert history(project, "id", "name", "dbt_valid_from", "dbt_valid_to") == [
        (1, "Ana", month(1), None),
        (2, "Bea", month(2), None),
        (2, "Bia", month(1), month(2)),
    ]
    assert project.known() == ["history", "people"]


def test_a_new_column_arrives_in_the_snapshot_and_is_null_in_old_rows(project: Project) -> None:
    project.file("snapshots/history.yml", YML)
    people(project, "(1, 'Ana', timestamp '2018-01-01')")
    project.restart()
    people(project, "(1, 'Ana', timestamp '2018-02-01', 'SP')", "id, name, updated_at, state")
    assert history(project, "id", "state", "dbt_valid_to") == [(1, "SP", None), (1, None, month(2))]
    project.restart()
    people(project, "(1, 'Ana', timestamp '2018-03-01', 'RJ')", "id, name, updated_at, state")
    assert history(project, "id", "state", "dbt_valid_to") == [
        (1, "RJ", None),
        (1, "SP", month(3)),
        (1, None, month(2)),
    ]


def test_a_null_arrives_in_a_column_that_had_none_at_the_first_snapshot(project: Project) -> None:
    project.file("snapshots/history.yml", YML)
    people(project, "(1, 'Ana', timestamp '2018-01-01')")
    people(project, "(1, cast(null as string), timestamp '2018-02-01')")
    assert history(project, "name", "dbt_valid_from") == [("Ana", month(1)), (None, month(2))]

"""The vars that say what an increment covers: what makes no sense is explained before anything is built."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from lakehouse import settings
from tests.dbt.small_project import Project

MODEL = "select '{{ late_days(\"event_late_days\") }}' as days, '{{ (backfill() or {}).get(\"end\") }}' as until"
NO_BACKFILL = "event_late_days: 30, backfill_start: '', backfill_end: ''"


@pytest.fixture
def asked(project: Project) -> Project:
    shutil.copy(settings.DBT_PROJECT / "macros" / "increments.sql", project.folder / "macros")
    project.model("asked", MODEL)
    return project


def given(variables: str) -> list[str]:
    return ["compile", "--select", "asked", "--vars", f"{{{NO_BACKFILL}, {variables}}}"]


@pytest.mark.parametrize(
    ("variables", "days", "until"),
    [
        ("event_late_days: 7", "7", "None"),
        ("backfill_start: 2018-02-01", "30", "9000-01-01"),
        ("backfill_start: 2018-02-01, backfill_end: 2018-02-01", "30", "2018-02-01"),
    ],
)
def test_sense_is_taken_as_it_is(variables: str, days: str, until: str, asked: Project) -> None:
    result: Any = asked.succeeds(*given(variables)).result
    assert result.results[0].node.compiled_code == f"select '{days}' as days, '{until}' as until"


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ("backfill_start: 20180101", "The var backfill_start is 20180101: give it as a day"),
        ("backfill_end: 2018-01-31", "A backfill from no day to 2018-01-31 covers nothing"),
        ("backfill_start: 2018-02-01, backfill_end: 2018-01-31", "from 2018-02-01 to 2018-01-31 covers nothing"),
        ("event_late_days: a month", "The var event_late_days is a month: give it a whole number of days"),
        ("event_late_days: -1", "The var event_late_days is -1: give it a whole number of days"),
    ],
)
def test_nonsense_is_explained(variables: str, what: str, asked: Project) -> None:
    assert what in asked.fails(*given(variables))

"""The vars that say what an increment covers: what makes no sense is explained before anything is built."""

from __future__ import annotations

import datetime
import re
import shutil
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest

from lakehouse import settings
from tests.dbt.small_project import Project

MACROS = settings.DBT_PROJECT / "macros" / "increments.sql"
MODEL = "select '{{ late_days(\"event_late_days\") }}' as days, '{{ (backfill() or {}).get(\"end\") }}' as until"
GIVEN = {"event_late_days": "30", "backfill_start": "", "backfill_end": ""}


class Returned(Exception):
    """As ``return`` ends a macro in dbt."""


class Refused(Exception):
    """As dbt's own error of a macro."""


def raised(error: type[Exception]) -> Any:
    def end(value: object) -> None:
        raise error(value)

    return end


def answer(macro: str, *words: str, **variables: str) -> Any:
    """What a macro returns under these vars. By Jinja alone: dbt reads the whole project anew for other vars."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)
    environment.globals |= {
        "var": (GIVEN | variables).__getitem__,
        "modules": SimpleNamespace(re=re, datetime=datetime),
        "exceptions": SimpleNamespace(raise_compiler_error=raised(Refused)),
        "return": raised(Returned),
    }
    with pytest.raises(Returned) as returned:
        getattr(environment.from_string(MACROS.read_text()).module, macro)(*words)
    return returned.value.args[0]


@pytest.mark.slow
def test_dbt_takes_the_vars_and_explains_them(project: Project) -> None:
    """One of each kind through dbt itself."""
    shutil.copy(MACROS, project.folder / "macros")
    project.model("asked", MODEL)
    given = "event_late_days: 7, backfill_start: 2018-02-01, backfill_end: "
    command = ("compile", "--select", "asked", "--vars")
    result: Any = project.succeeds(*command, f"{{{given}2018-02-03}}").result
    assert result.results[0].node.compiled_code == "select '7' as days, '2018-02-03' as until"
    assert "from 2018-02-01 to 2018-01-31 covers nothing" in project.fails(*command, f"{{{given}2018-01-31}}")


@pytest.mark.parametrize(
    ("variables", "days", "backfill"),
    [
        ({"event_late_days": "7"}, 7, None),
        ({"backfill_start": "2018-02-01"}, 30, {"start": "2018-02-01", "end": "9000-01-01"}),
        (
            {"backfill_start": "2018-02-01", "backfill_end": "2018-02-01"},
            30,
            {"start": "2018-02-01", "end": "2018-02-01"},
        ),
    ],
)
def test_sense_is_taken_as_it_is(variables: dict[str, str], days: int, backfill: dict[str, str] | None) -> None:
    assert answer("late_days", "event_late_days", **variables) == days
    assert answer("backfill", **variables) == backfill


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        ({"backfill_start": "20180101"}, "The var backfill_start is 20180101: give it as a day"),
        ({"backfill_end": "2018-01-31"}, "A backfill from no day to 2018-01-31 covers nothing"),
        (
            {"backfill_start": "2018-02-01", "backfill_end": "2018-01-31"},
            "from 2018-02-01 to 2018-01-31 covers nothing",
        ),
        ({"event_late_days": "a month"}, "The var event_late_days is a month: give it a whole number of days"),
        ({"event_late_days": "-1"}, "The var event_late_days is -1: give it a whole number of days"),
    ],
)
def test_nonsense_is_explained(variables: dict[str, str], what: str) -> None:
    (macro, words) = ("backfill", ()) if "event_late_days" not in variables else ("late_days", ("event_late_days",))
    with pytest.raises(Refused, match=what):
        answer(macro, *words, **variables)

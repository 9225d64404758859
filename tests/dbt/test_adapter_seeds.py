"""Seeds: what is in the file is in the table."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tests.dbt.small_project import UTC, Project

pytestmark = pytest.mark.slow

CSV = """code,name,price,at,day,flag,number
007,"Açúcar, ""fino""
e claro",1234567890123456.70,2018-02-28 23:59:59,2018-02-28,true,1
008,,,,,,
"""
YML = """
seeds:
  - name: s
    config:
      column_types: {code: string, price: "decimal(18,2)", at: timestamp, day: date, flag: boolean}
"""
ROWS = [
    (
        "007",
        'Açúcar, "fino"\ne claro',
        Decimal("1234567890123456.70"),
        dt.datetime(2018, 2, 28, 23, 59, 59, tzinfo=UTC),
        dt.date(2018, 2, 28),
        True,
        1,
    ),
    ("008", None, None, None, None, None, None),
]


def test_nulls_quotes_line_breaks_accents_and_column_types_arrive_intact(project: Project) -> None:
    project.seed("s", CSV, YML)
    project.succeeds("seed")
    assert project.rows("s") == ROWS
    assert list(project.columns("s").values()) == [
        "string",
        "string",
        "decimal(18,2)",
        "timestamp",
        "date",
        "boolean",
        "long",
    ]


def test_seeding_twice_gives_the_same_rows_in_one_more_version(project: Project) -> None:
    project.seed("s", CSV, YML)
    project.succeeds("seed")
    project.restart()
    project.succeeds("seed")
    assert (project.version("s"), project.rows("s")) == (1, ROWS)


@pytest.mark.parametrize("flag", [[], ["--full-refresh"]], ids=["seed", "full refresh"])
def test_changed_columns_and_rows_replace_the_table(project: Project, flag: list[str]) -> None:
    project.seed("s", "id,name\n1,Ana\n2,Bia\n")
    project.succeeds("seed")
    project.seed("s", "name,Since Year\nEva,2018\n")
    project.succeeds("seed", *flag)
    assert (project.version("s"), project.rows("s")) == (1, [("Eva", 2018)])
    assert project.columns("s") == {"name": "string", "Since Year": "long"}
    assert project.restart().table("silver.s").columns == ["name", "Since Year"]


def test_a_seed_without_rows_is_an_empty_table(project: Project) -> None:
    project.seed("s", CSV.splitlines()[0] + "\n", YML)
    project.succeeds("seed")
    assert (project.rows("s"), project.columns("s")["price"]) == ([], "decimal(18,2)")


def test_a_value_that_does_not_fit_its_type_fails_and_leaves_the_table_as_it_was(project: Project) -> None:
    project.seed("s", CSV, YML)
    project.succeeds("seed")
    project.seed("s", CSV.replace("2018-02-28,true", "2018-02-30,true"), YML)
    said = project.fails("seed")
    assert "2018-02-30" in said
    assert "2018-02-30" in said
    assert "cannot be cast" in said
    assert said.startswith("s: Database Error")  # an error of the user, not a stack trace
    assert (project.version("s"), project.rows("s")) == (0, ROWS)

"""Windows that let rows through as they come say what windows that hold everything say."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from lakehouse import settings
from lakehouse.session import open_session

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(-3, 3)), min_size=1, max_size=12)


def macro(file: str, name: str, *words: str) -> str:
    """What a macro writes."""
    source = (settings.DBT_PROJECT / "macros" / file).read_text(encoding="utf-8")
    # It is SQL: there is nothing to escape.
    module: Any = jinja2.Environment(autoescape=False).from_string(source).module
    return str(getattr(module, name)(*words))


EQUAL = {
    "least": (macro("windows.sql", "least_of_group", "value", "part"), "min(value) over (partition by part)"),
    "greatest": (macro("windows.sql", "greatest_of_group", "value", "part"), "max(value) over (partition by part)"),
    "rank": (macro("rfm.sql", "rank_position", "value asc", "rows"), "percent_rank() over (order by value asc)"),
    "rank down": (
        macro("rfm.sql", "rank_position", "value desc", "rows"),
        "percent_rank() over (order by value desc)",
    ),
}


@pytest.mark.parametrize("what", EQUAL)
@limits(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_a_window_that_holds_little_says_what_one_that_holds_all_says(
    what: str, rows: list[tuple[str, int | None]], warehouse: Path
) -> None:
    session = open_session("local", warehouse)
    session.createDataFrame(rows, "part string, value int").createOrReplaceTempView("given")
    ours, plain = EQUAL[what]
    found = session.sql(
        f"select {ours} as ours, {plain} as plain from (select count(*) as rows from given) cross join given"
    ).collect()
    assert len(found) == len(rows)
    assert all(row["ours"] == row["plain"] for row in found), found


@limits(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.integers(-9, 9), max_size=9))
def test_the_middle_of_a_sorted_list_is_its_median(values: list[int], warehouse: Path) -> None:
    session = open_session("local", warehouse)
    frame = session.createDataFrame([(sorted(values),)], "list array<bigint>")
    frame.createOrReplaceTempView("given")
    (row,) = session.sql(f"select {macro('windows.sql', 'middle_of', 'list')} as middle from given").collect()
    assert row["middle"] == (statistics.median(values) if values else None)

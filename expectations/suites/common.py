"""What suites share: owners, short words for checks, and measures of any table."""

from __future__ import annotations

from collections.abc import Sequence

from great_expectations.expectations import ExpectColumnValuesToBeBetween
from great_expectations.expectations.row_conditions import Column, ComparisonCondition

from expectations.checks import Check, Dimension, Severity

ENGINEERING, ANALYTICS, SCIENCE = "Data engineering", "Customer analytics", "Data science"
"""The owners of dbt's groups and exposures (``dbt_project/models/groups.yml``, ``exposures.yml``)."""
ENOUGH = 500
"""Rows from which on a delivery is judged alone: with fewer, shares and medians move by chance."""


NOT_RARE = Column("share_before") >= 0.01
"""Keys that usually have a row in a hundred and more, as purchases have: one of a single row may go as it came."""


def between(column: str, low: float, high: float) -> ExpectColumnValuesToBeBetween:
    """Every value of a column lies in a band, both ends included; null is no value."""
    return ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high)


def at_least(column: str, low: float, where: ComparisonCondition | None = None) -> ExpectColumnValuesToBeBetween:
    """No value of a column is lower, in all rows or those of a condition; null is no value."""
    return ExpectColumnValuesToBeBetween(column=column, min_value=low, row_condition=where)


def at_most(column: str, high: float) -> ExpectColumnValuesToBeBetween:
    """No value of a column is higher; null is no value."""
    return ExpectColumnValuesToBeBetween(column=column, max_value=high)


def critical(
    name: str, dimension: Dimension, why: str, expectation: ExpectColumnValuesToBeBetween, sample: str = ""
) -> Check:
    """A check whose failure stops the load."""
    return Check(name, dimension, Severity.CRITICAL, why, expectation, sample)


def warning(
    name: str, dimension: Dimension, why: str, expectation: ExpectColumnValuesToBeBetween, sample: str = ""
) -> Check:
    """A check whose failure is counted."""
    return Check(name, dimension, Severity.WARNING, why, expectation, sample)


def share(condition: str) -> str:
    """Of how many rows a condition is true, from 0 to 1; null without rows."""
    return f"avg(case when {condition} then 1.0d else 0.0d end)"


def row_counts(layer: str, tables: Sequence[str]) -> str:
    """A measurement of how many rows each of some tables has."""
    return " union all ".join(
        f"""
    select
        '{table}' as key,
        count(*) as row_count
    from {layer}.{table}
    """
        for table in tables
    )

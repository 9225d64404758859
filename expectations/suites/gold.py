"""What is expected of gold."""

from __future__ import annotations

from great_expectations.expectations import ExpectColumnValuesToBeBetween

from expectations.checks import Check, Dimension, Severity, Suite

SUITES = (
    Suite(
        layer="gold",
        table="weekly_revenue",
        owner="data_engineering",
        measure="select count(*) as row_count from gold.weekly_revenue",
        checks=(
            Check(
                name="weeks_vanish",
                dimension=Dimension.COMPLETENESS,
                severity=Severity.CRITICAL,
                why="A load that loses rows looks like a bad week.",
                expectation=ExpectColumnValuesToBeBetween(column="row_count_ratio", min_value=0.9),
            ),
            Check(
                name="no_rows",
                dimension=Dimension.COMPLETENESS,
                severity=Severity.CRITICAL,
                why="Everything downstream would be empty.",
                expectation=ExpectColumnValuesToBeBetween(column="row_count", min_value=1),
            ),
        ),
    ),
)

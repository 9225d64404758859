"""What suites share: short words for checks, and which rows of Bronze a delivery is judged by."""

from __future__ import annotations

from collections.abc import Sequence

from great_expectations.expectations import ExpectColumnValuesToBeBetween

from expectations.checks import Check, Dimension, Severity

ENGINEERING, ANALYTICS, SCIENCE = "Data engineering", "Customer analytics", "Data science"
"""The owners of dbt's groups and exposures (``dbt_project/models/groups.yml``, ``exposures.yml``)."""
ENOUGH = 500
"""Rows from which on a delivery is judged alone: with fewer, shares and medians move by chance."""


def between(column: str, low: float, high: float) -> ExpectColumnValuesToBeBetween:
    """Every value of a column lies in a band, both ends included; null is no value."""
    return ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high)


def at_least(column: str, low: float) -> ExpectColumnValuesToBeBetween:
    """No value of a column is lower; null is no value."""
    return ExpectColumnValuesToBeBetween(column=column, min_value=low)


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


def judged(table: str) -> str:
    """CTEs ``newest``, the last delivery of a Bronze table, and ``judged``, its rows.

    A delivery of few rows cannot be judged alone: then ``judged`` holds all rows of the table.
    """
    return f"""newest as (
        select
            _batch_id,
            row_count,
            _delivered_on
        from bronze.deliveries
        where table_name = '{table}'
        order by _ingested_at desc
        limit 1
    ),

    judged as (
        select delivered.*
        from bronze.{table} as delivered
        cross join newest
        where delivered._batch_id = newest._batch_id or newest.row_count < {ENOUGH}
    )"""


def standing(table: str) -> str:
    """CTE ``standing``: the rows of the last whole delivery of a Bronze table, and of all drops of days.

    A whole delivery takes the place of the one before; a drop of a day adds to it. So no count by a key may fall.
    """
    return f"""last_whole as (
        select max_by(_batch_id, _ingested_at) as batch_id
        from bronze.deliveries
        where table_name = '{table}' and _delivered_on is null
    ),

    standing as (
        select delivered.*
        from bronze.{table} as delivered
        cross join last_whole
        where delivered._delivered_on is not null or delivered._batch_id = last_whole.batch_id
    )"""


def last_two(table: str) -> str:
    """CTE ``last_two``: the rows of the last two whole deliveries of a Bronze table; ``age`` is 1 for the last.

    Empty where the last delivery is a drop of a day: it need not repeat what was delivered before.
    """
    return f"""deliveries as (
        select
            _batch_id,
            _delivered_on,
            row_number() over (order by _ingested_at desc) as age,
            max(_delivered_on) over () as last_delivered_on
        from bronze.deliveries
        where table_name = '{table}'
    ),

    last_two as (
        select
            delivered.*,
            deliveries.age
        from bronze.{table} as delivered
        inner join deliveries on delivered._batch_id = deliveries._batch_id
        where deliveries.age <= 2 and deliveries.last_delivered_on is null
    )"""


def mean_hour(moment: str) -> str:
    """The hour of the day around which moments lie, on the circle of hours; null where no hour stands out.

    The direction of the mean resultant vector (Mardia and Jupp, Directional Statistics, 2000, section 2.2), where it
    is longer than 0.2. A mean of plain hours would be torn apart at midnight; this one moves as the clock does.

    Args:
        moment: an expression of type timestamp.
    """
    angle = f"radians(15 * (hour({moment}) + minute({moment}) / 60.0))"
    sine, cosine = f"avg(sin({angle}))", f"avg(cos({angle}))"
    return (
        f"case when {sine} * {sine} + {cosine} * {cosine} > 0.04 "
        f"then (degrees(atan2({sine}, {cosine})) + case when {sine} < 0 then 360 else 0 end) / 15 end"
    )


def moment(column: str) -> str:
    """Delivered text as a timestamp; null where it cannot be read."""
    return f"try_to_timestamp({column}, 'yyyy-MM-dd HH:mm:ss')"


def money(column: str) -> str:
    """Delivered text as an amount; null where it cannot be read.

    By way of a decimal: as a double the text "nan" would be a number, and a median with it another one each time.
    """
    return f"cast(try_cast({column} as decimal(18, 2)) as double)"


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

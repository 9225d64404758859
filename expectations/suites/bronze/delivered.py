"""Bronze in SQL: which rows a delivery is judged by, what delivered text says, and measures of any of its files."""

from __future__ import annotations

from expectations.suites.common import ENOUGH


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
            row_number() over (partition by _delivered_on is null order by _ingested_at desc) as age,
            max(case when _delivered_on is null then _ingested_at end) over () as last_whole_at,
            max(_ingested_at) over () as last_at
        from bronze.deliveries
        where table_name = '{table}'
    ),

    last_two as (
        select
            delivered.*,
            deliveries.age
        from bronze.{table} as delivered
        inner join deliveries on delivered._batch_id = deliveries._batch_id
        where
            deliveries._delivered_on is null
            and deliveries.age <= 2
            and deliveries.last_whole_at = deliveries.last_at
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


def repeats(table: str, key: str) -> str:
    """CTE ``repeats``: how many of the judged rows of a table are repeats within their delivery."""
    return f"""repeats as (
        select 1 - count(*) / cast(sum(times) as double) as repeated_share
        from (
            select
                _batch_id,
                {key},
                count(*) as times
            from judged
            group by
                _batch_id,
                {key}
        ) as keys
    )"""


def repeated_keys(table: str, key: str) -> str:
    """A sample: keys that stand more than once in a delivery."""
    return f"select {key}, _batch_id from bronze.{table} group by {key}, _batch_id having count(*) > 1"


def quiet_hours(table: str, at: str) -> str:
    """CTE ``quiet``: the longest time without a row on the day of the last drop, its first and last hour included.

    Null for a whole delivery, whose last day has not ended, and for a day of fewer than thirty rows, which has such
    times by chance.
    """
    return f"""of_the_day as (
        select hour({moment(at)}) + minute({moment(at)}) / 60.0d as hour_of_day
        from bronze.{table} as delivered
        inner join newest on delivered._batch_id = newest._batch_id
        where cast({moment(at)} as date) = newest._delivered_on
    ),

    gaps as (
        select
            hour_of_day,
            hour_of_day - coalesce(lag(hour_of_day) over (order by hour_of_day asc), 0) as gap
        from of_the_day
    ),

    quiet as (
        select case when count(*) >= 30 then greatest(max(gap), 24 - max(hour_of_day)) end as quiet_hours
        from gaps
    )"""


def _days_left(table: str, at: str) -> str:
    """CTE ``days_left``: how many rows a day of the last whole delivery has, in parts of those in the one before."""
    day = f"cast({moment(at)} as date)"
    return f"""{last_two(table)},

    days as (
        select
            {day} as day,
            sum(case when age = 1 then 1 else 0 end) as rows,
            sum(case when age = 2 then 1 else 0 end) as rows_before
        from last_two
        group by {day}
    ),

    -- Of a day with few rows half may go for good reasons.
    days_left as (
        select
            day,
            rows / cast(rows_before as double) as rows_left
        from days
        where rows_before >= 10 and day is not null
    )"""


def worst_day(table: str, at: str) -> str:
    """A measurement: what is left of the day of which the last whole delivery has lost most."""
    return f"""
    with {_days_left(table, at)}

    select min(rows_left) as rows_left_of_worst_day
    from days_left
    """


def bad_days(table: str, at: str) -> str:
    """A sample: the days of which the last whole delivery has lost a quarter and more."""
    days = (
        "select cast(day as string) as day, rows_left from days_left where rows_left < 0.75 order by rows_left, day"
    )
    return f"with {_days_left(table, at)} {days}"


def mix(table: str, column: str) -> str:
    """The share of each value of a column among the judged rows of a table."""
    return f"""
    with {judged(table)},

    counted as (
        select
            coalesce({column}, 'none') as key,
            count(*) as events
        from judged
        group by coalesce({column}, 'none')
    )

    select
        key,
        events / cast(sum(events) over () as double) as share
    from counted
    order by events desc, key asc
    limit 200
    """

"""A delivery as a whole: how long its files are, of which day they are, and how many lines were no records."""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.common import ENGINEERING, at_least, at_most, critical, warning

DELIVERIES = Suite(
    layer="bronze",
    table="deliveries",
    owner=ENGINEERING,
    measure="""
    with ranked as (
        select
            *,
            row_number() over (partition by table_name order by _ingested_at desc) as age,
            min(_delivered_on) over (partition by table_name) as first_day,
            max(_delivered_on) over (partition by table_name) as last_day
        from bronze.deliveries
    ),

    counted as (
        select
            table_name,
            max(case when age = 1 and _delivered_on is null then row_count end) as rows_of_whole_file,
            max(case when age = 1 and _delivered_on > first_day then row_count end) as rows_of_drop,
            median(case when age > 1 and _delivered_on > first_day then row_count end) as rows_of_usual_drop,
            count(case when age > 1 and _delivered_on > first_day then 1 end) as drops_before,
            max(case when age = 1 then row_count + rejected_count end) as lines,
            max(case when age = 1 then rejected_count end) as rejected,
            max(case when _delivered_on < last_day then _delivered_on end) as day_before,
            max(last_day) as last_day
        from ranked
        group by table_name
    )

    select
        table_name as key,
        rows_of_whole_file,
        -- A few drops, or drops of a few rows, do not say what is usual.
        case
            when drops_before >= 3 and rows_of_usual_drop >= 50 then rows_of_drop / rows_of_usual_drop
        end as drop_to_earlier_drops,
        rejected / cast(nullif(lines, 0) as double) as rejected_share,
        datediff(last_day, day_before) as days_between_drops,
        case
            when table_name in ('customers', 'order_items', 'order_payments')
                then datediff(max(case when table_name = 'orders' then last_day end) over (), last_day)
        end as days_behind_orders
    from counted
    """,
    checks=(
        critical(
            "file_was_truncated",
            Dimension.COMPLETENESS,
            "An export that breaks off gives a whole delivery with fewer rows than before; shops grow, so a tenth "
            "less is a fault.",
            at_least("rows_of_whole_file_ratio", 0.9),
        ),
        warning(
            "file_grew_out_of_proportion",
            Dimension.DISTRIBUTION,
            "A file that holds another one too, or last year's rows again under new keys, is far longer than the "
            "ones before.",
            at_most("rows_of_whole_file_ratio", 1.8),
        ),
        warning(
            "drop_was_short",
            Dimension.COMPLETENESS,
            "A drop of half a day has half the rows of the drops before; weekends and holidays keep more than half.",
            at_least("drop_to_earlier_drops", 0.5),
        ),
        critical(
            "lines_were_no_records",
            Dimension.VALIDITY,
            "An unescaped quote or another separator turns lines into none; one in twenty is no accident of a "
            "single row.",
            at_most("rejected_share", 0.05),
            "select table_name, _source_row, reason from bronze.rejected_rows "
            "order by _ingested_at desc, table_name, _source_row",
        ),
        warning(
            "days_were_skipped",
            Dimension.TIMELINESS,
            "A job that did not run leaves out days, which nobody misses before the month is closed.",
            at_most("days_between_drops", 3),
        ),
        warning(
            "lines_came_without_their_orders",
            Dimension.CONSISTENCY,
            "Orders whose customers, items or payments stay behind count as orders without revenue until those come.",
            at_most("days_behind_orders", 0),
        ),
    ),
)

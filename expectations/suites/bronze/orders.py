"""The orders: delivered whole and once, newer than before, at the hours at which people buy."""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.bronze.delivered import (
    bad_days,
    judged,
    mean_hour,
    moment,
    quiet_hours,
    repeated_keys,
    repeats,
    worst_day,
)
from expectations.suites.common import ENGINEERING, at_least, at_most, between, critical, share, warning

STATUSES = "'created', 'approved', 'invoiced', 'processing', 'shipped', 'delivered', 'canceled', 'unavailable'"
PURCHASED, APPROVED = moment("order_purchase_timestamp"), moment("order_approved_at")

ORDERS = Suite(
    layer="bronze",
    table="orders",
    owner=ENGINEERING,
    measure=f"""
    with {judged("orders")},

    {repeats("orders", "order_id")},

    {quiet_hours("orders", "order_purchase_timestamp")},

    typed as (
        select
            {PURCHASED} as purchased_at,
            {APPROVED} as approved_at,
            {moment("order_estimated_delivery_date")} as promised_at,
            trim(order_status) as order_status
        from judged
    ),

    measured as (
        select
            {mean_hour("purchased_at")} as mean_hour,
            {share("hour(promised_at) != 0")} as share_promised_off_midnight,
            {share("approved_at < purchased_at")} as share_approved_before_purchase,
            {share(f"order_status not in ({STATUSES})")} as share_of_unknown_status
        from typed
    )

    select *
    from measured
    cross join repeats
    cross join quiet
    """,
    checks=(
        critical(
            "orders_were_loaded_twice",
            Dimension.UNIQUENESS,
            "Half the rows of a file that was written twice are repeats; exports as they are repeat a few in a "
            "hundred.",
            at_most("repeated_share", 0.2),
            repeated_keys("orders", "order_id"),
        ),
        critical(
            "purchases_moved_by_hours",
            Dimension.DISTRIBUTION,
            "An export in UTC puts purchases three hours later, evenings into the next day and some weeks into the "
            "next; the mean hour of a shop moves by minutes, not by an hour in fifteen.",
            between("mean_hour_ratio", 0.93, 1.07),
        ),
        critical(
            "promises_moved_off_midnight",
            Dimension.VALIDITY,
            "Deliveries are promised for days, so their hour is 0; another hour says that the whole file was moved "
            "to another time zone.",
            at_most("share_promised_off_midnight", 0.05),
            f"select order_id from bronze.orders where hour({moment('order_estimated_delivery_date')}) != 0",
        ),
        critical(
            "approvals_came_before_purchases",
            Dimension.CONSISTENCY,
            "Where one of two clocks is moved, orders are approved before they are placed.",
            at_most("share_approved_before_purchase", 0.05),
            f"select order_id from bronze.orders where {APPROVED} < {PURCHASED}",
        ),
        warning(
            "order_status_is_new",
            Dimension.VALIDITY,
            "Orders with a status that no rule knows wait in quarantine, and their revenue with them, until "
            "somebody decides what it means.",
            at_most("share_of_unknown_status", 0),
            f"select order_id, order_status from bronze.orders where trim(order_status) not in ({STATUSES})",
        ),
        critical(
            "many_orders_took_an_unknown_status",
            Dimension.VALIDITY,
            "A shop that renames a step sends all orders of that step to quarantine; one in two hundred is a step, "
            "and no slip of a clerk.",
            at_most("share_of_unknown_status", 0.005),
            f"select order_id, order_status from bronze.orders where trim(order_status) not in ({STATUSES})",
        ),
        critical(
            "half_a_day_of_orders_was_missing",
            Dimension.COMPLETENESS,
            "A drop that was cut at noon looks like a poor day; people buy at all hours but those of the night, "
            "which are six.",
            at_most("quiet_hours", 11),
        ),
    ),
)

ORDERS_TO_LAST_DELIVERY = Suite(
    layer="bronze",
    table="orders",
    name="orders_to_last_delivery",
    owner=ENGINEERING,
    measure=f"""
    with newest as (
        select max_by(_batch_id, _ingested_at) as batch_id
        from bronze.deliveries
        where table_name = 'orders' and row_count > 0
    ),

    moments as (
        select
            max(case when orders._batch_id = newest.batch_id then {PURCHASED} end) as last_purchase_at,
            max(case when orders._batch_id != newest.batch_id then {PURCHASED} end) as last_purchase_before_at,
            max(case when orders._batch_id = newest.batch_id then orders._delivered_on end) as delivered_on,
            count(case when orders._batch_id = newest.batch_id then 1 end) as orders_delivered
        from bronze.orders as orders
        cross join newest
        -- A clock that is ahead would make every later file look old.
        where {PURCHASED} < coalesce({moment("order_estimated_delivery_date")}, timestamp '1970-01-01 00:00:00')
    )

    select
        case
            when delivered_on is null
                then (unix_timestamp(last_purchase_at) - unix_timestamp(last_purchase_before_at)) / 3600.0d
        end as hours_gained,
        -- A shop that sells little has days without an order.
        case when orders_delivered >= 30 then datediff(delivered_on, cast(last_purchase_at as date)) end as days_old
    from moments
    """,
    checks=(
        critical(
            "orders_file_was_stale",
            Dimension.TIMELINESS,
            "A file whose last purchase is older than that of the file before is an old export under a new date; "
            "what came since would be missing.",
            at_least("hours_gained", 0),
        ),
        warning(
            "orders_file_brought_nothing_new",
            Dimension.TIMELINESS,
            "A file that differs from the last one and holds no newer purchase is a correction, or an export that "
            "stands still.",
            at_least("hours_gained", 0.0001),
        ),
        critical(
            "orders_drop_was_stale",
            Dimension.TIMELINESS,
            "A drop whose last purchase is days older than its day is yesterday's drop, or that of a week ago, "
            "again.",
            at_most("days_old", 3),
        ),
    ),
)

ORDERS_BY_DAY = Suite(
    layer="bronze",
    table="orders",
    name="orders_by_day",
    owner=ENGINEERING,
    measure=worst_day("orders", "order_purchase_timestamp"),
    checks=(
        critical(
            "part_of_a_day_of_orders_was_lost",
            Dimension.COMPLETENESS,
            "A day of the past that loses orders from one whole delivery to the next was exported in part; orders "
            "are canceled, but not taken out.",
            at_least("rows_left_of_worst_day", 0.75),
            bad_days("orders", "order_purchase_timestamp"),
        ),
    ),
)

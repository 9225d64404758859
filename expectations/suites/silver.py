"""What Silver shows of a load that typing, rules and dbt's tests let pass.

A broken row waits in quarantine, so what breaks many rows is seen here as a quarantine that fills up.
"""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.common import (
    ENGINEERING,
    ENOUGH,
    at_least,
    at_most,
    between,
    critical,
    row_counts,
    share,
    warning,
)

TABLES = (
    "as_of",
    "carts",
    "clickstream_events",
    "customer_addresses",
    "customer_contacts",
    "customer_ids",
    "customers",
    "geolocation",
    "order_items",
    "order_payments",
    "order_reviews",
    "orders",
    "product_category_translations",
    "products",
    "products_history",
    "sellers",
    "sellers_history",
    "sessions",
)
"""Tables that hold what was delivered, so that they never lose many rows; quarantines are emptied as causes go."""
DELIVERED = (
    "clickstream_events",
    "customer_contacts",
    "customers",
    "geolocation",
    "order_items",
    "order_payments",
    "order_reviews",
    "orders",
    "product_category_translations",
    "products",
    "sellers",
)
"""Tables with a quarantine."""
# A whole delivery repeats orders that are more than a year old: they wait as too late, and are no fault.
QUARANTINED_ROWS = " union all ".join(
    f"select '{table}' as table_name, _batch_id, count(*) as row_count "
    f"from silver.quarantined_{table} where broken_rule != 'arrived_too_late' group by _batch_id"
    for table in DELIVERED
)

ALL_TABLES = Suite(
    layer="silver",
    table="all_tables",
    owner=ENGINEERING,
    measure=row_counts("silver", TABLES),
    checks=(
        critical(
            "table_lost_rows",
            Dimension.COMPLETENESS,
            "A model that filters too much, or a merge that deletes, empties a table whose every row is sound.",
            at_least("row_count_ratio", 0.9),
        ),
    ),
)

QUARANTINE = Suite(
    layer="silver",
    table="all_quarantines",
    owner=ENGINEERING,
    measure=f"""
    with quarantined as (
        {QUARANTINED_ROWS}
    ),

    delivered as (
        select
            table_name,
            _batch_id,
            row_count,
            first_value(_batch_id) over deliveries as newest_batch_id,
            first_value(row_count) over deliveries as newest_row_count
        from bronze.deliveries
        window deliveries as (partition by table_name order by _ingested_at desc)
    )

    select
        delivered.table_name as key,
        sum(coalesce(quarantined.row_count, 0))
        / cast(nullif(sum(delivered.row_count), 0) as double) as quarantined_share
    from delivered
    left join quarantined
        on delivered.table_name = quarantined.table_name and delivered._batch_id = quarantined._batch_id
    where delivered._batch_id = delivered.newest_batch_id or delivered.newest_row_count < {ENOUGH}
    group by delivered.table_name
    """,
    checks=(
        critical(
            "quarantine_filled_up",
            Dimension.VALIDITY,
            "One change of format puts every row of a file into quarantine, and the tables look sound without them; "
            "a tenth of a delivery is no longer single bad rows.",
            at_most("quarantined_share", 0.1),
        ),
        warning(
            "quarantine_was_noticeable",
            Dimension.VALIDITY,
            "Two rows in a hundred that wait are enough to move a figure in its second digit.",
            at_most("quarantined_share", 0.02),
        ),
    ),
)

AS_OF = Suite(
    layer="silver",
    table="as_of",
    owner=ENGINEERING,
    measure="""
    select
        datediff(as_of_date, date '1970-01-01') as as_of_day,
        datediff(as_of_date, reporting_date) as days_after_complete_week
    from silver.as_of
    """,
    checks=(
        critical(
            "as_of_date_went_back",
            Dimension.TIMELINESS,
            "When newer orders are lost, everything is as of an earlier day, and everybody looks more recent than "
            "they are.",
            at_least("as_of_day_change", 0),
        ),
        critical(
            "one_order_moved_the_as_of_date",
            Dimension.TIMELINESS,
            "A clock that is ahead in a delivery without a day puts the as-of date months after the last normal "
            "week, and all customers have lapsed.",
            at_most("days_after_complete_week", 120),
            "select order_id, purchased_at from silver.orders order by purchased_at desc, order_id",
        ),
    ),
)

ORDERS = Suite(
    layer="silver",
    table="orders",
    owner=ENGINEERING,
    measure=f"""
    with items as (
        select
            order_id,
            sum(price + freight_value) as due
        from silver.order_items
        group by order_id
    ),

    payments as (
        select
            order_id,
            sum(payment_value) as paid
        from silver.order_payments
        group by order_id
    )

    select
        {share("items.order_id is null")} as share_without_items,
        {share("orders.order_status = 'canceled'")} as canceled_share,
        avg(case
            when orders.order_status = 'delivered'
                then case when orders.delivered_to_customer_at is null then 1.0d else 0.0d end
        end) as undated_share,
        median(cast(payments.paid as double) / cast(nullif(items.due, 0) as double)) as paid_to_due
    from silver.orders as orders
    left join items on orders.order_id = items.order_id
    left join payments on orders.order_id = payments.order_id
    """,
    checks=(
        critical(
            "orders_lost_their_items",
            Dimension.CONSISTENCY,
            "Orders and lines of two exports do not meet: the orders are counted, and their revenue is not.",
            at_most("share_without_items", 0.1),
            "select orders.order_id from silver.orders as orders left join silver.order_items as items "
            "on orders.order_id = items.order_id where items.order_id is null",
        ),
        critical(
            "payments_disagreed_with_prices",
            Dimension.CONSISTENCY,
            "Customers pay price and freight; when the middle order is paid with a hundredth of it, or twice, one "
            "of the two files has another unit.",
            between("paid_to_due", 0.9, 1.1),
        ),
        warning(
            "cancellations_jumped",
            Dimension.DISTRIBUTION,
            "A status that is mapped to canceled takes orders out of all revenue.",
            between("canceled_share_ratio", 0.5, 2),
        ),
        warning(
            "deliveries_lost_their_date",
            Dimension.COMPLETENESS,
            "Without the day of arrival no order is late, and the share of late orders is better than ever.",
            at_most("undated_share", 0.05),
            "select order_id from silver.orders "
            "where order_status = 'delivered' and delivered_to_customer_at is null",
        ),
    ),
)

REVIEWS = Suite(
    layer="silver",
    table="order_reviews",
    owner=ENGINEERING,
    measure=f"""
    select
        {share("answered_at is null")} as unanswered_share
    from silver.order_reviews
    """,
    checks=(
        warning(
            "review_dates_were_lost",
            Dimension.COMPLETENESS,
            "A review without the moment of its answer is known at no reference date, so that churn examples do "
            "without it.",
            at_most("unanswered_share", 0.02),
            "select review_id, order_id from silver.order_reviews where answered_at is null",
        ),
    ),
)

PRODUCTS = Suite(
    layer="silver",
    table="products",
    owner=ENGINEERING,
    measure=f"""
    select
        {share("category = 'unknown'")} as uncategorised_share,
        {share("weight_g is null or length_cm is null or height_cm is null or width_cm is null")} as unmeasured_share
    from silver.products
    """,
    checks=(
        warning(
            "products_lost_their_category",
            Dimension.COMPLETENESS,
            "A catalogue without its categories leaves every figure by category to 'unknown'.",
            at_most("uncategorised_share", 0.15),
            "select product_id from silver.products where category = 'unknown'",
        ),
        warning(
            "products_lost_their_measures",
            Dimension.COMPLETENESS,
            "A decimal point in a whole number makes weights and sizes unreadable, and they become null in silence.",
            at_most("unmeasured_share", 0.1),
            "select product_id from silver.products where weight_g is null or length_cm is null",
        ),
    ),
)

CUSTOMERS = Suite(
    layer="silver",
    table="customers",
    owner=ENGINEERING,
    measure="""
    with states as (
        select
            state,
            count(*) as people
        from silver.customers
        group by state
    )

    select max(people) / cast(sum(people) as double) as largest_state_share
    from states
    """,
    checks=(
        warning(
            "customers_moved_to_one_state",
            Dimension.DISTRIBUTION,
            "The address of the warehouse in place of the customer's moves everybody into one state.",
            between("largest_state_share_ratio", 0.67, 1.5),
        ),
    ),
)

CONTACTS = Suite(
    layer="silver",
    table="customer_contacts",
    owner=ENGINEERING,
    measure="""
    with shared as (
        select
            email,
            count(*) as people
        from silver.customer_contacts
        where email is not null
        group by email
    )

    select 1 - count(*) / cast(sum(people) as double) as shared_share
    from shared
    """,
    checks=(
        warning(
            "people_shared_an_address",
            Dimension.UNIQUENESS,
            "A placeholder in place of an e-mail address gives many people the same one.",
            at_most("shared_share", 0.1),
        ),
    ),
)

EVENTS = Suite(
    layer="silver",
    table="clickstream_events",
    owner=ENGINEERING,
    measure="""
    select
        median(abs(unix_timestamp(events.event_at) - unix_timestamp(orders.purchased_at)) / 60.0d) as minutes_apart
    from silver.clickstream_events as events
    inner join silver.orders as orders on events.order_id = orders.order_id
    where events.event_type = 'purchase'
    """,
    checks=(
        critical(
            "tracker_and_shop_disagreed_on_the_hour",
            Dimension.CONSISTENCY,
            "Two clocks in two time zones put the purchase hours away from its order, so that visits and orders no "
            "longer meet.",
            at_most("minutes_apart", 30),
        ),
    ),
)

SESSIONS = Suite(
    layer="silver",
    table="sessions",
    owner=ENGINEERING,
    measure=f"""
    select {share("is_bot")} as bot_share
    from silver.sessions
    """,
    checks=(
        warning(
            "programs_flooded_the_shop",
            Dimension.DISTRIBUTION,
            "A crawler that is not told apart makes visits rise and conversion fall; one visit in ten is more than "
            "usual crawlers make.",
            at_most("bot_share", 0.1),
        ),
    ),
)

SUITES: tuple[Suite, ...] = (
    ALL_TABLES,
    QUARANTINE,
    AS_OF,
    ORDERS,
    REVIEWS,
    PRODUCTS,
    CUSTOMERS,
    CONTACTS,
    EVENTS,
    SESSIONS,
)
"""The checks after Silver is built."""

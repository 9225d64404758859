"""What can be wrong with a delivery, seen before anything is built from it.

A file without the columns or the rows of its contract, a broken zip, and a file that is there already never come
here: the ingest refuses the first two and passes over the third.
"""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.common import (
    ENGINEERING,
    at_least,
    at_most,
    between,
    critical,
    judged,
    last_two,
    mean_hour,
    moment,
    money,
    share,
    standing,
    warning,
)

STATUSES = "'created', 'approved', 'invoiced', 'processing', 'shipped', 'delivered', 'canceled', 'unavailable'"
PURCHASED, APPROVED = moment("order_purchase_timestamp"), moment("order_approved_at")
PRICE, FREIGHT = money("price"), money("freight_value")


def _repeats(table: str, key: str) -> str:
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


def _repeated_keys(table: str, key: str) -> str:
    return f"select {key}, _batch_id from bronze.{table} group by {key}, _batch_id having count(*) > 1"


def _quiet_hours(table: str, at: str) -> str:
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


def _worst_day(table: str, at: str) -> str:
    return f"""
    with {_days_left(table, at)}

    select min(rows_left) as rows_left_of_worst_day
    from days_left
    """


def _bad_days(table: str, at: str) -> str:
    days = (
        "select cast(day as string) as day, rows_left from days_left where rows_left < 0.75 order by rows_left, day"
    )
    return f"with {_days_left(table, at)} {days}"


def _mix(table: str, column: str) -> str:
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

ORDERS = Suite(
    layer="bronze",
    table="orders",
    owner=ENGINEERING,
    measure=f"""
    with {judged("orders")},

    {_repeats("orders", "order_id")},

    {_quiet_hours("orders", "order_purchase_timestamp")},

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
            _repeated_keys("orders", "order_id"),
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
    measure=_worst_day("orders", "order_purchase_timestamp"),
    checks=(
        critical(
            "part_of_a_day_of_orders_was_lost",
            Dimension.COMPLETENESS,
            "A day of the past that loses orders from one whole delivery to the next was exported in part; orders "
            "are canceled, but not taken out.",
            at_least("rows_left_of_worst_day", 0.75),
            _bad_days("orders", "order_purchase_timestamp"),
        ),
    ),
)

ORDER_ITEMS = Suite(
    layer="bronze",
    table="order_items",
    owner=ENGINEERING,
    measure=f"""
    with {judged("order_items")},

    {_repeats("order_items", "order_id, order_item_id")},

    measured as (
        select
            median({PRICE}) as median_price,
            median({FREIGHT}) as median_freight,
            percentile({PRICE}, 0.95) as high_price,
            median({PRICE}) / nullif(median({FREIGHT}), 0) as price_to_freight,
            {share(f"{PRICE} is null or {FREIGHT} is null")} as unreadable_share,
            {share(f"{FREIGHT} < 0 or {PRICE} < 0")} as negative_share
        from judged
    )

    select *
    from measured
    cross join repeats
    """,
    checks=(
        critical(
            "price_and_freight_were_swapped",
            Dimension.CONSISTENCY,
            "Two columns of money that change places break no rule of either; what a shop sells costs more than to "
            "send it.",
            at_least("price_to_freight", 1),
        ),
        critical(
            "prices_changed_their_unit",
            Dimension.DISTRIBUTION,
            "Prices in cents make every product a hundred times dearer; the median price of a shop never doubles "
            "from one delivery to the next.",
            between("median_price_ratio", 0.5, 2),
        ),
        critical(
            "freight_changed_its_unit",
            Dimension.DISTRIBUTION,
            "Freight in cents, or for all lines of an order on each of them, moves the median far more than a new "
            "tariff.",
            between("median_freight_ratio", 0.5, 2),
        ),
        warning(
            "dear_products_lost_their_price",
            Dimension.DISTRIBUTION,
            "A separator of thousands that is read as a decimal point makes only dear products cheap: 1.299 for "
            "1299.00.",
            between("high_price_ratio", 0.6, 1.67),
        ),
        critical(
            "prices_were_unreadable",
            Dimension.VALIDITY,
            "A decimal comma makes every price unreadable, and the lines would all wait in quarantine.",
            at_most("unreadable_share", 0.05),
            f"select order_id, order_item_id, price, freight_value from bronze.order_items where {PRICE} is null "
            f"or {FREIGHT} is null",
        ),
        critical(
            "amounts_turned_negative",
            Dimension.VALIDITY,
            "An export of bookings gives freight and price the sign of a cost; refunds by themselves are a few in a "
            "hundred lines.",
            at_most("negative_share", 0.05),
            f"select order_id, order_item_id, price, freight_value from bronze.order_items where {PRICE} < 0 "
            f"or {FREIGHT} < 0",
        ),
        critical(
            "order_lines_were_loaded_twice",
            Dimension.UNIQUENESS,
            "Half the lines of a file that was written twice are repeats; exports as they are repeat a few in a "
            "hundred.",
            at_most("repeated_share", 0.2),
            _repeated_keys("order_items", "order_id, order_item_id"),
        ),
    ),
)

ORDER_ITEMS_BY_CATEGORY = Suite(
    layer="bronze",
    table="order_items",
    name="order_items_by_category",
    owner=ENGINEERING,
    measure=f"""
    with {standing("order_items")},

    categories as (
        select
            trim(product_id) as product_id,
            max_by(nullif(trim(product_category_name), ''), _ingested_at) as category
        from bronze.products
        group by trim(product_id)
    ),

    sold as (
        select
            trim(product_id) as product_id,
            count(*) as lines
        from standing
        group by trim(product_id)
    )

    select
        coalesce(categories.category, 'none') as key,
        sum(sold.lines) as lines
    from sold
    left join categories on sold.product_id = categories.product_id
    group by coalesce(categories.category, 'none')
    order by lines desc, key asc
    limit 1000
    """,
    checks=(
        critical(
            "category_stopped_selling",
            Dimension.COMPLETENESS,
            "A filter in the export that leaves out a category takes its whole past with it; what was sold stays "
            "sold.",
            at_least("lines_ratio", 0.5),
        ),
    ),
)

PRODUCTS_BY_CATEGORY = Suite(
    layer="bronze",
    table="products",
    name="products_by_category",
    owner=ENGINEERING,
    measure=f"""
    with {standing("products")}

    select
        coalesce(nullif(trim(product_category_name), ''), 'none') as key,
        count(*) as products
    from standing
    group by coalesce(nullif(trim(product_category_name), ''), 'none')
    order by products desc, key asc
    limit 1000
    """,
    checks=(
        critical(
            "category_left_the_catalogue",
            Dimension.COMPLETENESS,
            "A catalogue without one of its categories leaves its lines without a product; categories are renamed "
            "one at a time, and somebody should know.",
            at_least("products_ratio", 0.4),
        ),
    ),
)

CUSTOMERS = Suite(
    layer="bronze",
    table="customers",
    owner=ENGINEERING,
    measure=f"""
    with {last_two("customers")},

    ids as (
        select
            customer_id,
            max(case when age = 1 then customer_unique_id end) as person,
            max(case when age = 2 then customer_unique_id end) as person_before
        from last_two
        group by customer_id
    ),

    kept as (
        select avg(case
            when person_before is not null then case when person = person_before then 1.0d else 0.0d end
        end) as kept_share
        from ids
    ),

    people as (
        select
            customer_unique_id,
            count(*) as customer_ids
        from (select distinct customer_unique_id, customer_id from bronze.customers) as pairs
        group by customer_unique_id
    ),

    per_person as (
        select avg(customer_ids) as ids_per_person
        from people
    )

    select *
    from kept
    cross join per_person
    """,
    checks=(
        critical(
            "customers_were_replaced",
            Dimension.CONSISTENCY,
            "With another salt in the export everybody is somebody else: returning customers count as new ones, and "
            "every figure about people is wrong.",
            at_least("kept_share", 0.9),
        ),
        warning(
            "people_lost_their_second_orders",
            Dimension.CONSISTENCY,
            "A customer_id is new with each order; where it stands for the person too, nobody ever comes back.",
            at_least("ids_per_person_ratio", 0.98),
        ),
    ),
)

ORDER_PAYMENTS = Suite(
    layer="bronze",
    table="order_payments",
    owner=ENGINEERING,
    measure=f"""
    with {judged("order_payments")}

    select median({money("payment_value")}) as median_payment
    from judged
    """,
    checks=(
        critical(
            "payments_changed_their_unit",
            Dimension.DISTRIBUTION,
            "Payments in cents, or one instalment in place of the sum, move the median by more than any change of "
            "prices.",
            between("median_payment_ratio", 0.5, 2),
        ),
    ),
)

ORDER_REVIEWS = Suite(
    layer="bronze",
    table="order_reviews",
    owner=ENGINEERING,
    measure=f"""
    with {judged("order_reviews")}

    select avg(cast(try_cast(review_score as int) as double)) as average_score
    from judged
    """,
    checks=(
        warning(
            "review_scale_was_turned_round",
            Dimension.DISTRIBUTION,
            "A scale on which 1 is best, or one of ten, passes for scores of 1 to 5 and moves their mean.",
            between("average_score_ratio", 0.85, 1.15),
        ),
    ),
)

EVENTS = Suite(
    layer="bronze",
    table="clickstream_events",
    owner=ENGINEERING,
    measure=f"""
    with {judged("clickstream_events")},

    {_repeats("clickstream_events", "event_id")},

    {_quiet_hours("clickstream_events", "event_timestamp")},

    typed as (
        select
            {moment("event_timestamp")} as event_at,
            {moment("received_at")} as received_at,
            nullif(nullif(trim(customer_unique_id), ''), 'nan') as customer_unique_id
        from judged
    ),

    measured as (
        select
            {mean_hour("event_at")} as mean_hour,
            {share("received_at > event_at + interval 1 day")} as late_share,
            {share("customer_unique_id is not null")} as signed_in_share
        from typed
    )

    select *
    from measured
    cross join repeats
    cross join quiet
    """,
    checks=(
        critical(
            "events_were_loaded_twice",
            Dimension.UNIQUENESS,
            "A tracker sends a few events in a hundred again; a file that was written twice repeats half of its "
            "rows.",
            at_most("repeated_share", 0.2),
            _repeated_keys("clickstream_events", "event_id"),
        ),
        critical(
            "visits_moved_by_hours",
            Dimension.DISTRIBUTION,
            "A tracker that reports in UTC puts visits three hours away from the orders that they lead to.",
            between("mean_hour_ratio", 0.93, 1.07),
        ),
        critical(
            "half_a_day_of_events_was_missing",
            Dimension.COMPLETENESS,
            "A collector that is down for half a day looks like a day of few visitors.",
            at_most("quiet_hours", 11),
        ),
        warning(
            "events_arrived_days_late",
            Dimension.TIMELINESS,
            "A queue that is stuck delivers days late, and after thirty days events are no longer taken in by "
            "themselves.",
            at_most("late_share", 0.1),
        ),
        warning(
            "visitors_were_not_recognised",
            Dimension.COMPLETENESS,
            "When the page no longer tells the tracker who is signed in, interactions of people dry up and no row "
            "is wrong.",
            between("signed_in_share_ratio", 0.5, 2),
        ),
    ),
)

EVENTS_BY_TYPE = Suite(
    layer="bronze",
    table="clickstream_events",
    name="clickstream_events_by_type",
    owner=ENGINEERING,
    measure=_mix("clickstream_events", "trim(event_type)"),
    checks=(
        critical(
            "event_type_vanished",
            Dimension.DISTRIBUTION,
            "A release that drops one call of the tracker ends a type of event, and the funnel breaks at that step.",
            at_least("share_ratio", 0.4),
        ),
        critical(
            "one_event_type_was_everything",
            Dimension.DISTRIBUTION,
            "A tracker that gives every event the same type still fills its file; no step of a funnel is nine "
            "tenths of it.",
            at_most("share", 0.9),
        ),
    ),
)

EVENTS_BY_DEVICE = Suite(
    layer="bronze",
    table="clickstream_events",
    name="clickstream_events_by_device",
    owner=ENGINEERING,
    measure=_mix("clickstream_events", "trim(device)"),
    checks=(
        critical(
            "device_vanished",
            Dimension.DISTRIBUTION,
            "A tracker that no longer loads on telephones loses most of the visitors, and those who are left "
            "convert better than ever.",
            at_least("share_ratio", 0.4),
        ),
        critical(
            "one_device_was_everything",
            Dimension.DISTRIBUTION,
            "Behind a proxy that hides the browser all visitors seem to use one device; none has nine tenths of a "
            "shop.",
            at_most("share", 0.9),
        ),
    ),
)

EVENTS_BY_DAY = Suite(
    layer="bronze",
    table="clickstream_events",
    name="clickstream_events_by_day",
    owner=ENGINEERING,
    measure=_worst_day("clickstream_events", "event_timestamp"),
    checks=(
        critical(
            "part_of_a_day_of_events_was_lost",
            Dimension.COMPLETENESS,
            "A day of the past that loses events from one whole delivery to the next was exported in part.",
            at_least("rows_left_of_worst_day", 0.75),
            _bad_days("clickstream_events", "event_timestamp"),
        ),
    ),
)

CONTACTS = Suite(
    layer="bronze",
    table="customer_contacts",
    owner=ENGINEERING,
    measure=f"""
    with {last_two("customer_contacts")},

    people as (
        select
            customer_unique_id,
            max(case when age = 1 then marketing_consent end) as consent,
            max(case when age = 2 then marketing_consent end) as consent_before
        from last_two
        group by customer_unique_id
    )

    select {share("consent = consent_before")} as kept_share
    from people
    where consent is not null and consent_before is not null
    """,
    checks=(
        critical(
            "consents_were_turned_round",
            Dimension.VALIDITY,
            "A flag that means 'do not write' in place of 'may write' sends mail to those who asked for none; about "
            "half of them did, so that no share shows it.",
            at_least("kept_share", 0.8),
        ),
    ),
)

SUITES: tuple[Suite, ...] = (
    DELIVERIES,
    ORDERS,
    ORDERS_TO_LAST_DELIVERY,
    ORDERS_BY_DAY,
    ORDER_ITEMS,
    ORDER_ITEMS_BY_CATEGORY,
    PRODUCTS_BY_CATEGORY,
    CUSTOMERS,
    ORDER_PAYMENTS,
    ORDER_REVIEWS,
    EVENTS,
    EVENTS_BY_TYPE,
    EVENTS_BY_DEVICE,
    EVENTS_BY_DAY,
    CONTACTS,
)
"""The checks after the ingest."""

"""What a reader of Gold would see first, and should not have to.

Silver is sound when these run, and Gold agrees with it: what is left is how figures moved since the last run.
"""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.common import ANALYTICS, at_least, at_most, between, critical, row_counts, share, warning

TABLES = (
    "channel_attribution",
    "churn_examples",
    "conversion_funnel",
    "customer_360",
    "customer_cohorts",
    "customer_value",
    "dim_customer",
    "dim_date",
    "dim_product",
    "dim_seller",
    "fct_order_items",
    "fct_orders",
    "fct_sessions",
    "interaction_matrix",
    "product_affinity",
    "product_performance",
    "weekly_revenue",
)

ALL_TABLES = Suite(
    layer="gold",
    table="all_tables",
    owner=ANALYTICS,
    measure=row_counts("gold", TABLES),
    checks=(
        critical(
            "table_lost_rows",
            Dimension.COMPLETENESS,
            "An inner join in place of a left one takes out rows, and what is left agrees with itself.",
            at_least("row_count_ratio", 0.8),
        ),
    ),
)

ORDER_ITEMS = Suite(
    layer="gold",
    table="fct_order_items",
    owner=ANALYTICS,
    measure="""
    with months as (
        select
            date_trunc('month', purchased_at) as month,
            cast(sum(revenue) as double) as revenue
        from gold.fct_order_items
        group by date_trunc('month', purchased_at)
    )

    select
        date_format(months.month, 'yyyy-MM') as key,
        -- Before regular trade one order can be a tenth of a month, and the month of the reporting date is not over.
        -- Null, as a month that is in no row at all is one that has lost its revenue.
        case
            when months.month >= date_trunc('month', as_of.first_complete_week)
                and months.month < date_trunc('month', as_of.reporting_date)
                then months.revenue
        end as revenue
    from months
    cross join silver.as_of as as_of
    """,
    checks=(
        critical(
            "month_of_the_past_changed",
            Dimension.CONSISTENCY,
            "Revenue that was reported once does not move by a tenth; late cancellations are a few in a hundred "
            "orders.",
            between("revenue_ratio", 0.9, 1.1),
        ),
    ),
)

WEEKLY_REVENUE = Suite(
    layer="gold",
    table="weekly_revenue",
    owner=ANALYTICS,
    measure="""
    with weeks as (
        select
            week_start,
            orders,
            average_order_value,
            row_number() over (order by week_start desc) as age
        from gold.weekly_revenue
        where is_complete
    ),

    compared as (
        select
            max(case when age = 1 then orders end) as orders,
            max(case when age = 1 then cast(average_order_value as double) end) as value_of_last_week,
            median(case when age between 2 and 9 then cast(average_order_value as double) end) as usual_value
        from weeks
    )

    select
        -- The mean of a few orders is as good as any.
        case when orders >= 30 then value_of_last_week / nullif(usual_value, 0) end as value_to_earlier_weeks
    from compared
    """,
    checks=(
        warning(
            "order_value_broke_away",
            Dimension.DISTRIBUTION,
            "What people spend on an order changes slowly, so a jump in one week says that prices were read wrongly "
            "in its drops.",
            between("value_to_earlier_weeks", 0.6, 1.67),
        ),
    ),
)

CUSTOMERS = Suite(
    layer="gold",
    table="customer_360",
    owner=ANALYTICS,
    measure=f"""
    select
        median(cast(recency_days as double)) as median_recency,
        {share("frequency > 1")} as returning_share
    from gold.customer_360
    """,
    checks=(
        warning(
            "everybody_lapsed_at_once",
            Dimension.TIMELINESS,
            "Recency grows by a day in a day; a jump means that the as-of date ran ahead of the orders, or that new "
            "ones are missing.",
            between("median_recency_ratio", 0.7, 1.4),
        ),
        critical(
            "returning_customers_vanished",
            Dimension.CONSISTENCY,
            "When people are not recognised across orders nobody returns, and loyalty, value and churn are about "
            "nobody.",
            between("returning_share_ratio", 0.7, 1.5),
        ),
    ),
)

SEGMENTS = Suite(
    layer="gold",
    table="customer_360",
    name="customer_360_by_segment",
    owner=ANALYTICS,
    measure="""
    with segments as (
        select
            rfm_segment as key,
            count(*) as people
        from gold.customer_360
        where rfm_segment != 'no_purchase'
        group by rfm_segment
    )

    select
        key,
        people / cast(sum(people) over () as double) as share
    from segments
    """,
    checks=(
        warning(
            "segment_shares_shifted",
            Dimension.DISTRIBUTION,
            "Segments are cut by quintiles, so that a share that doubles is a change of data or code and none of "
            "customers.",
            between("share_ratio", 0.5, 2),
        ),
    ),
)

VALUE = Suite(
    layer="gold",
    table="customer_value",
    owner=ANALYTICS,
    measure="""
    select
        cast(sum(expected_revenue) as double) as expected_revenue
    from gold.customer_value
    """,
    checks=(
        warning(
            "forecast_of_value_jumped",
            Dimension.DISTRIBUTION,
            "A fit that ends in another optimum changes what everybody is worth, while each row stays in its range.",
            between("expected_revenue_ratio", 0.6, 1.67),
        ),
    ),
)

INTERACTIONS = Suite(
    layer="gold",
    table="interaction_matrix",
    owner=ANALYTICS,
    measure="""
    with people as (
        select
            sum(interaction_strength) as strength,
            count(*) as pairs
        from gold.interaction_matrix
        group by customer_unique_id
    )

    select
        max(strength) / cast(sum(strength) as double) as largest_share,
        sum(strength) / cast(sum(pairs) as double) as mean_strength
    from people
    """,
    checks=(
        warning(
            "one_person_outweighed_the_rest",
            Dimension.UNIQUENESS,
            "A test account or a shared login gives one person the interactions of many, and recommendations follow "
            "them.",
            at_most("largest_share", 0.05),
            "select customer_unique_id, sum(interaction_strength) as strength from gold.interaction_matrix "
            "group by customer_unique_id order by strength desc, customer_unique_id",
        ),
        warning(
            "interactions_changed_their_strength",
            Dimension.DISTRIBUTION,
            "Views that are counted once more for each batch, or no longer at all, change what a recommender learns.",
            between("mean_strength_ratio", 0.7, 1.4),
        ),
    ),
)

CHURN = Suite(
    layer="gold",
    table="churn_examples",
    owner=ANALYTICS,
    measure=f"""
    select
        avg(case
            when label_days >= 90 then case when coalesce(days_to_next_purchase < 90, false) then 1.0d else 0.0d end
        end) as repurchase_rate,
        {share("delivered_orders = 0 and days_since_first_order > 60")} as undelivered_share
    from gold.churn_examples
    """,
    checks=(
        warning(
            "repurchase_rate_moved",
            Dimension.DISTRIBUTION,
            "The rate of a label over all reference dates moves slowly; a jump means that people were joined or "
            "torn apart, and a model would learn that.",
            between("repurchase_rate_ratio", 0.6, 1.67),
        ),
        warning(
            "features_lost_deliveries",
            Dimension.COMPLETENESS,
            "After two months nearly every order has arrived; where not, the deliveries are missing and not late.",
            at_most("undelivered_share", 0.15),
        ),
    ),
)

FUNNEL = Suite(
    layer="gold",
    table="conversion_funnel",
    owner=ANALYTICS,
    measure="""
    with visits as (
        select
            cast(sum(sessions) as double) as sessions,
            sum(sessions_with_purchase) as purchases,
            cast(sum(case when referrer in ('direct', 'unknown') then sessions else 0 end) as double) as direct
        from gold.conversion_funnel
    )

    select
        purchases / sessions as conversion,
        direct / sessions as direct_share
    from visits
    """,
    checks=(
        critical(
            "conversion_broke_away",
            Dimension.DISTRIBUTION,
            "Purchases that lose their visits, or visits that lose their purchases, change conversion at once; "
            "customers change it slowly.",
            between("conversion_ratio", 0.5, 2),
        ),
        warning(
            "referrers_turned_direct",
            Dimension.COMPLETENESS,
            "A redirect that drops the referrer makes visits look direct, a tracker that no longer sends it unknown; "
            "both take the credit from every campaign.",
            at_most("direct_share_ratio", 1.5),
        ),
    ),
)

PERFORMANCE = Suite(
    layer="gold",
    table="product_performance",
    owner=ANALYTICS,
    measure="""
    select
        sum(late_units) / cast(nullif(sum(delivered_units), 0) as double) as late_share
    from gold.product_performance
    """,
    checks=(
        warning(
            "deliveries_turned_late",
            Dimension.DISTRIBUTION,
            "Dates of arrival and of promise in two time zones, or one taken for the other, make many deliveries "
            "late.",
            between("late_share_ratio", 0.5, 2),
        ),
    ),
)

PLACES = Suite(
    layer="gold",
    table="dim_customer",
    owner=ANALYTICS,
    measure=f"""
    select {share("latitude is null")} as unplaced_share
    from gold.dim_customer
    """,
    checks=(
        warning(
            "places_lost_their_coordinates",
            Dimension.COMPLETENESS,
            "Zip prefixes that were read as numbers lose their leading zeros, and with them a fifth of the map.",
            at_most("unplaced_share", 0.15),
            "select customer_unique_id, zip_code_prefix from gold.dim_customer where latitude is null",
        ),
    ),
)

SUITES: tuple[Suite, ...] = (
    ALL_TABLES,
    ORDER_ITEMS,
    WEEKLY_REVENUE,
    CUSTOMERS,
    SEGMENTS,
    VALUE,
    INTERACTIONS,
    CHURN,
    FUNNEL,
    PERFORMANCE,
    PLACES,
)
"""The checks after Gold is built."""

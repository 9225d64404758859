"""What people act upon: Gold joined with what models wrote."""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.common import ANALYTICS, at_least, between, critical, warning

# Of the plan its categories: each has four rows, or one where somebody filled in how long its supply takes.
ALL_TABLES = Suite(
    layer="marts",
    table="all_tables",
    owner=ANALYTICS,
    measure="""
    select
        'customer_offers' as key,
        count(*) as row_count
    from gold.customer_offers

    union all

    select
        'customer_risk' as key,
        count(*) as row_count
    from gold.customer_risk

    union all

    select
        'executive_overview' as key,
        count(*) as row_count
    from gold.executive_overview

    union all

    select
        'forecast_accuracy' as key,
        count(*) as row_count
    from gold.forecast_accuracy

    union all

    select
        'forecast_errors' as key,
        count(*) as row_count
    from gold.forecast_errors

    union all

    select
        'model_status' as key,
        count(*) as row_count
    from gold.model_status

    union all

    select
        'report_status' as key,
        count(*) as row_count
    from gold.report_status

    union all

    select
        'retention_campaign' as key,
        count(*) as row_count
    from gold.retention_campaign

    union all

    select
        'revenue_outlook' as key,
        count(*) as row_count
    from gold.revenue_outlook

    union all

    select
        'risk_grid' as key,
        count(*) as row_count
    from gold.risk_grid

    union all

    select
        'sales_breakdown' as key,
        count(*) as row_count
    from gold.sales_breakdown

    union all

    select
        'segment_summary' as key,
        count(*) as row_count
    from gold.segment_summary

    union all

    select
        'weekly_performance' as key,
        count(*) as row_count
    from gold.weekly_performance

    union all

    select
        'inventory_plan' as key,
        count(distinct category) as row_count
    from gold.inventory_plan
    """,
    checks=(
        critical(
            "mart_lost_rows",
            Dimension.COMPLETENESS,
            "A join that no longer meets its scores empties a table, and nobody is called or nothing is ordered.",
            at_least("row_count_ratio", 0.5),
        ),
    ),
)

CALLS = Suite(
    layer="marts",
    table="whale_call_list",
    owner=ANALYTICS,
    measure="select count(*) as calls from gold.whale_call_list",
    checks=(
        warning(
            "call_list_changed_its_length",
            Dimension.DISTRIBUTION,
            "Who is called changes from week to week, how many hardly; a list of twice the length has another rule.",
            between("calls_ratio", 0.5, 2),
        ),
    ),
)

RISK = Suite(
    layer="marts",
    table="customer_risk",
    owner=ANALYTICS,
    measure="""
    select
        cast(sum(expected_revenue) as double) as expected_revenue,
        avg(case when is_whale_at_risk then 1.0d else 0.0d end) as at_risk_share
    from gold.customer_risk
    """,
    checks=(
        warning(
            "expected_revenue_jumped",
            Dimension.DISTRIBUTION,
            "What the next half-year brings moves slowly; when it doubles, chances or baskets have another unit.",
            between("expected_revenue_ratio", 0.5, 2),
        ),
        warning(
            "whales_were_all_at_risk_at_once",
            Dimension.DISTRIBUTION,
            "A usual gap of zero days, or purchases that stopped coming, puts every big spender at risk overnight.",
            between("at_risk_share_ratio", 0.5, 2),
        ),
    ),
)

PLAN = Suite(
    layer="marts",
    table="inventory_plan",
    owner=ANALYTICS,
    measure="""
    select
        -- Of a few units the level is mostly rounded up.
        case
            when sum(expected_units) >= 100 then cast(sum(order_up_to_level) as double) / sum(expected_units)
        end as level_to_expected
    from gold.inventory_plan
    """,
    checks=(
        warning(
            "levels_left_their_forecast",
            Dimension.CONSISTENCY,
            "To hold in nine cases of ten takes more than what is expected, and not three times as much.",
            between("level_to_expected", 1, 3),
        ),
    ),
)

SUITES: tuple[Suite, ...] = (ALL_TABLES, RISK, CALLS, PLAN)
"""The checks after the marts are built."""

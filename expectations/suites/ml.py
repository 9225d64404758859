"""What models wrote, before anybody reads it.

A model that was sound in its test window can still be fed with a broken table, or score with half of it. The tables
are empty until a model has been promoted: then there is nothing to judge.
"""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.common import SCIENCE, at_least, at_most, between, critical, row_counts, share, warning

OF_PEOPLE = ("product_recommendations", "churn_scores")
OF_OTHERS = ("similar_products", "buy_again", "revenue_forecast", "demand_forecast")
TABLES = (*OF_PEOPLE, *OF_OTHERS)
"""Those that each scoring fills anew."""


def todays(table: str) -> str:
    """The rows of a table that were scored for the reporting date; of older ones ``scores_were_stale`` speaks."""
    return (
        f"(select scores.* from ml.{table} as scores cross join silver.as_of as as_of "
        "where scores.as_of_date = as_of.reporting_date)"
    )


PEOPLE = Suite(
    layer="ml",
    table="all_tables",
    name="of_people",
    owner=SCIENCE,
    measure=row_counts("ml", OF_PEOPLE),
    checks=(
        critical(
            "scores_were_lost",
            Dimension.COMPLETENESS,
            "A model that meets half of its input scores half of the people, and each row of them is sound.",
            at_least("row_count_ratio", 0.9),
        ),
    ),
)

OTHERS = Suite(
    layer="ml",
    table="all_tables",
    name="of_others",
    owner=SCIENCE,
    measure=row_counts("ml", OF_OTHERS),
    checks=(
        warning(
            "scored_series_or_pairs_became_few",
            Dimension.COMPLETENESS,
            "Which categories and products are scored changes with what sells; half of them do not go at once.",
            at_least("row_count_ratio", 0.5),
        ),
    ),
)

AGES = Suite(
    layer="ml",
    table="all_tables",
    name="ages",
    owner=SCIENCE,
    measure="with scored as ("
    + " union all ".join(
        f"select '{table}' as table_name, max(as_of_date) as as_of_date from ml.{table}" for table in TABLES
    )
    + """)

    select
        scored.table_name as key,
        datediff(as_of.reporting_date, scored.as_of_date) as days_old
    from scored
    cross join silver.as_of as as_of
    """,
    checks=(
        warning(
            "scores_were_stale",
            Dimension.TIMELINESS,
            "When scoring stops, yesterday's scores look like today's; after two weeks they call the wrong people.",
            at_most("days_old", 14),
        ),
    ),
)

RECOMMENDATIONS = Suite(
    layer="ml",
    table="product_recommendations",
    owner=SCIENCE,
    measure=f"""
    with proposed as (
        select
            count(*) as proposals,
            count(case when interactions.purchases > 0 then 1 end) as bought
        from {todays("product_recommendations")} as recommendations
        left join gold.interaction_matrix as interactions
            on
                recommendations.customer_unique_id = interactions.customer_unique_id
                and recommendations.product_id = interactions.product_id
    ),

    served as (
        select count(*) as people
        from (select distinct customer_unique_id from {todays("product_recommendations")} as one) as people
    ),

    shown as (
        select count(*) as products
        from (select distinct product_id from {todays("product_recommendations")} as one) as products
    ),

    everybody as (
        select count(*) as people from gold.customer_360
    )

    select
        cast(served.people as double) / nullif(case when proposed.proposals > 0 then everybody.people end, 0)
            as served_share,
        proposed.bought / cast(nullif(proposed.proposals, 0) as double) as bought_share,
        shown.products as products
    from proposed
    cross join served
    cross join shown
    cross join everybody
    """,
    checks=(
        critical(
            "people_got_no_recommendation",
            Dimension.COMPLETENESS,
            "People whom the model does not know are to get what is popular; without that they see an empty page.",
            at_least("served_share", 0.99),
        ),
        critical(
            "bought_products_were_proposed",
            Dimension.CONSISTENCY,
            "A lost table of ids, or purchases that came after training, propose to people what they have.",
            at_most("bought_share", 0.001),
            "select recommendations.customer_unique_id, recommendations.product_id "
            "from ml.product_recommendations as recommendations "
            "inner join gold.interaction_matrix as interactions "
            "on recommendations.customer_unique_id = interactions.customer_unique_id "
            "and recommendations.product_id = interactions.product_id where interactions.purchases > 0",
        ),
        warning(
            "proposed_products_became_few",
            Dimension.DISTRIBUTION,
            "A model that collapses shows everybody the same few products, and its ranking error hardly changes.",
            at_least("products_ratio", 0.5),
        ),
    ),
)

CHURN = Suite(
    layer="ml",
    table="churn_scores",
    owner=SCIENCE,
    measure=f"""
    with known as (
        select count(*) as people
        from gold.churn_examples
        where label_days = 0
    ),

    scored as (
        select
            count(*) as people,
            avg(1 - churn_probability) as repurchase_probability
        from {todays("churn_scores")} as one
    ),

    -- What differs less than in the tenth place is one probability.
    ties as (
        select max(people) as people
        from (
            select count(*) as people
            from {todays("churn_scores")} as one
            group by cast(churn_probability as decimal(12, 10))
        ) as equal
    )

    select
        cast(scored.people as double) / nullif(case when scored.people > 0 then known.people end, 0) as scored_share,
        scored.repurchase_probability,
        cast(ties.people as double) / nullif(scored.people, 0) as tied_share
    from scored
    cross join known
    cross join ties
    """,
    checks=(
        critical(
            "people_got_no_churn_score",
            Dimension.COMPLETENESS,
            "Everybody who has ordered has a risk; whom the scores leave out, the call list cannot know.",
            between("scored_share", 0.99, 1),
        ),
        critical(
            "repurchase_probabilities_broke_away",
            Dimension.DISTRIBUTION,
            "The chance to buy again moves slowly for a whole shop; when it doubles, features have another unit.",
            between("repurchase_probability_ratio", 0.5, 2),
        ),
        critical(
            "everybody_got_one_probability",
            Dimension.DISTRIBUTION,
            "Features that turn null in scoring give all people the same score, and the ranking is an accident.",
            at_most("tied_share", 0.9),
        ),
    ),
)

REVENUE = Suite(
    layer="ml",
    table="revenue_forecast",
    owner=SCIENCE,
    measure=f"""
    with recent as (
        select avg(cast(revenue as double)) as weekly_revenue
        from (
            select revenue
            from gold.weekly_revenue
            where is_complete
            order by week_start desc
            limit 12
        ) as weeks
    ),

    forecasts as (
        select
            avg(case when level = 'total' then cast(forecast as double) end) as weekly_total,
            sum(case when level = 'total' then cast(forecast as double) end) as total,
            sum(case when level = 'category' then cast(forecast as double) end) as categories,
            {share("lower_80 > forecast or upper_80 < forecast")} as crossed_share,
            min(week_start) as first_week
        from {todays("revenue_forecast")} as one
    )

    select
        forecasts.weekly_total / nullif(recent.weekly_revenue, 0) as forecast_to_recent,
        forecasts.categories / nullif(forecasts.total, 0) as categories_to_total,
        forecasts.crossed_share,
        datediff(forecasts.first_week, as_of.reporting_date) as days_ahead
    from forecasts
    cross join recent
    cross join silver.as_of as as_of
    """,
    checks=(
        critical(
            "forecast_left_the_range_of_weeks",
            Dimension.DISTRIBUTION,
            "A shop does not triple within a month; a forecast that says so was fed with other units or half a week.",
            between("forecast_to_recent", 0.33, 3),
        ),
        warning(
            "categories_left_their_total",
            Dimension.CONSISTENCY,
            "Series are forecast one by one; when their sum is far from the total, some of them were lost.",
            between("categories_to_total", 0.8, 1.25),
        ),
        critical(
            "bands_missed_their_forecast",
            Dimension.VALIDITY,
            "A band that does not hold its own forecast had its ends swapped, or belongs to another series.",
            at_most("crossed_share", 0),
            "select series, week_start from ml.revenue_forecast where lower_80 > forecast or upper_80 < forecast",
        ),
        critical(
            "forecast_was_of_other_weeks",
            Dimension.TIMELINESS,
            "The first week of a forecast is the one after the last complete week; another one is an old forecast.",
            between("days_ahead", 1, 1),
        ),
    ),
)

BACKTEST = Suite(
    layer="ml",
    table="forecast_backtest",
    owner=SCIENCE,
    measure=f"""
    select {share("actual >= lower_80 and actual <= upper_80")} as covered_share
    from ml.forecast_backtest
    where is_champion and lower_80 is not null
    """,
    checks=(
        warning(
            "bands_stopped_holding",
            Dimension.VALIDITY,
            "A band of 80 % that holds half of the weeks, or all of them, is a number that somebody made up.",
            between("covered_share", 0.65, 0.95),
        ),
    ),
)

DEMAND = Suite(
    layer="ml",
    table="demand_forecast",
    owner=SCIENCE,
    measure=f"""
    with sold as (
        select count(*) / 12.0d as weekly_units
        from gold.fct_order_items as items
        cross join silver.as_of as as_of
        where
            items.is_revenue_order
            and items.purchase_date <= as_of.reporting_date
            and items.purchase_date > date_sub(as_of.reporting_date, 84)
    ),

    forecasts as (
        select sum(forecast) / nullif(count(distinct week_start), 0) as weekly_units
        from {todays("demand_forecast")} as one
    )

    select forecasts.weekly_units / nullif(sold.weekly_units, 0) as forecast_to_sold
    from forecasts
    cross join sold
    """,
    checks=(
        critical(
            "demand_left_the_range_of_weeks",
            Dimension.DISTRIBUTION,
            "An order of three times what is sold fills the warehouse for months; units were taken for revenue.",
            between("forecast_to_sold", 0.33, 3),
        ),
    ),
)

DRIFT = Suite(
    layer="ml",
    table="drift",
    owner=SCIENCE,
    # That of the score: some features move by themselves as a shop grows older, and the ranking hardly.
    measure="""
    with newest as (
        select max(scored_at) as scored_at from ml.drift
    )

    select max(case when drift.kind = 'score' then drift.psi end) as score_psi
    from ml.drift as drift
    inner join newest on drift.scored_at = newest.scored_at
    """,
    checks=(
        warning(
            "people_were_no_longer_those_learned_from",
            Dimension.DISTRIBUTION,
            "A model ranks people like those it learned from; a stability index over a quarter says that these are "
            "others.",
            at_most("score_psi", 0.25),
        ),
    ),
)

SUITES: tuple[Suite, ...] = (PEOPLE, OTHERS, AGES, RECOMMENDATIONS, CHURN, REVENUE, BACKTEST, DEMAND, DRIFT)
"""The checks after models have scored."""

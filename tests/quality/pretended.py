"""What models write and what is made of it, as if for the small shop: views in SQL, by table."""

from __future__ import annotations

SCORES = {
    "product_recommendations": """
        select * from (
            select
                people.customer_unique_id,
                products.product_id,
                row_number() over (partition by people.customer_unique_id order by products.product_id) as rank,
                as_of.reporting_date as as_of_date
            from gold.customer_360 as people
            cross join (select product_id from gold.dim_product order by product_id limit 30) as products
            cross join silver.as_of as as_of
            left join gold.interaction_matrix as bought
                on
                    people.customer_unique_id = bought.customer_unique_id
                    and products.product_id = bought.product_id
                    and bought.purchases > 0
            where bought.product_id is null
        ) as ranked
        where rank <= 10
    """,
    "similar_products": """
        select products.product_id, as_of.reporting_date as as_of_date
        from gold.dim_product as products cross join silver.as_of as as_of
    """,
    "buy_again": """
        select bought.customer_unique_id, bought.product_id, as_of.reporting_date as as_of_date
        from gold.interaction_matrix as bought cross join silver.as_of as as_of
        where bought.purchases > 0
    """,
    "churn_scores": """
        select
            examples.customer_unique_id,
            0.99d - 0.01d * percent_rank() over (order by examples.customer_unique_id) as churn_probability,
            as_of.reporting_date as as_of_date
        from gold.churn_examples as examples cross join silver.as_of as as_of
        where examples.label_days = 0
    """,
    "revenue_forecast": """
        select
            levels.level,
            levels.level as series,
            date_add(as_of.reporting_date, 7 * horizons.horizon - 6) as week_start,
            cast(weeks.revenue as decimal(18, 2)) as forecast,
            cast(0 as decimal(18, 2)) as lower_80,
            cast(2 * weeks.revenue as decimal(18, 2)) as upper_80,
            as_of.reporting_date as as_of_date
        from (select explode(array('total', 'category', 'state')) as level) as levels
        cross join (select explode(sequence(1, 4)) as horizon) as horizons
        cross join silver.as_of as as_of
        cross join (
            select avg(revenue) as revenue
            from (
                select revenue from gold.weekly_revenue where is_complete order by week_start desc limit 12
            ) as last_weeks
        ) as weeks
    """,
    "demand_forecast": """
        select
            horizons.horizon,
            date_add(as_of.reporting_date, 7 * horizons.horizon - 6) as week_start,
            sold.units / 12.0d as forecast,
            as_of.reporting_date as as_of_date
        from (select explode(sequence(1, 4)) as horizon) as horizons
        cross join silver.as_of as as_of
        cross join (
            select count(*) as units
            from gold.fct_order_items as items
            cross join silver.as_of as as_of
            where
                items.is_revenue_order
                and items.purchase_date <= as_of.reporting_date
                and items.purchase_date > date_sub(as_of.reporting_date, 84)
        ) as sold
    """,
    "forecast_backtest": """
        select
            true as is_champion,
            cast(0 as decimal(18, 2)) as lower_80,
            cast(10 as decimal(18, 2)) as upper_80,
            cast(case when origin <= 4 then 5 else 11 end as decimal(18, 2)) as actual
        from (select explode(sequence(1, 5)) as origin) as origins
    """,
    "drift": """
        select kinds.kind, 0.01d as psi, timestamp '2018-08-20 00:00:00' as scored_at
        from (select explode(array('feature', 'score')) as kind) as kinds
    """,
}

MARTS = {
    "customer_risk": """
        select customer_unique_id, spend / 100 as expected_revenue, customer_unique_id < '4' as is_whale_at_risk
        from gold.churn_examples
        where label_days = 0
    """,
    "whale_call_list": "select customer_unique_id from gold.churn_examples where label_days = 0",
    "inventory_plan": """
        select product_id as category, 20 as order_up_to_level, 15.0d as expected_units
        from gold.dim_product
    """,
}

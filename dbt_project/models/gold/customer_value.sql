with people as (
    select * from {{ ref('int_customer_value') }}
),

-- Decimals from here on: their product and its rounding are the same on every engine.
priced as (
    select
        *,
        cast(cast(revenue_cents as decimal(18, 0)) / 100 as decimal(18, 2)) as revenue,
        cast(cast(expected_order_cents as decimal(18, 0)) / 100 as decimal(18, 2)) as expected_order_value
    from people
)

select
    customer_unique_id,
    repeat_occasions,
    recency_days,
    age_days,
    cast(revenue / (repeat_occasions + 1) as decimal(18, 2)) as average_order_value,
    probability_alive,
    expected_orders,
    expected_order_value,
    cast(cast(expected_orders as decimal(18, 6)) * expected_order_value as decimal(18, 2)) as expected_revenue,
    horizon_days,
    reporting_date
from priced

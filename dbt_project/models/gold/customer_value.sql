with people as (
    select * from {{ ref('int_customer_value') }}
),

-- Decimals from here on: their product and its rounding are the same on every engine.
priced as (
    select
        *,
        cast(cast(revenue_cents as decimal(18, 0)) / 100 as decimal(18, 2)) as revenue,
        cast(cast(expected_occasion_cents as decimal(18, 0)) / 100 as decimal(18, 2)) as expected_occasion_value
    from people
)

select
    customer_unique_id,
    repeat_occasions,
    days_first_to_last,
    age_days,
    {{ quotient('revenue', 'repeat_occasions + 1', 'decimal(18, 2)') }} as average_occasion_value,
    probability_alive,
    expected_occasions,
    expected_occasion_value,
    cast(cast(expected_occasions as decimal(18, 6)) * expected_occasion_value as decimal(18, 2)) as expected_revenue,
    horizon_days,
    reporting_date
from priced

with as_of as (
    select * from {{ ref('as_of') }}
),

customers as (
    select * from {{ ref('customers') }}
),

orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('order_items') }}
),

order_values as (
    select
        orders.customer_unique_id,
        orders.order_id,
        orders.purchased_at,
        sum(order_items.price) as order_value
    from orders
    inner join order_items on orders.order_id = order_items.order_id
    cross join as_of
    where
        orders.is_revenue_order
        and cast(orders.purchased_at as date) <= as_of.as_of_date
    group by
        orders.customer_unique_id,
        orders.order_id,
        orders.purchased_at
),

purchase_history as (
    select
        customer_unique_id,
        count(*) as frequency,
        sum(order_value) as monetary,
        min(purchased_at) as first_purchase_at,
        max(purchased_at) as last_purchase_at
    from order_values
    group by customer_unique_id
),

-- People without a revenue order are scored apart from the rest: they get no score at all.
measured as (
    select
        purchase_history.*,
        cast(
            datediff(as_of.as_of_date, cast(purchase_history.last_purchase_at as date)) as int
        ) as recency_days
    from purchase_history
    cross join as_of
),

-- percent_rank gives equal values equal ranks, which ntile does not.
ranked as (
    select
        *,
        percent_rank() over (order by recency_days desc) as recency_position,
        percent_rank() over (order by monetary asc) as monetary_position
    from measured
),

scored as (
    select
        *,
        {{ quintile('recency_position') }} as r_score,
        -- Nearly everybody buys once, so quantiles of frequency would say nothing: the score is the count.
        cast(least(frequency, 5) as int) as f_score,
        {{ quintile('monetary_position') }} as m_score
    from ranked
)

select
    customers.customer_unique_id,
    customers.zip_code_prefix,
    customers.city,
    customers.state,
    cast(coalesce(scored.frequency, 0) as int) as frequency,
    cast(coalesce(scored.monetary, 0) as decimal(18, 2)) as monetary,
    scored.recency_days,
    scored.first_purchase_at,
    scored.last_purchase_at,
    cast(scored.monetary / scored.frequency as decimal(18, 2)) as average_order_value,
    scored.r_score,
    scored.f_score,
    scored.m_score,
    {{ rfm_segment('scored.r_score', 'scored.f_score', 'scored.m_score') }} as rfm_segment,
    as_of.as_of_date
from customers
cross join as_of
left join scored on customers.customer_unique_id = scored.customer_unique_id

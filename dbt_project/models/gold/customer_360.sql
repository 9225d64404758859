with as_of as (
    select * from {{ ref('as_of') }}
),

customers as (
    select * from {{ ref('customers') }}
),

lines as (
    select
        lines.*,
        products.category
    from {{ ref('fct_order_items') }} as lines
    inner join {{ ref('dim_product') }} as products on lines.product_id = products.product_id
    where lines.is_revenue_order
),

visits as (
    select * from {{ ref('fct_sessions') }}
    where not is_bot and customer_unique_id is not null
),

-- Delivery and review belong to the order: its lines repeat them.
orders as (
    select
        customer_unique_id,
        order_id,
        purchased_at,
        max(delivery_days) as delivery_days,
        max(days_late) as days_late,
        max(review_score) as review_score,
        count(*) as items,
        sum(revenue) as order_value
    from lines
    group by
        customer_unique_id,
        order_id,
        purchased_at
),

purchase_history as (
    select
        customer_unique_id,
        count(*) as frequency,
        sum(order_value) as monetary,
        sum(items) as items,
        min(purchased_at) as first_purchase_at,
        max(purchased_at) as last_purchase_at,
        count(delivery_days) as delivered_orders,
        count(case when days_late > 0 then 1 end) as late_orders,
        {{ quotient('sum(delivery_days)', 'count(delivery_days)', 'decimal(9, 2)') }} as average_delivery_days,
        count(review_score) as reviewed_orders,
        {{ quotient('sum(review_score)', 'count(review_score)', 'decimal(3, 2)') }} as average_review_score
    from orders
    group by customer_unique_id
),

category_shares as (
    select
        customer_unique_id,
        category,
        row_number() over (
            partition by customer_unique_id
            order by sum(revenue) desc, category asc
        ) as category_rank
    from lines
    group by
        customer_unique_id,
        category
),

tastes as (
    select
        customer_unique_id,
        count(*) as categories,
        max(case when category_rank = 1 then category end) as category
    from category_shares
    group by customer_unique_id
),

engagement as (
    select
        customer_unique_id,
        count(*) as sessions,
        sum(views) as views,
        count(case when furthest_step in ('cart', 'checkout', 'purchase') then 1 end) as sessions_with_cart,
        count(case when is_cart_left then 1 end) as carts_left,
        coalesce(sum(value_at_stake), 0) as value_left,
        max(ended_at) as last_visit_at,
        min(provenance) as behaviour_provenance
    from visits
    group by customer_unique_id
),

-- People without a revenue order are scored apart from the rest: they get no score at all.
measured as (
    select
        purchase_history.*,
        {{ days_between('purchase_history.last_purchase_at', 'as_of.as_of_date') }} as recency_days,
        {{ days_between('purchase_history.first_purchase_at', 'as_of.as_of_date') }} as tenure_days
    from purchase_history
    cross join as_of
),

buyers as (
    select count(distinct customer_unique_id) as people from lines
),

ranked as (
    select
        measured.*,
        {{ rank_position('measured.recency_days desc', 'buyers.people') }} as recency_position,
        {{ rank_position('measured.monetary asc', 'buyers.people') }} as monetary_position
    from buyers
    cross join measured
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
    scored.tenure_days,
    scored.first_purchase_at,
    scored.last_purchase_at,
    {{ quotient('scored.monetary', 'scored.frequency', 'decimal(18, 2)') }} as average_order_value,
    {{ quotient('scored.items', 'scored.frequency', 'decimal(9, 2)') }} as average_items,
    cast(coalesce(tastes.categories, 0) as int) as categories,
    tastes.category as favourite_category,
    cast(coalesce(scored.delivered_orders, 0) as int) as delivered_orders,
    cast(coalesce(scored.late_orders, 0) as int) as late_orders,
    scored.average_delivery_days,
    cast(coalesce(scored.reviewed_orders, 0) as int) as reviewed_orders,
    scored.average_review_score,
    cast(coalesce(engagement.sessions, 0) as int) as sessions,
    cast(coalesce(engagement.views, 0) as int) as views,
    cast(coalesce(engagement.sessions_with_cart, 0) as int) as sessions_with_cart,
    cast(coalesce(engagement.carts_left, 0) as int) as carts_left,
    cast(coalesce(engagement.value_left, 0) as decimal(18, 2)) as value_left,
    engagement.last_visit_at,
    engagement.behaviour_provenance,
    greatest(scored.last_purchase_at, engagement.last_visit_at) as last_seen_at,
    scored.r_score,
    scored.f_score,
    scored.m_score,
    {{ rfm_segment('scored.r_score', 'scored.f_score', 'scored.m_score') }} as rfm_segment,
    as_of.as_of_date
from customers
cross join as_of
left join scored on customers.customer_unique_id = scored.customer_unique_id
left join tastes on customers.customer_unique_id = tastes.customer_unique_id
left join engagement on customers.customer_unique_id = engagement.customer_unique_id

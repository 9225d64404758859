with as_of as (
    select * from {{ ref('as_of') }}
),

customers as (
    select * from {{ ref('customers') }}
),

events as (
    select * from {{ ref('clickstream_events') }}
),

orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('order_items') }}
),

clicks as (
    select
        events.customer_unique_id,
        events.product_id,
        case when events.event_type = 'product_view' then 1 else 0 end as views,
        case when events.event_type = 'add_to_cart' then 1 else 0 end as carts,
        0 as purchases,
        events.event_at as happened_at
    from events
    inner join customers on events.customer_unique_id = customers.customer_unique_id
    where events.event_type in ('product_view', 'add_to_cart')
),

purchases as (
    select
        orders.customer_unique_id,
        order_items.product_id,
        0 as views,
        0 as carts,
        1 as purchases,
        orders.purchased_at as happened_at
    from orders
    inner join order_items on orders.order_id = order_items.order_id
    where orders.is_revenue_order
),

interactions as (
    select * from clicks
    union all
    select * from purchases
),

counted as (
    select
        interactions.customer_unique_id,
        interactions.product_id,
        sum(interactions.views) as views,
        sum(interactions.carts) as carts,
        sum(interactions.purchases) as purchases,
        max(interactions.happened_at) as last_interaction_at,
        max(case when interactions.purchases = 1 then interactions.happened_at end) as last_purchase_at
    from interactions
    cross join as_of
    where cast(interactions.happened_at as date) <= as_of.as_of_date
    group by
        interactions.customer_unique_id,
        interactions.product_id
)

select
    customer_unique_id,
    product_id,
    cast(views as int) as views,
    cast(carts as int) as carts,
    cast(purchases as int) as purchases,
    {{ interaction_strength('views', 'carts', 'purchases') }} as interaction_strength,
    last_interaction_at,
    last_purchase_at
from counted

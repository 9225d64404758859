with as_of as (
    select * from {{ ref('as_of') }}
),

orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('order_items') }}
),

purchases as (
    select
        orders.customer_unique_id,
        order_items.product_id,
        count(*) as purchases,
        max(orders.purchased_at) as last_interaction_at
    from orders
    inner join order_items on orders.order_id = order_items.order_id
    cross join as_of
    where
        orders.is_revenue_order
        and cast(orders.purchased_at as date) <= as_of.as_of_date
    group by
        orders.customer_unique_id,
        order_items.product_id
)

select
    customer_unique_id,
    product_id,
    cast(0 as int) as views,
    cast(0 as int) as carts,
    cast(purchases as int) as purchases,
    {{ interaction_strength('0', '0', 'purchases') }} as interaction_strength,
    last_interaction_at
from purchases

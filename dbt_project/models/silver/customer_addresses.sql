with customer_ids as (
    select * from {{ ref('customer_ids') }}
),

orders as (
    select * from {{ ref('orders') }}
),

addresses as (
    select
        customer_ids.customer_unique_id,
        customer_ids.zip_code_prefix,
        customer_ids.city,
        customer_ids.state,
        count(orders.order_id) as orders,
        min(orders.purchased_at) as first_order_at,
        max(orders.purchased_at) as last_order_at,
        min(customer_ids.customer_id) as smallest_customer_id
    from customer_ids
    left join orders on customer_ids.customer_id = orders.customer_id
    group by
        customer_ids.customer_unique_id,
        customer_ids.zip_code_prefix,
        customer_ids.city,
        customer_ids.state
)

select
    customer_unique_id,
    cast(row_number() over (
        partition by customer_unique_id
        order by last_order_at desc nulls last, smallest_customer_id asc
    ) as int) as address_number,
    zip_code_prefix,
    city,
    state,
    cast(orders as int) as orders,
    first_order_at,
    last_order_at
from addresses

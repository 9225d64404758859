with customer_ids as (
    select * from {{ ref('customer_ids') }}
),

staged_orders as (
    select * from {{ ref('stg_orders') }}
    where broken_rule is null and delivery_rank = 1
),

addresses as (
    select
        customer_ids.customer_unique_id,
        customer_ids.zip_code_prefix,
        customer_ids.city,
        customer_ids.state,
        row_number() over (
            partition by customer_ids.customer_unique_id
            order by staged_orders.purchased_at desc nulls last, customer_ids.customer_id asc
        ) as address_rank
    from customer_ids
    left join staged_orders on customer_ids.customer_id = staged_orders.customer_id
)

select
    customer_unique_id,
    zip_code_prefix,
    city,
    state
from addresses
where address_rank = 1

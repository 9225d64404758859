with staged as (
    select * from {{ ref('stg_order_items') }}
)

select
    order_id,
    order_item_id,
    product_id,
    seller_id,
    shipping_limit_at,
    price,
    freight_value
from staged
where broken_rule is null and delivery_rank = 1

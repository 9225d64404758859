with delivered as (
    select * from {{ source('bronze', 'order_items') }}
),

orders as (
    select * from {{ ref('orders') }}
),

products as (
    select * from {{ ref('products') }}
),

sellers as (
    select * from {{ ref('sellers') }}
),

typed as (
    select
        {{ as_text('order_id') }} as order_id,
        {{ as_integer('order_item_id') }} as order_item_id,
        {{ as_text('product_id') }} as product_id,
        {{ as_text('seller_id') }} as seller_id,
        {{ as_timestamp('shipping_limit_date') }} as shipping_limit_at,
        {{ as_money('price') }} as price,
        {{ as_money('freight_value') }} as freight_value,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        typed.*,
        {{ first_broken_rule({
            'order_id_missing': "typed.order_id is null",
            'order_item_id_unreadable': "typed.order_item_id is null",
            'product_id_missing': "typed.product_id is null",
            'seller_id_missing': "typed.seller_id is null",
            'price_unreadable': "typed.price is null",
            'price_negative': "typed.price < 0",
            'freight_unreadable': "typed.freight_value is null",
            'freight_negative': "typed.freight_value < 0",
            'product_unknown': "products.product_id is null",
            'seller_unknown': "sellers.seller_id is null",
            'order_unknown': "orders.order_id is null"
        }) }} as broken_rule
    from typed
    left join orders on typed.order_id = orders.order_id
    left join products on typed.product_id = products.product_id
    left join sellers on typed.seller_id = sellers.seller_id
)

select
    *,
    {{ delivery_rank(['order_id', 'order_item_id']) }} as delivery_rank
from judged

with delivered as (
    select * from {{ source('bronze', 'order_items') }}
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
        *,
        {{ first_broken_rule({
            'order_id_missing': "order_id is null",
            'order_item_id_unreadable': "order_item_id is null",
            'product_id_missing': "product_id is null",
            'seller_id_missing': "seller_id is null",
            'price_unreadable': "price is null",
            'price_negative': "price < 0",
            'freight_unreadable': "freight_value is null",
            'freight_negative': "freight_value < 0"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['order_id', 'order_item_id']) }} as delivery_rank
from judged

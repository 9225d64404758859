with delivered as (
    select * from {{ source('bronze', 'orders') }}
),

typed as (
    select
        {{ as_text('order_id') }} as order_id,
        {{ as_text('customer_id') }} as customer_id,
        {{ as_text('order_status') }} as order_status,
        {{ as_timestamp('order_purchase_timestamp') }} as purchased_at,
        {{ as_timestamp('order_approved_at') }} as approved_at,
        {{ as_timestamp('order_delivered_carrier_date') }} as delivered_to_carrier_at,
        {{ as_timestamp('order_delivered_customer_date') }} as delivered_to_customer_at,
        {{ as_timestamp('order_estimated_delivery_date') }} as estimated_delivery_at,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'order_id_missing': "order_id is null",
            'customer_id_missing': "customer_id is null",
            'order_status_unknown': "order_status is null or order_status not in (
            'created', 'approved', 'invoiced', 'processing', 'shipped', 'delivered', 'canceled', 'unavailable'
        )",
            'purchase_timestamp_unreadable': "purchased_at is null"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['order_id']) }} as delivery_rank
from judged

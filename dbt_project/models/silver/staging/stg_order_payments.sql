with delivered as (
    select * from {{ source('bronze', 'order_payments') }}
),

typed as (
    select
        {{ as_text('order_id') }} as order_id,
        {{ as_integer('payment_sequential') }} as payment_sequential,
        {{ as_text('payment_type') }} as payment_type,
        {{ as_integer('payment_installments') }} as payment_installments,
        {{ as_money('payment_value') }} as payment_value,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'order_id_missing': "order_id is null",
            'payment_sequential_unreadable': "payment_sequential is null",
            'payment_value_unreadable': "payment_value is null",
            'payment_value_negative': "payment_value < 0"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['order_id', 'payment_sequential']) }} as delivery_rank
from judged

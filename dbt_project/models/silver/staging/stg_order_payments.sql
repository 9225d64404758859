with delivered as (
    select * from {{ source('bronze', 'order_payments') }}
),

orders as (
    select * from {{ ref('orders') }}
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
        typed.*,
        {{ first_broken_rule({
            'order_id_missing': "typed.order_id is null",
            'payment_sequential_unreadable': "typed.payment_sequential is null",
            'payment_type_unknown': "typed.payment_type not in (
            'credit_card', 'boleto', 'voucher', 'debit_card', 'not_defined'
        )",
            'payment_value_unreadable': "typed.payment_value is null",
            'payment_value_negative': "typed.payment_value < 0",
            'order_unknown': "orders.order_id is null"
        }) }} as broken_rule
    from typed
    left join orders on typed.order_id = orders.order_id
)

select
    *,
    {{ delivery_rank(['order_id', 'payment_sequential']) }} as delivery_rank
from judged

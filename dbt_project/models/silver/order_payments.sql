with staged as (
    select * from {{ ref('stg_order_payments') }}
)

select
    order_id,
    payment_sequential,
    payment_type,
    payment_installments,
    payment_value
from staged
where broken_rule is null and delivery_rank = 1

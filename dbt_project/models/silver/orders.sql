with staged as (
    select * from {{ ref('stg_orders') }}
    where broken_rule is null and delivery_rank = 1
),

customer_ids as (
    select * from {{ ref('customer_ids') }}
),

sound as (
    select
        staged.*,
        customer_ids.customer_unique_id
    from staged
    inner join customer_ids on staged.customer_id = customer_ids.customer_id
),

{% if is_incremental() -%}
-- Whose an old order is can be corrected with the customer alone.
given as (
    select sound.*
    from sound
    left join {{ this }} as before on sound.order_id = before.order_id
    where
        {{ in_increment('sound.purchased_at', increment_start()) }}
        or before.customer_unique_id != sound.customer_unique_id
)
{%- else -%}
given as (
    select * from sound
)
{%- endif %}

select
    order_id,
    customer_id,
    customer_unique_id,
    order_status,
    {{ is_revenue_order('order_status') }} as is_revenue_order,
    purchased_at,
    approved_at,
    delivered_to_carrier_at,
    delivered_to_customer_at,
    estimated_delivery_at,
    purchase_month
from given

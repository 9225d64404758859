with staged as (
    select * from {{ ref('stg_orders') }}
),

customer_ids as (
    select * from {{ ref('customer_ids') }}
)

select
    staged.order_id,
    staged.customer_id,
    customer_ids.customer_unique_id,
    staged.order_status,
    {{ is_revenue_order('staged.order_status') }} as is_revenue_order,
    staged.purchased_at,
    staged.approved_at,
    staged.delivered_to_carrier_at,
    staged.delivered_to_customer_at,
    staged.estimated_delivery_at,
    staged.purchase_month
from staged
inner join customer_ids on staged.customer_id = customer_ids.customer_id
{%- if is_incremental() %}
left join {{ this }} as before on staged.order_id = before.order_id
{%- endif %}
where
    staged.broken_rule is null and staged.delivery_rank = 1
    {%- if is_incremental() %}
    -- Whose an old order is can be corrected with the customer alone.
    and (
        {{ in_increment('staged.purchased_at', increment_start()) }}
        or before.customer_unique_id != customer_ids.customer_unique_id
    )
    {%- endif %}

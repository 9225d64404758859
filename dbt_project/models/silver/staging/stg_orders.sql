{%- set start = increment_start() if is_incremental() -%}
{%- set typed_columns -%}
order_id, customer_id, order_status, purchased_at, approved_at, delivered_to_carrier_at, delivered_to_customer_at,
        estimated_delivery_at, {{ audit_columns() }}
{%- endset -%}

with delivered as (
    {{ newly_delivered('orders') }}
),

customer_ids as (
    select * from {{ ref('customer_ids') }}
),

new_rows as (
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

{% if is_incremental() -%}
new_batches as (
    select distinct _batch_id as new_batch_id from new_rows
),

-- A file that is taken in anew, because its ingest was killed, brings rows that may have been seen.
seen as (
    select before.*
    from {{ this }} as before
    left join new_batches on before._batch_id = new_batches.new_batch_id
    where
        new_batches.new_batch_id is null
        and before.purchased_at is not null
        and {{ in_months_looked_at('orders', 'order_id', as_text('order_id'), start) }}
),

keys as (
    select order_id as key from new_rows
    union distinct
    select order_id as key from seen
    where {{ in_increment('purchased_at', start) }}
),

-- Orders of the period are judged again, because a customer may have come after the order. Other deliveries of theirs
-- are ranked with them, and stay judged as they are.
typed as (
    select
        {{ typed_columns }},
        cast(null as string) as settled_rule,
        false as is_settled,
        coalesce(not {{ in_increment('purchased_at', start) }}, false) as is_too_late
    from new_rows
    union all
    select
        {{ typed_columns }},
        broken_rule as settled_rule,
        not {{ in_increment('purchased_at', start) }} as is_settled,
        false as is_too_late
    from seen
    left join keys on seen.order_id = keys.key
    where {{ in_increment('purchased_at', start) }} or keys.key is not null
),
{%- else -%}
typed as (
    select
        {{ typed_columns }},
        cast(null as string) as settled_rule,
        false as is_settled,
        false as is_too_late
    from new_rows
),
{%- endif %}

judged as (
    select
        typed.*,
        case
            when typed.is_settled then typed.settled_rule
            else {{ first_broken_rule({
            'order_id_missing': "typed.order_id is null",
            'customer_id_missing': "typed.customer_id is null",
            'order_status_unknown': "typed.order_status is null or typed.order_status not in (
            'created', 'approved', 'invoiced', 'processing', 'shipped', 'delivered', 'canceled', 'unavailable'
        )",
            'purchase_timestamp_unreadable': "typed.purchased_at is null",
            'purchased_after_promised_delivery': "typed.purchased_at >= typed.estimated_delivery_at + interval 1 day",
            'purchased_after_its_drop': "cast(typed.purchased_at as date) > typed._delivered_on",
            'customer_unknown': "customer_ids.customer_id is null",
            'arrived_too_late': "typed.is_too_late"
        }) }}
        end as broken_rule
    from typed
    left join customer_ids on typed.customer_id = customer_ids.customer_id
)

select
    {{ typed_columns }},
    broken_rule,
    {{ delivery_rank(['order_id']) }} as delivery_rank,
    {{ month_of('purchased_at') }} as purchase_month
from judged

{%- set start = increment_start() if is_incremental() -%}
{%- set typed_columns -%}
event_id, session_id, visitor_id, customer_unique_id, event_type, event_at, received_at, product_id, order_id,
        device, browser, referrer, state, provenance, {{ audit_columns() }}
{%- endset -%}

with delivered as (
    {{ newly_delivered('clickstream_events') }}
),

products as (
    select * from {{ ref('products') }}
),

new_rows as (
    select
        {{ as_key('event_id') }} as event_id,
        {{ as_key('session_id') }} as session_id,
        {{ as_key('visitor_id') }} as visitor_id,
        {{ as_key('customer_unique_id') }} as customer_unique_id,
        {{ as_text('event_type') }} as event_type,
        {{ as_timestamp('event_timestamp') }} as event_at,
        {{ as_timestamp('received_at') }} as received_at,
        {{ as_key('product_id') }} as product_id,
        {{ as_key('order_id') }} as order_id,
        {{ as_text('device') }} as device,
        {{ as_text('browser') }} as browser,
        {{ as_text('referrer') }} as referrer,
        {{ as_text('state') }} as state,
        {{ as_text('provenance') }} as provenance,
        {{ audit_columns() }}
    from delivered
),

{% if is_incremental() -%}
-- Rows from a day before the period on are judged again, and those of one more day show them in their sessions.
-- Older deliveries of an event are ranked with the new one, and stay judged as they are.
new_keys as (
    select distinct event_id as new_event_id from new_rows
),

typed as (
    select
        {{ typed_columns }},
        cast(null as string) as settled_rule,
        true as is_given,
        false as is_settled,
        not coalesce({{ in_increment('event_at', start) }}, true) as is_too_late
    from new_rows
    union all
    select
        {{ typed_columns }},
        broken_rule as settled_rule,
        {{ in_increment('event_at', start, 1) }} or new_event_id is not null as is_given,
        not {{ in_increment('event_at', start, 1) }} as is_settled,
        broken_rule = 'arrived_too_late' and not {{ in_increment('event_at', start) }} as is_too_late
    from {{ this }}
    left join new_keys on event_id = new_event_id
    where
        event_at is not null
        and ({{ in_increment('event_at', start, 2) }} or new_event_id is not null)
),
{%- else -%}
typed as (
    select
        {{ typed_columns }},
        cast(null as string) as settled_rule,
        true as is_given,
        false as is_settled,
        false as is_too_late
    from new_rows
),
{%- endif %}

judged_alone as (
    select
        typed.*,
        {{ first_broken_rule({
            'event_id_missing': "typed.event_id is null",
            'session_id_missing': "typed.session_id is null",
            'event_timestamp_missing': "typed.event_at is null",
            'received_at_missing': "typed.received_at is null",
            'received_before_event': "typed.received_at < typed.event_at - interval 5 minutes",
            'event_type_unknown': "typed.event_type is null or typed.event_type not in (
            'page_view', 'product_view', 'add_to_cart', 'checkout_start', 'purchase'
        )",
            'product_missing_for_event': "typed.event_type in ('product_view', 'add_to_cart')
            and typed.product_id is null",
            'product_unknown': "typed.product_id is not null and products.product_id is null",
            'order_missing_for_purchase': "typed.event_type = 'purchase' and typed.order_id is null",
            'provenance_unknown': "typed.provenance is null or typed.provenance not in ('observed', 'generated')"
        }) }} as own_broken_rule
    from typed
    left join products on typed.product_id = products.product_id
),

beside_their_session as (
    select
        *,
        min(case when own_broken_rule is null and event_type = 'add_to_cart' then event_at end)
            over (partition by session_id) as first_cart_at
    from judged_alone
),

judged as (
    select
        *,
        case
            when is_settled then settled_rule
            else coalesce(own_broken_rule, {{ first_broken_rule({
            'events_out_of_order': "event_type in ('checkout_start', 'purchase') and event_at < first_cart_at",
            'arrived_too_late': "is_too_late"
        }) }})
        end as broken_rule
    from beside_their_session
),

ranked as (
    select
        *,
        {{ delivery_rank(['event_id']) }} as delivery_rank
    from judged
)

select
    {{ typed_columns }},
    broken_rule,
    delivery_rank,
    {{ month_of('event_at') }} as event_month
from ranked
where is_given

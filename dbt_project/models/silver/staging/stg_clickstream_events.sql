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
        and before.event_at is not null
        and {{ in_months_looked_at('clickstream_events', 'event_id', as_key('event_id'), start, judged=1, around=2) }}
),

keys as (
    select event_id as key from new_rows
    union distinct
    select event_id as key from seen
    where {{ in_increment('event_at', start, 1) }}
),

-- Rows from a day before the period on are judged again, and those of one more day show them in their sessions.
-- Other deliveries of their events are ranked with them, and stay judged as they are.
typed as (
    select
        {{ typed_columns }},
        cast(null as string) as settled_rule,
        true as is_given,
        false as is_settled,
        true as is_late_comer,
        coalesce(not {{ in_increment('event_at', start) }}, false) as is_before_period
    from new_rows
    union all
    select
        {{ typed_columns }},
        broken_rule as settled_rule,
        {{ in_increment('event_at', start, 1) }} or keys.key is not null as is_given,
        not {{ in_increment('event_at', start, 1) }} as is_settled,
        coalesce(broken_rule = 'arrived_too_late', false) as is_late_comer,
        not {{ in_increment('event_at', start) }} as is_before_period
    from seen
    left join keys on seen.event_id = keys.key
    where {{ in_increment('event_at', start, 2) }} or keys.key is not null
),
{%- else -%}
typed as (
    select
        {{ typed_columns }},
        cast(null as string) as settled_rule,
        true as is_given,
        false as is_settled,
        false as is_late_comer,
        false as is_before_period
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
            'happened_after_its_drop': "cast(typed.event_at as date) > typed._delivered_on",
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
        {{ least_of_group(
            "case when own_broken_rule is null and event_type = 'add_to_cart' then event_at end", 'session_id'
        ) }} as first_cart_at
    from judged_alone
),

beside_their_event as (
    select
        *,
        -- A correction of what lies before the period would change visits that are not cut again.
        {{ greatest_of_group('is_settled and settled_rule is null', 'event_id') if is_incremental() else 'false' }}
            as has_settled
    from beside_their_session
),

judged as (
    select
        *,
        case
            when is_settled then settled_rule
            else coalesce(own_broken_rule, {{ first_broken_rule({
            'events_out_of_order': "event_type in ('checkout_start', 'purchase') and event_at < first_cart_at",
            'arrived_too_late': "is_late_comer and (is_before_period or has_settled)"
        }) }})
        end as broken_rule
    from beside_their_event
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

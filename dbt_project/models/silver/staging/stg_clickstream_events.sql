with delivered as (
    select * from {{ source('bronze', 'clickstream_events') }}
),

products as (
    select * from {{ ref('products') }}
),

typed as (
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
        coalesce(own_broken_rule, {{ first_broken_rule({
            'events_out_of_order': "event_type in ('checkout_start', 'purchase') and event_at < first_cart_at"
        }) }}) as broken_rule
    from beside_their_session
)

select
    event_id,
    session_id,
    visitor_id,
    customer_unique_id,
    event_type,
    event_at,
    received_at,
    product_id,
    order_id,
    device,
    browser,
    referrer,
    state,
    provenance,
    {{ audit_columns() }},
    broken_rule,
    {{ delivery_rank(['event_id']) }} as delivery_rank
from judged

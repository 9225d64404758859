{#- A visit ends after half an hour without an event; the tracker's own cut, where it is finer, does not count. -#}
{%- set start = increment_start() if is_incremental() -%}

with events as (
    select
        *,
        coalesce(visitor_id, session_id) as visitor
    from {{ ref('clickstream_events') }}
    {%- if is_incremental() %}
    where event_at >= timestamp '{{ open_sessions_since(start) }}'
    {%- endif %}
),

marked as (
    select
        *,
        coalesce(
            event_at > lag(event_at) over (partition by visitor order by event_at asc, event_id asc)
            + interval 30 minutes,
            true
        ) as is_first
    from events
),

numbered as (
    select
        *,
        sum(case when is_first then 1 else 0 end) over (
            partition by visitor
            order by event_at asc, event_id asc
            rows between unbounded preceding and current row
        ) as session_number
    from marked
),

counted as (
    select
        max(case when is_first then event_id end) as session_id,
        visitor as visitor_id,
        min(customer_unique_id) as customer_unique_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        max(case when is_first then device end) as device,
        max(case when is_first then browser end) as browser,
        max(case when is_first then referrer end) as referrer,
        max(case when is_first then state end) as state,
        min(provenance) as provenance,
        cast(count(*) as int) as events,
        cast(sum(case when event_type = 'product_view' then 1 else 0 end) as int) as views,
        cast(sum(case when event_type = 'add_to_cart' then 1 else 0 end) as int) as carts,
        cast(sum(case when event_type = 'checkout_start' then 1 else 0 end) as int) as checkouts,
        cast(sum(case when event_type = 'purchase' then 1 else 0 end) as int) as purchases
    from numbered
    group by
        visitor,
        session_number
),

timed as (
    select
        *,
        cast(unix_timestamp(ended_at) - unix_timestamp(started_at) as int) as duration_seconds
    from counted
)

select
    session_id,
    visitor_id,
    customer_unique_id,
    started_at,
    ended_at,
    duration_seconds,
    device,
    browser,
    referrer,
    state,
    provenance,
    events,
    views,
    carts,
    checkouts,
    purchases,
    {{ is_bot('browser', 'events', 'carts', 'duration_seconds') }} as is_bot,
    {{ month_of('ended_at') }} as session_month
from timed
{%- if is_incremental() %}
where {{ in_increment('ended_at', start, 2) }}
{%- endif %}

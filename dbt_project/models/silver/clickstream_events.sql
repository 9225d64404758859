with staged as (
    select * from {{ ref('stg_clickstream_events') }}
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
    event_month
from staged
where
    broken_rule is null and delivery_rank = 1
    {%- if is_incremental() %}
    and {{ in_increment('event_at', increment_start(), 1) }}
    {%- endif %}

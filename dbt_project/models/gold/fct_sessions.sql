with as_of as (
    select * from {{ ref('as_of') }}
),

sessions as (
    select * from {{ ref('sessions') }}
),

carts as (
    select * from {{ ref('carts') }}
)

select
    sessions.session_id,
    sessions.visitor_id,
    sessions.customer_unique_id,
    sessions.started_at,
    cast(sessions.started_at as date) as session_date,
    {{ week_start('sessions.started_at') }} as week_start,
    sessions.ended_at,
    sessions.duration_seconds,
    coalesce(sessions.device, 'unknown') as device,
    coalesce(sessions.referrer, 'unknown') as referrer,
    coalesce(sessions.state, 'unknown') as state,
    sessions.provenance,
    sessions.is_bot,
    sessions.events,
    sessions.views,
    sessions.carts,
    sessions.checkouts,
    sessions.purchases,
    -- The tracker loses events: who went further has taken the steps before, seen or not.
    case
        when sessions.purchases > 0 then 'purchase'
        when sessions.checkouts > 0 then 'checkout'
        when sessions.carts > 0 then 'cart'
        when sessions.views > 0 then 'view'
        else 'visit'
    end as furthest_step,
    coalesce(not carts.is_bought, false) as is_cart_left,
    carts.cart_value,
    carts.value_at_stake
from sessions
cross join as_of
left join carts on sessions.session_id = carts.session_id
where cast(sessions.started_at as date) <= as_of.as_of_date

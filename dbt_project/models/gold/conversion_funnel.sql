with visits as (
    select * from {{ ref('fct_sessions') }}
    where not is_bot
)

select
    week_start,
    device,
    referrer,
    provenance,
    cast(count(*) as int) as sessions,
    cast(count(case when furthest_step != 'visit' then 1 end) as int) as sessions_with_view,
    cast(count(case when furthest_step in ('cart', 'checkout', 'purchase') then 1 end) as int) as sessions_with_cart,
    cast(count(case when furthest_step in ('checkout', 'purchase') then 1 end) as int) as sessions_with_checkout,
    cast(count(case when furthest_step = 'purchase' then 1 end) as int) as sessions_with_purchase,
    cast(count(case when is_cart_left then 1 end) as int) as carts_left,
    cast(coalesce(sum(value_at_stake), 0) as decimal(18, 2)) as value_left
from visits
group by
    week_start,
    device,
    referrer,
    provenance

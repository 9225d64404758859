{#- A week is compared with the median of the eight before it: long enough to be steady, short enough to
    follow growth. Below 70 % of that median, or below a tenth of the best such median, it is not a week of
    normal trade. A week without any order ends a start, and not a holiday, if trade before it was below half of
    what it was in the eight weeks after it. -#}
{%- set window_weeks = 8 -%}
{%- set share_of_median = 0.7 -%}
{%- set share_of_best = 0.1 -%}
{%- set share_of_later = 0.5 -%}
{%- set given = "date '" ~ var('as_of_date') ~ "'" if var('as_of_date') else 'cast(null as date)' -%}

with orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('order_items') }}
),

deliveries as (
    select max(_delivered_on) as last_delivered_on from {{ ref('stg_orders') }}
),

-- An order from after the day of its delivery comes from a clock that is wrong.
as_of as (
    select coalesce({{ given }}, max(cast(orders.purchased_at as date))) as as_of_date
    from orders
    cross join deliveries
    where cast(orders.purchased_at as date) <= coalesce(deliveries.last_delivered_on, date '9999-12-31')
),

traded as (
    select
        {{ week_start('orders.purchased_at') }} as week_start,
        count(distinct orders.order_id) as orders
    from orders
    inner join order_items on orders.order_id = order_items.order_id
    cross join as_of
    where
        orders.is_revenue_order
        and cast(orders.purchased_at as date) <= as_of.as_of_date
    group by {{ week_start('orders.purchased_at') }}
),

span as (
    select
        min(traded.week_start) as first_week,
        max({{ week_start('as_of.as_of_date') }}) as last_week
    from traded
    cross join as_of
),

spine as (
    select explode(sequence(first_week, last_week, interval 7 days)) as week_start
    from span
),

weeks as (
    select
        spine.week_start,
        coalesce(traded.orders, 0) as orders
    from spine
    left join traded on spine.week_start = traded.week_start
),

-- Windows, where joins would say the same: the engine reads what a join names once for each time it is named.
around as (
    select
        *,
        sort_array(collect_list(orders) over (
            order by week_start asc
            rows between {{ window_weeks }} preceding and 1 preceding
        )) as orders_before,
        sort_array(collect_list(orders) over (
            order by week_start asc
            rows between 1 following and {{ window_weeks }} following
        )) as orders_after
    from weeks
),

usual as (
    select
        *,
        {{ middle_of('orders_before') }} as usual_orders,
        {{ middle_of('orders_after') }} as later_orders
    from around
),

-- A week that the as-of date cuts off is not over, however good it was so far.
judged as (
    select
        usual.week_start,
        usual.orders = 0 and usual.usual_orders < {{ share_of_later }} * usual.later_orders as ends_the_start,
        date_add(usual.week_start, 6) <= as_of.as_of_date
        and usual.orders > 0
        and usual.orders >= {{ share_of_median }} * coalesce(usual.usual_orders, 0)
        and usual.orders >= {{ share_of_best }} * coalesce(
            max(usual.usual_orders) over (order by usual.week_start asc), 0
        ) as is_normal
    from usual
    cross join as_of
),

-- The tail ends with the last normal week; the head begins after the last empty week of the start.
tail as (
    select
        *,
        max(case when is_normal then week_start end) over () as last_complete_week
    from judged
),

head as (
    select
        *,
        max(
            case when ends_the_start and week_start < last_complete_week then week_start end
        ) over () as last_of_start
    from tail
),

complete as (
    select
        min(week_start) as first_complete_week,
        max(week_start) as last_complete_week
    from head
    where
        week_start <= last_complete_week
        and week_start > coalesce(last_of_start, date '0001-01-01')
)

select
    as_of.as_of_date,
    coalesce(date_add(complete.last_complete_week, 6), as_of.as_of_date) as reporting_date,
    complete.first_complete_week,
    complete.last_complete_week
from as_of
cross join complete

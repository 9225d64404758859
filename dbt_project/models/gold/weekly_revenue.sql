{#- A week is compared with the median of the eight before it: long enough to be steady, short enough to
    follow growth. Below 70 % of that median, or below a tenth of the best such median, it is not a week of
    normal trade. -#}
{%- set window_weeks = 8 -%}
{%- set share_of_median = 0.7 -%}
{%- set share_of_best = 0.1 -%}

with as_of as (
    select * from {{ ref('as_of') }}
),

orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('order_items') }}
),

traded as (
    select
        {{ week_start('orders.purchased_at') }} as week_start,
        sum(order_items.price) as revenue,
        sum(order_items.freight_value) as freight,
        count(distinct orders.order_id) as orders,
        count(*) as items
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
        coalesce(traded.revenue, 0) as revenue,
        coalesce(traded.freight, 0) as freight,
        coalesce(traded.orders, 0) as orders,
        coalesce(traded.items, 0) as items,
        row_number() over (order by spine.week_start asc) as week_number
    from spine
    left join traded on spine.week_start = traded.week_start
),

medians as (
    select
        weeks.week_start,
        percentile(earlier.orders, 0.5) as usual_orders
    from weeks
    inner join weeks as earlier
        on earlier.week_number between weeks.week_number - {{ window_weeks }} and weeks.week_number - 1
    group by weeks.week_start
),

-- A week that the as-of date cuts off is not over, however good it was so far.
judged as (
    select
        weeks.*,
        date_add(weeks.week_start, 6) <= as_of.as_of_date
        and weeks.orders > 0
        and weeks.orders >= {{ share_of_median }} * coalesce(medians.usual_orders, 0)
        and weeks.orders >= {{ share_of_best }} * coalesce(
            max(medians.usual_orders) over (order by weeks.week_start asc), 0
        ) as is_normal
    from weeks
    cross join as_of
    left join medians on weeks.week_start = medians.week_start
),

-- The tail ends with the last normal week; the head begins after the last week without any order.
last_normal as (
    select max(week_number) as week_number
    from judged
    where is_normal
),

bounds as (
    select
        last_normal.week_number as last_week_number,
        coalesce(max(judged.week_number), 0) + 1 as first_week_number
    from last_normal
    left join judged
        on
            last_normal.week_number > judged.week_number
            and judged.orders = 0
    group by last_normal.week_number
)

select
    judged.week_start,
    cast(judged.revenue as decimal(18, 2)) as revenue,
    cast(judged.freight as decimal(18, 2)) as freight,
    cast(judged.orders as int) as orders,
    cast(judged.items as int) as items,
    cast(judged.revenue / nullif(judged.orders, 0) as decimal(18, 2)) as average_order_value,
    coalesce(
        judged.week_number between bounds.first_week_number and bounds.last_week_number, false
    ) as is_complete
from judged
cross join bounds

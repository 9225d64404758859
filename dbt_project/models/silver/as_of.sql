{#- A week is compared with the median of the eight before it: long enough to be steady, short enough to
    follow growth. Below 70 % of that median, or below a tenth of the best such median, it is not a week of
    normal trade. -#}
{%- set window_weeks = 8 -%}
{%- set share_of_median = 0.7 -%}
{%- set share_of_best = 0.1 -%}
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
        coalesce(traded.orders, 0) as orders,
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
last_complete as (
    select max(week_start) as week_start
    from judged
    where is_normal
),

first_complete as (
    select min(judged.week_start) as week_start
    from judged
    cross join (
        select max(judged.week_start) as week_start
        from judged
        cross join last_complete
        where judged.orders = 0 and judged.week_start < last_complete.week_start
    ) as last_empty
    cross join last_complete
    where
        judged.week_start <= last_complete.week_start
        and judged.week_start > coalesce(last_empty.week_start, date '0001-01-01')
)

select
    as_of.as_of_date,
    coalesce(date_add(last_complete.week_start, 6), as_of.as_of_date) as reporting_date,
    first_complete.week_start as first_complete_week,
    last_complete.week_start as last_complete_week
from as_of
cross join first_complete
cross join last_complete

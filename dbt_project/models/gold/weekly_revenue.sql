with as_of as (
    select * from {{ ref('as_of') }}
),

lines as (
    select * from {{ ref('fct_order_items') }}
    where is_revenue_order
),

traded as (
    select
        week_start,
        sum(revenue) as revenue,
        sum(freight_value) as freight,
        count(distinct order_id) as orders,
        count(*) as items
    from lines
    group by week_start
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
        coalesce(traded.items, 0) as items
    from spine
    left join traded on spine.week_start = traded.week_start
)

select
    weeks.week_start,
    cast(weeks.revenue as decimal(18, 2)) as revenue,
    cast(weeks.freight as decimal(18, 2)) as freight,
    cast(weeks.orders as int) as orders,
    cast(weeks.items as int) as items,
    {{ quotient('weeks.revenue', 'weeks.orders', 'decimal(18, 2)') }} as average_order_value,
    coalesce(
        weeks.week_start between as_of.first_complete_week and as_of.last_complete_week, false
    ) as is_complete
from weeks
cross join as_of

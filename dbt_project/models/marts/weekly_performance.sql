with as_of as (
    select * from {{ ref('as_of') }}
),

weeks as (
    select * from {{ ref('weekly_revenue') }}
),

lines as (
    select * from {{ ref('fct_order_items') }}
    where is_revenue_order
),

all_orders as (
    select * from {{ ref('orders') }}
),

orders as (
    {{ numbered_orders('lines') }}
),

traded as (
    select
        week_start,
        count(distinct customer_unique_id) as active_customers,
        count(case when purchase_number = 1 then 1 end) as new_customers,
        count(distinct case when purchase_number > 1 then customer_unique_id end) as returning_customers,
        sum(case when purchase_number = 1 then revenue else 0 end) as first_order_revenue,
        sum(case when purchase_number > 1 then revenue else 0 end) as repeat_order_revenue,
        count(days_late) as promised_orders,
        count(case when days_late > 0 then 1 end) as late_orders,
        count(review_score) as reviewed_orders,
        sum(review_score) as review_points
    from orders
    group by week_start
),

-- A parcel that was promised for no day is delivered, and neither late nor in time.
delivered as (
    select
        week_start,
        count(*) as delivered_orders
    from (
        select distinct
            week_start,
            order_id
        from lines
        where delivered_at is not null
    ) as pairs
    group by week_start
),

placed as (
    select
        {{ week_start('all_orders.purchased_at') }} as week_start,
        count(*) as placed_orders,
        count(case when not all_orders.is_revenue_order then 1 end) as canceled_orders
    from all_orders
    cross join as_of
    where cast(all_orders.purchased_at as date) <= as_of.as_of_date
    group by {{ week_start('all_orders.purchased_at') }}
)

select
    weeks.week_start,
    weeks.is_complete,
    weeks.revenue,
    weeks.orders,
    weeks.items,
    weeks.average_order_value,
    cast(coalesce(traded.active_customers, 0) as int) as active_customers,
    cast(coalesce(traded.new_customers, 0) as int) as new_customers,
    cast(coalesce(traded.returning_customers, 0) as int) as returning_customers,
    cast(coalesce(traded.first_order_revenue, 0) as decimal(18, 2)) as first_order_revenue,
    cast(coalesce(traded.repeat_order_revenue, 0) as decimal(18, 2)) as repeat_order_revenue,
    cast(coalesce(placed.placed_orders, 0) as int) as placed_orders,
    cast(coalesce(placed.canceled_orders, 0) as int) as canceled_orders,
    {{ quotient('placed.canceled_orders', 'placed.placed_orders', 'decimal(9, 4)') }} as cancellation_rate,
    cast(coalesce(delivered.delivered_orders, 0) as int) as delivered_orders,
    cast(coalesce(traded.late_orders, 0) as int) as late_orders,
    {{ quotient('traded.late_orders', 'traded.promised_orders', 'decimal(9, 4)') }} as late_delivery_rate,
    cast(coalesce(traded.reviewed_orders, 0) as int) as reviewed_orders,
    cast(coalesce(traded.review_points, 0) as decimal(18, 2)) as review_points,
    {{ quotient('traded.review_points', 'traded.reviewed_orders', 'decimal(3, 2)') }} as average_review_score,
    cast(sum(coalesce(traded.new_customers, 0)) over (order by weeks.week_start asc) as int) as customers_so_far,
    cast(sum(weeks.revenue) over (order by weeks.week_start asc) as decimal(18, 2)) as revenue_so_far,
    {{ quotient(
        'sum(weeks.revenue) over (order by weeks.week_start asc)',
        'sum(coalesce(traded.new_customers, 0)) over (order by weeks.week_start asc)',
        'decimal(18, 2)'
    ) }} as realised_revenue_per_customer
from weeks
left join traded on weeks.week_start = traded.week_start
left join delivered on weeks.week_start = delivered.week_start
left join placed on weeks.week_start = placed.week_start

with as_of as (
    select * from {{ ref('as_of') }}
),

weekly as (
    select * from {{ ref('weekly_performance') }}
),

lines as (
    select * from {{ ref('fct_order_items') }}
    where is_revenue_order
),

periods as (
    {{ report_periods('as_of') }}
),

orders as (
    {{ numbered_orders('lines') }}
),

-- What can be added up over weeks is.
sums as (
    select
        periods.weeks,
        periods.period,
        periods.first_week,
        periods.last_week,
        sum(weekly.revenue) as revenue,
        sum(weekly.orders) as orders,
        sum(weekly.items) as items,
        sum(weekly.new_customers) as new_customers,
        sum(weekly.first_order_revenue) as first_order_revenue,
        sum(weekly.repeat_order_revenue) as repeat_order_revenue,
        sum(weekly.placed_orders) as placed_orders,
        sum(weekly.canceled_orders) as canceled_orders,
        sum(weekly.delivered_orders) as delivered_orders,
        sum(weekly.late_orders) as late_orders,
        sum(weekly.reviewed_orders) as reviewed_orders,
        sum(weekly.review_points) as review_points,
        max(weekly.customers_so_far) as customers_so_far,
        max(weekly.revenue_so_far) as revenue_so_far
    from periods
    inner join weekly on weekly.week_start between periods.first_week and periods.last_week
    group by
        periods.weeks,
        periods.period,
        periods.first_week,
        periods.last_week
),

-- What cannot: a person or a seller counts once in a period.
people as (
    select
        periods.weeks,
        periods.period,
        orders.customer_unique_id,
        sum(orders.revenue) as revenue,
        count(orders.days_late) as promised_orders,
        max(case when orders.purchase_number > 1 then 1 else 0 end) as is_returning,
        row_number() over (
            partition by periods.weeks, periods.period
            order by sum(orders.revenue) desc, orders.customer_unique_id asc
        ) as place,
        count(*) over (partition by periods.weeks, periods.period) as places
    from periods
    inner join orders on orders.week_start between periods.first_week and periods.last_week
    group by
        periods.weeks,
        periods.period,
        orders.customer_unique_id
),

customers as (
    select
        weeks,
        period,
        count(*) as active_customers,
        sum(is_returning) as returning_customers,
        sum(promised_orders) as promised_orders,
        sum(case when place <= ceil(places / 10) then revenue else 0 end) as top_revenue
    from people
    group by
        weeks,
        period
),

seller_weeks as (
    select
        week_start,
        seller_id,
        sum(revenue) as revenue
    from lines
    group by
        week_start,
        seller_id
),

seller_places as (
    select
        periods.weeks,
        periods.period,
        seller_weeks.seller_id,
        sum(seller_weeks.revenue) as revenue,
        row_number() over (
            partition by periods.weeks, periods.period
            order by sum(seller_weeks.revenue) desc, seller_weeks.seller_id asc
        ) as place,
        count(*) over (partition by periods.weeks, periods.period) as places
    from periods
    inner join seller_weeks on seller_weeks.week_start between periods.first_week and periods.last_week
    group by
        periods.weeks,
        periods.period,
        seller_weeks.seller_id
),

sellers as (
    select
        weeks,
        period,
        count(*) as active_sellers,
        sum(case when place <= ceil(places / 10) then revenue else 0 end) as top_revenue
    from seller_places
    group by
        weeks,
        period
),

-- Beside each period what the current one of its length has.
compared as (
    select
        *,
        max(case when period = 'current' then revenue end) over (partition by weeks) as current_revenue,
        max(case when period = 'current' then orders end) over (partition by weeks) as current_orders,
        max(case when period = 'current' then first_order_revenue end) over (partition by weeks)
            as current_first_order_revenue
    from sums
),

-- Orders and their value change together: each takes the mean of the other before and after, so that both add up to
-- the whole and neither is named first.
explained as (
    select
        *,
        case when period != 'current' then cast(current_revenue - revenue as decimal(18, 2)) end as revenue_change,
        case
            when period != 'current'
                then cast(
                    (current_orders - orders) * (
                        coalesce({{ quotient('current_revenue', 'current_orders', 'decimal(18, 4)') }}, 0)
                        + coalesce({{ quotient('revenue', 'orders', 'decimal(18, 4)') }}, 0)
                    ) / 2 as decimal(18, 2)
                )
        end as change_from_orders,
        case
            when period != 'current' then cast(current_first_order_revenue - first_order_revenue as decimal(18, 2))
        end as change_from_first_orders
    from compared
)

select
    cast(explained.weeks as int) as weeks,
    explained.period,
    explained.first_week as period_start,
    date_add(explained.last_week, 6) as period_end,
    cast(explained.revenue as decimal(18, 2)) as revenue,
    cast(explained.orders as int) as orders,
    cast(explained.items as int) as items,
    {{ quotient('explained.revenue', 'explained.orders', 'decimal(18, 2)') }} as average_order_value,
    cast(coalesce(customers.active_customers, 0) as int) as active_customers,
    cast(explained.new_customers as int) as new_customers,
    cast(coalesce(customers.returning_customers, 0) as int) as returning_customers,
    {{ quotient('customers.returning_customers', 'customers.active_customers', 'decimal(9, 4)') }} as repeat_rate,
    cast(explained.first_order_revenue as decimal(18, 2)) as first_order_revenue,
    cast(explained.repeat_order_revenue as decimal(18, 2)) as repeat_order_revenue,
    cast(explained.customers_so_far as int) as customers_so_far,
    {{ quotient('explained.revenue_so_far', 'explained.customers_so_far', 'decimal(18, 2)') }}
        as realised_revenue_per_customer,
    cast(explained.placed_orders as int) as placed_orders,
    cast(explained.canceled_orders as int) as canceled_orders,
    {{ quotient('explained.canceled_orders', 'explained.placed_orders', 'decimal(9, 4)') }} as cancellation_rate,
    cast(explained.delivered_orders as int) as delivered_orders,
    cast(explained.late_orders as int) as late_orders,
    {{ quotient('explained.late_orders', 'customers.promised_orders', 'decimal(9, 4)') }} as late_delivery_rate,
    cast(explained.reviewed_orders as int) as reviewed_orders,
    {{ quotient('explained.review_points', 'explained.reviewed_orders', 'decimal(3, 2)') }} as average_review_score,
    {{ quotient('customers.top_revenue', 'explained.revenue', 'decimal(9, 4)') }} as top_customers_share,
    cast(coalesce(sellers.active_sellers, 0) as int) as active_sellers,
    {{ quotient('sellers.top_revenue', 'explained.revenue', 'decimal(9, 4)') }} as top_sellers_share,
    explained.revenue_change,
    explained.change_from_orders,
    cast(explained.revenue_change - explained.change_from_orders as decimal(18, 2)) as change_from_order_value,
    explained.change_from_first_orders,
    cast(explained.revenue_change - explained.change_from_first_orders as decimal(18, 2)) as change_from_repeat_orders
from explained
left join customers on explained.weeks = customers.weeks and explained.period = customers.period
left join sellers on explained.weeks = sellers.weeks and explained.period = sellers.period

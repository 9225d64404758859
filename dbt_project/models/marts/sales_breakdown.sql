with as_of as (
    select * from {{ ref('as_of') }}
),

lines as (
    select * from {{ ref('fct_order_items') }}
    where is_revenue_order
),

products as (
    select * from {{ ref('dim_product') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

periods as (
    select
        *,
        max(case when period = 'previous' then 1 else 0 end) over (partition by weeks) as has_previous,
        max(case when period = 'year_ago' then 1 else 0 end) over (partition by weeks) as has_year_ago
    from (
        {{ report_periods('as_of') }}
    ) as complete
),

described as (
    select
        lines.*,
        coalesce(products.category, 'unknown') as category,
        coalesce(customers.state, 'unknown') as state
    from lines
    left join products on lines.product_id = products.product_id
    left join customers on lines.customer_unique_id = customers.customer_unique_id
),

-- An order is of one week: its weeks can be added up. It counts in each category that it holds.
order_parts as (
    select
        week_start,
        'category' as dimension,
        category as member,
        order_id,
        sum(revenue) as revenue,
        max(days_late) as days_late,
        max(review_score) as review_score
    from described
    group by
        week_start,
        category,
        order_id
    union all
    select
        week_start,
        'state' as dimension,
        state as member,
        order_id,
        sum(revenue) as revenue,
        max(days_late) as days_late,
        max(review_score) as review_score
    from described
    group by
        week_start,
        state,
        order_id
),

weekly as (
    select
        week_start,
        dimension,
        member,
        sum(revenue) as revenue,
        count(*) as orders,
        -- A parcel that was promised for no day is neither late nor in time.
        count(days_late) as promised_orders,
        count(case when days_late > 0 then 1 end) as late_orders,
        count(review_score) as reviewed_orders,
        sum(review_score) as review_points
    from order_parts
    group by
        week_start,
        dimension,
        member
),

sums as (
    select
        periods.weeks,
        weekly.dimension,
        weekly.member,
        sum(case when periods.period = 'current' then weekly.revenue else 0 end) as revenue,
        sum(case when periods.period = 'current' then weekly.orders else 0 end) as orders,
        sum(case when periods.period = 'current' then weekly.promised_orders else 0 end) as promised_orders,
        sum(case when periods.period = 'current' then weekly.late_orders else 0 end) as late_orders,
        sum(case when periods.period = 'current' then weekly.reviewed_orders else 0 end) as reviewed_orders,
        sum(case when periods.period = 'current' then weekly.review_points else 0 end) as review_points,
        sum(case when periods.period = 'previous' then weekly.revenue else 0 end) as previous_revenue,
        sum(case when periods.period = 'year_ago' then weekly.revenue else 0 end) as year_ago_revenue,
        max(periods.has_previous) as has_previous,
        max(periods.has_year_ago) as has_year_ago
    from periods
    inner join weekly on weekly.week_start between periods.first_week and periods.last_week
    group by
        periods.weeks,
        weekly.dimension,
        weekly.member
)

select
    cast(weeks as int) as weeks,
    dimension,
    member,
    cast(revenue as decimal(18, 2)) as revenue,
    {{ quotient('revenue', 'sum(revenue) over (partition by weeks, dimension)', 'decimal(9, 4)') }} as revenue_share,
    cast(orders as int) as orders,
    {{ quotient('revenue', 'orders', 'decimal(18, 2)') }} as average_order_value,
    case when has_previous = 1 then cast(previous_revenue as decimal(18, 2)) end as previous_revenue,
    case when has_year_ago = 1 then cast(year_ago_revenue as decimal(18, 2)) end as year_ago_revenue,
    {{ quotient('late_orders', 'promised_orders', 'decimal(9, 4)') }} as late_delivery_rate,
    {{ quotient('review_points', 'reviewed_orders', 'decimal(3, 2)') }} as average_review_score
from sums

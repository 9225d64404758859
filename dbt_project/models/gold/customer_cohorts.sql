with as_of as (
    select * from {{ ref('as_of') }}
),

lines as (
    select * from {{ ref('fct_order_items') }}
    where is_revenue_order
),

active as (
    select
        customer_unique_id,
        {{ month_of('purchased_at') }} as active_month,
        sum(revenue) as revenue
    from lines
    group by
        customer_unique_id,
        {{ month_of('purchased_at') }}
),

placed as (
    select
        *,
        {{ least_of_group('active_month', 'customer_unique_id') }} as cohort_month
    from active
),

counted as (
    select
        cohort_month,
        active_month,
        count(*) as active_customers,
        sum(revenue) as revenue
    from placed
    group by
        cohort_month,
        active_month
),

-- A cohort's first month holds all of it.
cohorts as (
    select
        counted.cohort_month,
        counted.active_customers as customers,
        explode(sequence(counted.cohort_month, {{ month_of('as_of.as_of_date') }}, interval 1 month)) as active_month
    from counted
    cross join as_of
    where counted.cohort_month = counted.active_month
),

followed as (
    select
        cohorts.cohort_month,
        cohorts.active_month,
        cohorts.customers,
        coalesce(counted.active_customers, 0) as active_customers,
        coalesce(counted.revenue, 0) as revenue,
        sum(coalesce(counted.revenue, 0)) over (
            partition by cohorts.cohort_month
            order by cohorts.active_month asc
            rows between unbounded preceding and current row
        ) as revenue_so_far
    from cohorts
    left join counted
        on
            cohorts.cohort_month = counted.cohort_month
            and cohorts.active_month = counted.active_month
)

select
    followed.cohort_month,
    cast(months_between(followed.active_month, followed.cohort_month) as int) as months_since_first,
    followed.active_month,
    cast(followed.customers as int) as customers,
    cast(followed.active_customers as int) as active_customers,
    cast(followed.active_customers as double) / followed.customers as retention,
    cast(followed.revenue as decimal(18, 2)) as revenue,
    cast(followed.revenue_so_far as decimal(18, 2)) as revenue_so_far,
    {{ quotient('followed.revenue_so_far', 'followed.customers', 'decimal(18, 2)') }} as revenue_per_customer,
    last_day(followed.active_month) <= as_of.reporting_date as is_complete
from followed
cross join as_of

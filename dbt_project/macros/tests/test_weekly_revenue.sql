{# Weeks follow one another: seven days from each to the next. #}
{% test weekly_revenue_has_no_gap(model) %}
with weeks as (
    select
        week_start,
        lag(week_start) over (order by week_start asc) as week_before
    from {{ model }}
)

select * from weeks
where datediff(week_start, week_before) != 7
{% endtest %}

{# The weeks add up to Silver, to the cent. #}
{% test weekly_revenue_reconciles(model) %}
with gold as (
    select
        sum(revenue) as revenue,
        sum(freight) as freight,
        sum(orders) as orders,
        sum(items) as items
    from {{ model }}
),

silver as (
    select
        sum(order_items.price) as revenue,
        sum(order_items.freight_value) as freight,
        count(distinct orders.order_id) as orders,
        count(*) as items
    from {{ ref('orders') }} as orders
    inner join {{ ref('order_items') }} as order_items on orders.order_id = order_items.order_id
    cross join {{ ref('as_of') }} as as_of
    where orders.is_revenue_order and cast(orders.purchased_at as date) <= as_of.as_of_date
)

select * from gold
cross join silver
where
    gold.revenue != silver.revenue
    or gold.freight != silver.freight
    or gold.orders != silver.orders
    or gold.items != silver.items
{% endtest %}

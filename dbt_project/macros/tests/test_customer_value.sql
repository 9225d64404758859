{# Everybody who has bought by the reporting date is there, and nobody else; what they paid adds up to Silver, up to
   the rounding of the averages. #}
{% test customer_value_is_of_all_buyers(model) %}
with gold as (
    select
        customer_unique_id,
        average_occasion_value,
        repeat_occasions + 1 as occasions
    from {{ model }}
),

silver as (
    select
        orders.customer_unique_id,
        sum(order_items.price) as revenue
    from {{ ref('orders') }} as orders
    inner join {{ ref('order_items') }} as order_items on orders.order_id = order_items.order_id
    cross join (select max(reporting_date) as reporting_date from {{ ref('as_of') }}) as as_of
    where orders.is_revenue_order and cast(orders.purchased_at as date) <= as_of.reporting_date
    group by orders.customer_unique_id
)

select
    gold.customer_unique_id as in_gold,
    silver.customer_unique_id as in_silver,
    gold.average_occasion_value,
    silver.revenue
from gold
full outer join silver on gold.customer_unique_id = silver.customer_unique_id
where not coalesce(abs(gold.average_occasion_value * gold.occasions - silver.revenue) <= 0.005 * gold.occasions, false)
{% endtest %}

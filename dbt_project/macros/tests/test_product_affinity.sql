{# If a row says that A goes with B, another says the same of B with A. #}
{% test product_affinity_is_symmetric(model) %}
select
    one.product_id,
    one.other_product_id
from {{ model }} as one
left join {{ model }} as other
    on one.product_id = other.other_product_id
    and one.other_product_id = other.product_id
    and one.orders_together = other.orders_together
    and one.sessions_together = other.sessions_together
where other.product_id is null
{% endtest %}

{# Each pair knows the number of revenue orders with items up to the as-of date. #}
{% test product_affinity_counts_all_orders(model) %}
with counted as (
    select count(distinct orders.order_id) as order_count
    from {{ ref('orders') }} as orders
    inner join {{ ref('order_items') }} as order_items on orders.order_id = order_items.order_id
    cross join {{ ref('as_of') }} as as_of
    where orders.is_revenue_order and cast(orders.purchased_at as date) <= as_of.as_of_date
)

select
    pairs.product_id,
    pairs.other_product_id,
    pairs.order_count as order_count,
    counted.order_count as orders
from {{ model }} as pairs
cross join counted
where pairs.order_count != counted.order_count
{% endtest %}

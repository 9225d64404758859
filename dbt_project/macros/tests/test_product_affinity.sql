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

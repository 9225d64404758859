with pairs as (
    select * from {{ ref('int_product_affinity') }}
)

select
    product_id,
    other_product_id,
    cast(orders_together as int) as orders_together,
    cast(orders_with_product as int) as orders_with_product,
    cast(orders_with_other as int) as orders_with_other,
    cast(orders_together as double) / nullif(orders_with_product, 0) as confidence,
    cast(orders_together as double) * order_count
    / nullif(cast(orders_with_product as double) * orders_with_other, 0) as lift,
    cast(sessions_together as int) as sessions_together,
    cast(sessions_with_product as int) as sessions_with_product,
    cast(sessions_with_other as int) as sessions_with_other,
    cast(sessions_together as double) / nullif(sessions_with_product, 0) as view_confidence,
    cast(sessions_together as double) * session_count
    / nullif(cast(sessions_with_product as double) * sessions_with_other, 0) as view_lift,
    behaviour_provenance
from pairs

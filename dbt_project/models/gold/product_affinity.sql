with pairs as (
    select * from {{ ref('int_product_affinity') }}
)

select
    product_id,
    other_product_id,
    cast(orders_together as int) as orders_together,
    cast(orders_with_product as int) as orders_with_product,
    cast(orders_with_other as int) as orders_with_other,
    cast(orders_together as double) / orders_with_product as confidence,
    cast(orders_together as double) * order_count
    / (cast(orders_with_product as double) * orders_with_other) as lift
from pairs

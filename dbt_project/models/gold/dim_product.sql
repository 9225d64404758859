with products as (
    select * from {{ ref('products') }}
)

select
    product_id,
    category,
    category_name,
    name_length,
    description_length,
    photos_count,
    weight_g,
    length_cm,
    height_cm,
    width_cm,
    cast(length_cm as bigint) * height_cm * width_cm as volume_cm3
from products

with staged as (
    select * from {{ ref('stg_product_category_translations') }}
)

select
    category_name,
    category_name_english
from staged
where broken_rule is null and delivery_rank = 1

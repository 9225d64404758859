with staged as (
    select * from {{ ref('stg_products') }}
),

translations as (
    select * from {{ ref('product_category_translations') }}
)

select
    staged.product_id,
    coalesce(translations.category_name_english, staged.category_name, 'unknown') as category,
    staged.category_name,
    staged.name_length,
    staged.description_length,
    staged.photos_count,
    staged.weight_g,
    staged.length_cm,
    staged.height_cm,
    staged.width_cm
from staged
left join translations on staged.category_name = translations.category_name
where staged.broken_rule is null and staged.delivery_rank = 1

with staged as (
    select * from {{ ref('stg_products') }}
),

changes as (
    {{ last_changes('products', 'product_id', [
        'category_name', 'name_length', 'description_length', 'photos_count', 'weight_g', 'length_cm', 'height_cm', 'width_cm'
    ]) }}
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
    staged.width_cm,
    changes.changed_at
from staged
inner join changes on staged.product_id = changes.product_id
left join translations on staged.category_name = translations.category_name
where staged.broken_rule is null and staged.delivery_rank = 1

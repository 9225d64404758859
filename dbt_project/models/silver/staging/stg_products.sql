with delivered as (
    select * from {{ source('bronze', 'products') }}
),

typed as (
    select
        {{ as_text('product_id') }} as product_id,
        {{ as_text('product_category_name') }} as category_name,
        {{ as_integer('product_name_lenght') }} as name_length,
        {{ as_integer('product_description_lenght') }} as description_length,
        {{ as_integer('product_photos_qty') }} as photos_count,
        {{ as_integer('product_weight_g') }} as weight_g,
        {{ as_integer('product_length_cm') }} as length_cm,
        {{ as_integer('product_height_cm') }} as height_cm,
        {{ as_integer('product_width_cm') }} as width_cm,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'product_id_missing': "product_id is null"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['product_id']) }} as delivery_rank
from judged

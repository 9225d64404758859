with delivered as (
    select * from {{ source('bronze', 'product_category_translations') }}
),

typed as (
    select
        {{ as_text('product_category_name') }} as category_name,
        {{ as_text('product_category_name_english') }} as category_name_english,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'category_name_missing': "category_name is null",
            'translation_missing': "category_name_english is null"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['category_name']) }} as delivery_rank
from judged

with delivered as (
    select * from {{ source('bronze', 'sellers') }}
),

typed as (
    select
        {{ as_text('seller_id') }} as seller_id,
        {{ as_text('seller_zip_code_prefix') }} as zip_code_prefix,
        {{ as_text('seller_city') }} as city,
        {{ as_text('seller_state') }} as state,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'seller_id_missing': "seller_id is null"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['seller_id']) }} as delivery_rank
from judged

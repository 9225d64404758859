with delivered as (
    select * from {{ source('bronze', 'customers') }}
),

typed as (
    select
        {{ as_text('customer_id') }} as customer_id,
        {{ as_text('customer_unique_id') }} as customer_unique_id,
        {{ as_text('customer_zip_code_prefix') }} as zip_code_prefix,
        {{ as_text('customer_city') }} as city,
        {{ as_text('customer_state') }} as state,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'customer_id_missing': "customer_id is null",
            'customer_unique_id_missing': "customer_unique_id is null"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['customer_id']) }} as delivery_rank
from judged

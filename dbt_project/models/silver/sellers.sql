with staged as (
    select * from {{ ref('stg_sellers') }}
)

select
    seller_id,
    zip_code_prefix,
    city,
    state
from staged
where broken_rule is null and delivery_rank = 1

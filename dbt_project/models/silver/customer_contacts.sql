with staged as (
    select * from {{ ref('stg_customer_contacts') }}
)

select
    customer_unique_id,
    full_name,
    email,
    phone,
    marketing_consent,
    provenance
from staged
where broken_rule is null and delivery_rank = 1

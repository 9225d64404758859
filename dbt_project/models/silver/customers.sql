with addresses as (
    select * from {{ ref('customer_addresses') }}
)

select
    customer_unique_id,
    zip_code_prefix,
    city,
    state
from addresses
where address_number = 1

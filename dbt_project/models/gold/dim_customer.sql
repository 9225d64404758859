with customer_360 as (
    select * from {{ ref('customer_360') }}
),

geolocation as (
    select * from {{ ref('geolocation') }}
)

select
    customer_360.customer_unique_id,
    customer_360.zip_code_prefix,
    customer_360.city,
    customer_360.state,
    geolocation.latitude,
    geolocation.longitude,
    {{ month_of('customer_360.first_purchase_at') }} as cohort_month,
    customer_360.rfm_segment
from customer_360
left join geolocation on customer_360.zip_code_prefix = geolocation.zip_code_prefix

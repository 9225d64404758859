with sellers as (
    select * from {{ ref('sellers') }}
),

geolocation as (
    select * from {{ ref('geolocation') }}
)

select
    sellers.seller_id,
    sellers.zip_code_prefix,
    sellers.city,
    sellers.state,
    geolocation.latitude,
    geolocation.longitude
from sellers
left join geolocation on sellers.zip_code_prefix = geolocation.zip_code_prefix

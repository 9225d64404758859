with delivered as (
    select * from {{ source('bronze', 'geolocation') }}
),

typed as (
    select
        {{ as_text('geolocation_zip_code_prefix') }} as zip_code_prefix,
        {{ as_degrees('geolocation_lat') }} as latitude,
        {{ as_degrees('geolocation_lng') }} as longitude,
        {{ as_text('geolocation_city') }} as city,
        {{ as_text('geolocation_state') }} as state,
        {{ audit_columns() }}
    from delivered
),

judged as (
    select
        *,
        {{ first_broken_rule({
            'zip_code_prefix_missing': "zip_code_prefix is null",
            'coordinates_unreadable': "latitude is null or longitude is null",
            'outside_brazil': "latitude not between -33.75 and 5.28 or longitude not between -73.99 and -28.83"
        }) }} as broken_rule
    from typed
)

select
    *,
    {{ delivery_rank(['zip_code_prefix', 'latitude', 'longitude']) }} as delivery_rank
from judged

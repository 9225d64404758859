with staged as (
    select * from {{ ref('stg_geolocation') }}
    where broken_rule is null and delivery_rank = 1
),

centroids as (
    select
        zip_code_prefix,
        cast(avg(latitude) as decimal(9, 6)) as latitude,
        cast(avg(longitude) as decimal(9, 6)) as longitude,
        count(*) as point_count
    from staged
    group by zip_code_prefix
),

places as (
    select
        zip_code_prefix,
        city,
        state,
        row_number() over (
            partition by zip_code_prefix
            order by count(*) desc, state asc, city asc
        ) as place_rank
    from staged
    group by zip_code_prefix, city, state
)

select
    centroids.zip_code_prefix,
    centroids.latitude,
    centroids.longitude,
    places.city,
    places.state,
    centroids.point_count
from centroids
inner join places
    on
        centroids.zip_code_prefix = places.zip_code_prefix
        and places.place_rank = 1

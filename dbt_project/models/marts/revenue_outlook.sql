with forecast as (
    select * from {{ source('ml', 'revenue_forecast') }}
)

select
    level,
    series,
    week_start,
    horizon,
    forecast,
    lower_80,
    upper_80,
    method,
    model_version,
    as_of_date
from forecast

with backtest as (
    select * from {{ source('ml', 'forecast_backtest') }}
)

select
    series,
    model,
    is_champion,
    origin_week,
    week_start,
    horizon,
    forecast,
    lower_80,
    upper_80,
    actual,
    cast(forecast - actual as decimal(18, 2)) as error,
    actual between lower_80 and upper_80 as is_in_band,
    model_version
from backtest

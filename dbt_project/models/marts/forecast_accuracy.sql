with history as (
    select * from {{ ref('forecast_errors') }}
    where series = 'total'
),

judged as (
    select
        *,
        cast(horizon as string) as weeks_ahead
    from history
    union all
    select
        *,
        'all' as weeks_ahead
    from history
)

select
    model,
    weeks_ahead,
    max(is_champion) as is_champion,
    cast(count(*) as int) as forecasts,
    {{ quotient('sum(abs(error))', 'sum(actual)', 'decimal(9, 4)') }} as wape,
    {{ quotient('sum(error)', 'sum(actual)', 'decimal(9, 4)') }} as bias,
    {{ quotient('count(case when is_in_band then 1 end)', 'count(is_in_band)', 'decimal(9, 4)') }} as band_coverage
from judged
group by
    model,
    weeks_ahead

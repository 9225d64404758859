with attribution as (
    select * from {{ ref('int_channel_attribution') }}
)

select
    channel,
    provenance,
    sessions,
    journeys,
    conversions_first_touch,
    conversions_last_touch,
    conversions_linear,
    conversions_markov,
    removal_effect,
    revenue_first_touch,
    revenue_last_touch,
    revenue_linear,
    revenue_markov
from attribution

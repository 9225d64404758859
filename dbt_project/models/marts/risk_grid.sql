{#- Lower limits of the bands of spend in BRL: each is twice the one before. -#}
{%- set limits = [25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800] -%}

with risk as (
    select * from {{ ref('customer_risk') }}
),

placed as (
    select
        *,
        cast(floor(days_since_last_order / 30) * 30 as int) as days_away_from,
        cast(
            case
                {%- for limit in limits | reverse %}
                when spend >= {{ limit }} then {{ limit }}
                {%- endfor %}
                else 0
            end as int
        ) as spend_from
    from risk
)

select
    days_away_from,
    spend_from,
    coalesce(churn_decile, 0) as churn_decile,
    cast(count(*) as int) as people,
    cast(count(case when is_whale_at_risk then 1 end) as int) as whales_at_risk,
    cast(sum(spend) as decimal(18, 2)) as spend,
    cast(sum(expected_revenue) as decimal(18, 2)) as expected_revenue
from placed
group by
    days_away_from,
    spend_from,
    coalesce(churn_decile, 0)

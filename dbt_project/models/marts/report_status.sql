with as_of as (
    select * from {{ ref('as_of') }}
),

risk as (
    select
        count(*) as people,
        sum(expected_revenue) as expected_revenue,
        count(case when is_whale_at_risk then 1 end) as whales_at_risk,
        -- Nobody at risk is nothing at risk, if somebody has looked.
        case
            when max(model_version) is not null
                then coalesce(sum(case when is_whale_at_risk then expected_revenue end), 0)
        end as revenue_at_risk,
        coalesce(sum(case when is_whale_at_risk then spend end), 0) as whales_at_risk_spend,
        max(model_version) as churn_model_version,
        max(scored_as_of) as churn_scored_as_of
    from {{ ref('customer_risk') }}
),

buyers as (
    select
        count(*) as customers,
        count(case when frequency > 1 then 1 end) as repeat_customers
    from {{ ref('customer_360') }}
    where frequency > 0
),

-- The texts sort as wanted: generated visits among observed ones make all of them generated.
visits as (
    select min(provenance) as behaviour_provenance from {{ ref('conversion_funnel') }}
),

forecast as (
    select
        max(model_version) as forecast_model_version,
        max(as_of_date) as forecast_as_of
    from {{ ref('revenue_outlook') }}
)

select
    as_of.as_of_date,
    as_of.reporting_date,
    as_of.first_complete_week,
    as_of.last_complete_week,
    cast(buyers.customers as int) as customers,
    cast(buyers.repeat_customers as int) as repeat_customers,
    {{ quotient('buyers.repeat_customers', 'buyers.customers', 'decimal(9, 4)') }} as repeat_customer_share,
    cast(risk.people as int) as people_at_reporting_date,
    cast(risk.expected_revenue as decimal(18, 2)) as expected_revenue,
    cast(risk.whales_at_risk as int) as whales_at_risk,
    cast(risk.revenue_at_risk as decimal(18, 2)) as revenue_at_risk,
    cast(risk.whales_at_risk_spend as decimal(18, 2)) as whales_at_risk_spend,
    risk.churn_model_version,
    risk.churn_scored_as_of,
    forecast.forecast_model_version,
    forecast.forecast_as_of,
    visits.behaviour_provenance
from as_of
cross join risk
cross join buyers
cross join visits
cross join forecast

{#- The backtest is of the list by these values; about the people of another it says nothing. -#}
{%- set is_tried = var('whale_share') | float == 0.1 and var('whale_gaps') | float == 1 -%}

with risk as (
    select * from {{ ref('customer_risk') }}
    where is_whale_at_risk and not is_call_control
),

examples as (
    select * from {{ ref('churn_examples') }}
    where label_days = 0
),

contacts as (
    select * from {{ ref('customer_contacts') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

recommendations as (
    select * from {{ source('ml', 'product_recommendations') }}
    where rank = 1
),

backtest as (
    select
        model_version,
        max(case when value_low > 0 then 1 else 0 end) as is_better
    from {{ source('ml', 'model_metrics') }}
    where model_name = 'churn' and subject = 'candidate' and metric = 'call_list_gain_revenue'
    group by model_version
),

listed as (
    select
        risk.*,
        case
            when {{ is_tried | lower }} and backtest.is_better = 1 and risk.expected_revenue is not null
                then 'expected_revenue'
            else 'frequency_then_recency'
        end as ranked_by,
        date_sub(
            examples.reference_date,
            least(
                examples.days_since_last_order,
                -- A visit that was made up is no contact.
                coalesce(
                    case when examples.behaviour_provenance = 'observed' then examples.days_since_last_visit end, 9999
                )
            )
        ) as last_contact_date,
        coalesce(contacts.marketing_consent, false) as has_consent,
        case when contacts.marketing_consent then contacts.full_name end as full_name,
        case when contacts.marketing_consent then contacts.email end as email,
        case when contacts.marketing_consent then contacts.phone end as phone,
        recommendations.product_id as suggested_product_id,
        products.category as suggested_category
    from risk
    inner join examples on risk.customer_unique_id = examples.customer_unique_id
    left join backtest on risk.model_version = backtest.model_version
    left join contacts on risk.customer_unique_id = contacts.customer_unique_id
    left join recommendations on risk.customer_unique_id = recommendations.customer_unique_id
    left join products on recommendations.product_id = products.product_id
)

select
    customer_unique_id,
    cast(row_number() over (
        order by
            case when ranked_by = 'expected_revenue' then expected_revenue end desc nulls last,
            orders desc,
            days_since_last_order asc,
            customer_unique_id asc
    ) as int) as call_rank,
    ranked_by,
    expected_revenue,
    spend,
    orders,
    days_since_last_order,
    usual_gap_days,
    {{ call_reason('listed') }} as reason,
    suggested_product_id,
    suggested_category,
    last_contact_date,
    has_consent,
    full_name,
    email,
    phone,
    reporting_date
from listed

{#- An own order against two of the average kind: as in ml/churn/call_list.py, whose backtest is about this table. -#}
{%- set prior_orders = 2 -%}
{%- set control_share = var('call_control_share') | float -%}
{#- Of four hexadecimal digits all are below g. -#}
{%- set control_below = 'g' if control_share >= 1 else '%04x' % (control_share * 65536) | int -%}

with examples as (
    select * from {{ ref('churn_examples') }}
    where label_days = 0
),

earlier_examples as (
    select * from {{ ref('churn_examples') }}
    where label_days = 30
),

scores as (
    select * from {{ source('ml', 'churn_scores') }}
),

-- Examples count orders that were canceled later, as nobody knew then that they would be. Whoever has no other order
-- is no big spender to call: that much is known by now.
buyers as (
    select distinct
        lines.customer_unique_id,
        true as is_buyer
    from {{ ref('fct_order_items') }} as lines
    cross join {{ ref('as_of') }} as as_of
    where lines.is_revenue_order and lines.purchase_date <= as_of.reporting_date
),

gaps as (
    select
        *,
        case
            when order_days > 1
                then cast(days_since_first_order - days_since_last_order as double) / (order_days - 1)
        end as own_gap,
        percent_rank() over (order by spend asc) as spend_position,
        sum(spend) over () / sum(orders) over () as common_value
    from examples
),

common_gap as (
    select percentile(own_gap, 0.5) as common_gap from gaps
),

earlier as (
    select
        *,
        sum(spend) over () / sum(orders) over () as common_value
    from earlier_examples
),

measured as (
    select
        gaps.customer_unique_id,
        date_sub(gaps.reference_date, 1) as reporting_date,
        gaps.orders,
        gaps.spend,
        gaps.days_since_last_order,
        cast(coalesce(gaps.own_gap, common_gap.common_gap) as decimal(9, 2)) as usual_gap_days,
        gaps.order_days > 1 as is_gap_own,
        gaps.spend_position >= 1 - {{ var('whale_share') }} and coalesce(buyers.is_buyer, false) as is_top_spender,
        {{ expected_basket('gaps.spend', 'gaps.orders', 'gaps.common_value', prior_orders) }} as expected_basket,
        {{ expected_basket('earlier.spend', 'earlier.orders', 'earlier.common_value', prior_orders) }}
            as previous_basket
    from gaps
    cross join common_gap
    left join buyers on gaps.customer_unique_id = buyers.customer_unique_id
    left join earlier on gaps.customer_unique_id = earlier.customer_unique_id
),

judged as (
    select
        *,
        coalesce(days_since_last_order > {{ var('whale_gaps') }} * usual_gap_days, false) as is_past_usual_gap
    from measured
),

valued as (
    select
        judged.*,
        scores.repurchase_probability,
        scores.churn_probability,
        scores.decile as churn_decile,
        scores.method,
        scores.reason_1,
        scores.reason_2,
        scores.reason_3,
        scores.model_version,
        scores.as_of_date as scored_as_of,
        cast(cast(scores.repurchase_probability as decimal(18, 8)) * judged.expected_basket as decimal(18, 2))
            as expected_revenue,
        cast(
            cast(scores.previous_repurchase_probability as decimal(18, 8)) * judged.previous_basket as decimal(18, 2)
        ) as previous_expected_revenue
    from judged
    left join scores on judged.customer_unique_id = scores.customer_unique_id
)

select
    customer_unique_id,
    reporting_date,
    orders,
    spend,
    days_since_last_order,
    usual_gap_days,
    is_past_usual_gap,
    is_top_spender,
    is_top_spender and is_past_usual_gap as is_whale_at_risk,
    case
        when is_top_spender and is_past_usual_gap then 'whale_at_risk'
        when is_top_spender then 'whale'
        when is_gap_own and is_past_usual_gap then 'returning_at_risk'
        when is_gap_own then 'returning'
        when is_past_usual_gap then 'lapsed_newcomer'
        else 'newcomer'
    end as segment,
    substring(sha2(concat('call control ', customer_unique_id), 256), 1, 4) < '{{ control_below }}'
        as is_call_control,
    expected_basket,
    repurchase_probability,
    churn_probability,
    churn_decile,
    expected_revenue,
    previous_expected_revenue,
    cast(previous_expected_revenue - expected_revenue as decimal(18, 2)) as expected_revenue_decline,
    method,
    reason_1,
    reason_2,
    reason_3,
    model_version,
    scored_as_of
from valued

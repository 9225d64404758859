with risk as (
    select * from {{ ref('customer_risk') }}
),

contacts as (
    select * from {{ ref('customer_contacts') }}
),

people as (
    select
        risk.*,
        coalesce(contacts.marketing_consent, false) as has_consent
    from risk
    left join contacts on risk.customer_unique_id = contacts.customer_unique_id
),

sums as (
    select
        segment,
        count(*) as people,
        sum(spend) as spend,
        sum(days_since_last_order) as days_since_last_order,
        sum(cast(repurchase_probability as decimal(18, 8))) as expected_buyers,
        sum(expected_revenue) as expected_revenue,
        sum(previous_expected_revenue) as previous_expected_revenue,
        count(case when has_consent then 1 end) as reachable_people,
        count(case when is_call_control then 1 end) as control_people,
        count(case when has_consent and not is_call_control then 1 end) as callable_people
    from people
    group by segment
)

select
    segment,
    cast(people as int) as people,
    {{ quotient('people', 'sum(people) over ()', 'decimal(9, 4)') }} as people_share,
    cast(spend as decimal(18, 2)) as spend,
    {{ quotient('spend', 'sum(spend) over ()', 'decimal(9, 4)') }} as spend_share,
    {{ quotient('spend', 'people', 'decimal(18, 2)') }} as spend_per_person,
    {{ quotient('days_since_last_order', 'people', 'decimal(9, 2)') }} as average_days_since_last_order,
    cast(expected_buyers as decimal(18, 2)) as expected_buyers,
    cast(expected_revenue as decimal(18, 2)) as expected_revenue,
    cast(previous_expected_revenue as decimal(18, 2)) as previous_expected_revenue,
    cast(reachable_people as int) as reachable_people,
    cast(control_people as int) as control_people,
    cast(callable_people as int) as callable_people,
    case segment
        when 'whale_at_risk'
            then 'Call in the order of the list; leave the control group alone, so that the effect can be measured.'
        when 'whale' then 'Keep them: thank them, show what is new, give no discount.'
        when 'returning_at_risk' then 'Write with what they may buy again, before the habit is gone.'
        when 'returning' then 'Propose the next product; ask for a review.'
        when 'newcomer' then 'Win the second order: write within the usual gap, with what goes with the first.'
        else 'Do little: an occasional newsletter, at no cost per person.'
    end as suggested_action
from sums

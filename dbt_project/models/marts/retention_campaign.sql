with as_of as (
    select * from {{ ref('as_of') }}
),

risk as (
    select * from {{ ref('customer_risk') }}
    where is_whale_at_risk
),

calls as (
    select * from {{ ref('whale_call_list') }}
),

contacts as (
    select * from {{ ref('customer_contacts') }}
),

offers as (
    select * from {{ ref('customer_offers') }}
),

lines as (
    select * from {{ ref('fct_order_items') }}
    where is_revenue_order
),

-- What they did after the day that the campaign is of: with the control group beside it, the effect of calls.
outcomes as (
    select
        lines.customer_unique_id,
        count(distinct lines.order_id) as orders,
        sum(lines.revenue) as revenue
    from lines
    inner join as_of on lines.purchase_date > as_of.reporting_date
    group by lines.customer_unique_id
),

members as (
    select
        risk.*,
        coalesce(contacts.marketing_consent, false) as is_reachable,
        calls.call_rank,
        calls.ranked_by,
        calls.last_contact_date,
        row_number() over (
            partition by risk.is_call_control, coalesce(contacts.marketing_consent, false)
            order by calls.call_rank asc, risk.customer_unique_id asc
        ) as place,
        max(case when calls.ranked_by = 'expected_revenue' then 1 else 0 end) over () as is_ranked_by_revenue
    from risk
    left join calls on risk.customer_unique_id = calls.customer_unique_id
    left join contacts on risk.customer_unique_id = contacts.customer_unique_id
),

-- The control group is ranked among the others as the call list ranks: else the first of the list would be compared
-- with a control group of all ranks, and would do better though nobody was called.
ranked as (
    select
        *,
        coalesce(is_reachable and not is_call_control and place <= {{ var('contact_cap') }}, false) as is_within_cap,
        row_number() over (
            order by
                case when is_ranked_by_revenue = 1 then expected_revenue end desc nulls last,
                orders desc,
                days_since_last_order asc,
                customer_unique_id asc
        ) as campaign_rank
    from members
),

reached as (
    select
        *,
        max(case when is_within_cap then campaign_rank end) over () as last_rank
    from ranked
)

select
    members.customer_unique_id,
    concat('win-back-', members.reporting_date) as campaign_id,
    case when members.is_call_control then 'control' else 'call' end as campaign_group,
    members.call_rank,
    members.ranked_by,
    members.is_reachable,
    members.is_within_cap,
    cast(members.campaign_rank as int) as campaign_rank,
    coalesce(members.is_reachable and members.campaign_rank <= members.last_rank, false) as is_compared,
    members.spend,
    members.orders,
    members.days_since_last_order,
    members.usual_gap_days,
    members.expected_revenue,
    members.repurchase_probability,
    {{ call_reason('members') }} as reason,
    members.reason_1,
    members.last_contact_date,
    offers.next_product_id,
    offers.next_category,
    offers.buy_again_product_id,
    offers.buy_again_category,
    members.reporting_date,
    {{ days_between('members.reporting_date', 'as_of.as_of_date') }} as outcome_days,
    cast(coalesce(outcomes.orders, 0) as int) as outcome_orders,
    cast(coalesce(outcomes.revenue, 0) as decimal(18, 2)) as outcome_revenue
from reached as members
cross join as_of
left join offers on members.customer_unique_id = offers.customer_unique_id
left join outcomes on members.customer_unique_id = outcomes.customer_unique_id

{# Each rule shares out the same conversions, to a millionth, and the same revenue, to the cent. #}
{% test channel_attribution_rules_agree(model) %}
{%- set rules = ['first_touch', 'linear', 'markov'] %}
with totals as (
    select
        provenance,
        {%- for rule in rules + ['last_touch'] %}
        sum(conversions_{{ rule }}) as conversions_{{ rule }},
        sum(revenue_{{ rule }}) as revenue_{{ rule }}{{ '' if loop.last else ',' }}
        {%- endfor %}
    from {{ model }}
    group by provenance
)

select * from totals
where
    {%- for rule in rules %}
    {% if not loop.first %}or {% endif %}not coalesce(abs(conversions_{{ rule }} - conversions_last_touch) < 0.000001, false)
    or not coalesce(revenue_{{ rule }} = revenue_last_touch, false)
    {%- endfor %}
{% endtest %}

{# What is shared out is what Silver holds: visits of people, those that converted, and the revenue orders placed in
   them, each once. #}
{% test channel_attribution_reconciles(model) %}
with as_of as (
    select max(as_of_date) as as_of_date from {{ ref('as_of') }}
),

visits as (
    select sessions.*
    from {{ ref('sessions') }} as sessions
    cross join as_of
    where not sessions.is_bot and cast(sessions.started_at as date) <= as_of.as_of_date
),

placed as (
    select distinct
        visits.provenance,
        events.order_id
    from visits
    inner join {{ ref('clickstream_events') }} as events
        on
            visits.visitor_id = coalesce(events.visitor_id, events.session_id)
            and events.event_at between visits.started_at and visits.ended_at
    where events.event_type = 'purchase'
),

revenues as (
    select
        placed.provenance,
        sum(order_items.price) as revenue
    from placed
    inner join {{ ref('orders') }} as orders on placed.order_id = orders.order_id
    inner join {{ ref('order_items') }} as order_items on orders.order_id = order_items.order_id
    cross join as_of
    where orders.is_revenue_order and cast(orders.purchased_at as date) <= as_of.as_of_date
    group by placed.provenance
),

silver as (
    select
        provenance,
        count(*) as sessions,
        sum(case when purchases > 0 then 1 else 0 end) as conversions
    from visits
    group by provenance
),

gold as (
    select
        provenance,
        sum(sessions) as sessions,
        sum(conversions_last_touch) as conversions,
        sum(revenue_last_touch) as revenue
    from {{ model }}
    group by provenance
)

select
    coalesce(gold.provenance, silver.provenance) as provenance,
    gold.sessions as gold_sessions,
    silver.sessions as silver_sessions,
    gold.conversions as gold_conversions,
    silver.conversions as silver_conversions,
    gold.revenue as gold_revenue,
    revenues.revenue as silver_revenue
from gold
full outer join silver on gold.provenance = silver.provenance
left join revenues on silver.provenance = revenues.provenance
where
    not coalesce(gold.sessions = silver.sessions, false)
    or not coalesce(gold.conversions = silver.conversions, false)
    or not coalesce(gold.revenue = coalesce(revenues.revenue, 0), false)
{% endtest %}

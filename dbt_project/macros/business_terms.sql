{# Revenue order: an order that was neither canceled nor unavailable. #}
{% macro is_revenue_order(order_status) -%}
  {{ order_status }} not in ('canceled', 'unavailable')
{%- endmacro %}

{# The Monday of the ISO week of a timestamp or date. #}
{% macro week_start(column) -%}
  cast(date_trunc('week', {{ column }}) as date)
{%- endmacro %}

{# How much a person's dealings with a product weigh: a view 1, a cart 3, a purchased line 5. #}
{% macro interaction_strength(views, carts, purchases) -%}
  cast({{ views }} + 3 * {{ carts }} + 5 * {{ purchases }} as int)
{%- endmacro %}

{# Whether a session is a program's: it says so, or it looks at thirty things at less than five seconds each and
   wants none of them. #}
{% macro is_bot(browser, events, carts, duration_seconds) -%}
  (
    coalesce(lower({{ browser }}) like '%bot%', false)
    or ({{ events }} >= 30 and {{ carts }} = 0 and {{ duration_seconds }} < 5 * {{ events }})
  )
{%- endmacro %}

{# Events outside the visits of programs. Those are few: looking for them is cheaper than finding every event's visit. #}
{% macro events_of_people() -%}
select events.*
from {{ ref('clickstream_events') }} as events
left join (select * from {{ ref('sessions') }} where is_bot) as bots
    on
        coalesce(events.visitor_id, events.session_id) = bots.visitor_id
        and events.event_at between bots.started_at and bots.ended_at
where bots.session_id is null
{%- endmacro %}

{# How many times as often as all orders those of a group are followed by another, drawn toward 1 with the weight of some
   orders of the average kind; null where no order at all was. #}
{% macro repeat_ratio(repeated, judged, all_repeated, all_judged, prior_orders) -%}
  {%- set expected = quotient(repeated ~ ' * ' ~ all_judged, all_repeated, 'decimal(18, 2)') -%}
  {{ quotient(expected ~ ' + ' ~ prior_orders, judged ~ ' + ' ~ prior_orders, 'decimal(9, 4)') }}
{%- endmacro %}

{# What an order of a person is expected to be worth: the average of their own, drawn toward that of all on the scale of
   ratios with the weight of some orders. Values have a heavy tail, and the next order follows only a part of it. #}
{% macro expected_basket(spend, orders, common_value, prior_orders) -%}
  cast(
    case
      -- Where all is free, so will the next order be.
      when {{ common_value }} = 0 then 0
      else round(
        cast({{ common_value }} as double) * power(
          greatest(cast({{ spend }} as double) / {{ orders }}, 0.01) / nullif(cast({{ common_value }} as double), 0),
          cast({{ orders }} as double) / ({{ orders }} + {{ prior_orders }})
        ), 2
      )
    end as decimal(18, 2)
  )
{%- endmacro %}

{# Why somebody is a whale at risk, in words; then what weighs most in the probability, which may speak for them.
   person: the relation with a row of customer_risk. #}
{% macro call_reason(person) -%}
  concat(
    'Away for ', {{ person }}.days_since_last_order, ' days, ', {{ person }}.usual_gap_days, ' between orders are usual',
    coalesce(concat('; ', {{ person }}.reason_1), '')
  )
{%- endmacro %}

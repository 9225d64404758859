{# Every event is in exactly one visit of its visitor, and in no time between two. #}
{% test sessions_hold_every_event_once(model) %}
with events as (
    select count(*) as events from {{ ref('clickstream_events') }}
),

placed as (
    select count(*) as events
    from {{ ref('clickstream_events') }} as clicks
    inner join {{ model }} as sessions
        on
            coalesce(clicks.visitor_id, clicks.session_id) = sessions.visitor_id
            and clicks.event_at between sessions.started_at and sessions.ended_at
),

counted as (
    select coalesce(sum(events), 0) as events from {{ model }}
)

select
    events.events as in_events,
    placed.events as in_visits,
    counted.events as counted
from events
cross join placed
cross join counted
where
    events.events != placed.events
    or events.events != counted.events
{% endtest %}

{# Every visit with a cart has its cart, and no other has one. #}
{% test carts_are_those_of_the_sessions(model) %}
select
    sessions.session_id,
    carts.session_id as cart_session_id
from (select * from {{ ref('sessions') }} where carts > 0) as sessions
full outer join {{ model }} as carts on sessions.session_id = carts.session_id
where sessions.session_id is null or carts.session_id is null
{% endtest %}

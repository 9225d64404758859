{# Each key's open state began on the day since which the table of today has it as it is. #}
{% test history_is_of_today(model, today, key) %}
with open_states as (
    select
        {{ key }},
        dbt_valid_from
    from {{ model }}
    where dbt_valid_to is null
)

select
    today.{{ key }},
    today.changed_on,
    open_states.dbt_valid_from
from {{ today }} as today
full outer join open_states on today.{{ key }} = open_states.{{ key }}
where not coalesce(today.changed_on = open_states.dbt_valid_from, false)
{% endtest %}

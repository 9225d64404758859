{# What is so today is the open state of its key, column by column, and has been since then. #}
{% test history_is_of_today(model, today, key, columns) %}
with open_states as (
    select * from {{ model }}
    where dbt_valid_to is null
)

select
    today.{{ key }},
    today.changed_at,
    open_states.dbt_valid_from
from {{ today }} as today
full outer join open_states on today.{{ key }} = open_states.{{ key }}
where
    not coalesce(today.changed_at <= open_states.dbt_valid_from, false)
    {%- for column in columns %}
    or not (today.{{ column }} <=> open_states.{{ column }})
    {%- endfor %}
{% endtest %}

{# A condition that is true for every row; null counts as broken. #}
{% test holds(model, condition) %}
select * from {{ model }}
where not coalesce({{ condition }}, false)
{% endtest %}

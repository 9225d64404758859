{# There is one row, no more and no less. #}
{% test as_of_is_one_row(model) %}
select count(*) as row_count from {{ model }}
having count(*) != 1
{% endtest %}

{# The least and the greatest value of a group, beside each of its rows. Sorted by the value itself, the first row of
   a group already has it, so the engine passes rows on as they come; for a window without an order it would hold the
   whole table, outside its limit of memory. #}
{% macro least_of_group(value, group) -%}
  min({{ value }}) over (
    partition by {{ group }}
    order by {{ value }} asc nulls last
    rows between unbounded preceding and current row
  )
{%- endmacro %}

{% macro greatest_of_group(value, group) -%}
  max({{ value }}) over (
    partition by {{ group }}
    order by {{ value }} desc nulls last
    rows between unbounded preceding and current row
  )
{%- endmacro %}

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

{# The median of a sorted list; null of an empty one. Of a window it would be no function that the engine knows. #}
{% macro middle_of(list) -%}
  case
    when size({{ list }}) > 0 then (
      element_at({{ list }}, cast(floor((size({{ list }}) + 1) / 2) as int))
      + element_at({{ list }}, cast(floor(size({{ list }}) / 2) as int) + 1)
    ) / 2
  end
{%- endmacro %}

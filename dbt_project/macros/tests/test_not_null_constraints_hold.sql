{# No column that the contract calls not_null holds a null. The embedded engine enforces no constraint, and one question
   for all columns of a table is quicker than one for each. #}
{% test not_null_constraints_hold(model) %}
{%- set required = [] -%}
{%- if execute -%}
  {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.relation_name == model.render() -%}
    {%- for column in node.columns.values() if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
      {%- do required.append(column.name) -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- if not required -%}
    {{ exceptions.raise_compiler_error('The contract of ' ~ model ~ ' has no not_null constraint.') }}
  {%- endif -%}
{%- endif %}
select
  {% for column in required -%}
  count(case when {{ column }} is null then 1 end) as nulls_in_{{ column }}{{ ',' if not loop.last }}
  {% endfor %}
from {{ model }}
having count(case when {{ required | join(' is null or ') }} is null then 1 end) > 0
{% endtest %}

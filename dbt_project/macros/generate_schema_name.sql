{# A layer is a schema: silver, gold. On Databricks every schema but prod's is prefixed, so that nobody's trial
   run writes to production. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- set layer = custom_schema_name | trim if custom_schema_name else target.schema -%}
  {%- if target.type == 'databricks' and target.schema != 'prod' -%}
    {{ target.schema }}_{{ layer }}
  {%- else -%}
    {{ layer }}
  {%- endif -%}
{%- endmacro %}

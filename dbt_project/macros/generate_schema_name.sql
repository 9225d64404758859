{# A layer is a schema: silver, gold. On Databricks a developer's target prefixes it with their own name. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {%- set layer = custom_schema_name | trim if custom_schema_name else target.schema -%}
  {%- if target.type == 'databricks' and target.name != 'prod' and target.schema != 'silver' -%}
    {{ target.schema }}_{{ layer }}
  {%- else -%}
    {{ layer }}
  {%- endif -%}
{%- endmacro %}

{# Seeds are written through a DataFrame in one commit: dbt-spark's text bindings turn null into 'None'. #}
{% macro lakehouse__create_csv_table(model, agate_table) %}
  {% set overrides = model['config'].get('column_types', {}) %}
  {% set types = {} %}
  {% for name in agate_table.column_names %}
    {% do types.update({name: overrides.get(name, adapter.convert_type(agate_table, loop.index0))}) %}
  {% endfor %}
  {% do adapter.load_seed(this, agate_table, types) %}
  {{ return('') }}
{% endmacro %}

{% macro lakehouse__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro lakehouse__load_csv_rows(model, agate_table) %}
  {{ return('') }}
{% endmacro %}

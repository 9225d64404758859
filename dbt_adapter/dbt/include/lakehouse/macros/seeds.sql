{# Seeds are written through a DataFrame in one commit: dbt-spark's text bindings turn null into 'None'. #}
{% macro lakehouse__create_csv_table(model, agate_table) %}
  {% do adapter.load_seed(this, agate_table, model['config'].get('column_types') or {}) %}
  {{ return('') }}
{% endmacro %}

{% macro lakehouse__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro lakehouse__load_csv_rows(model, agate_table) %}
  {{ return('') }}
{% endmacro %}

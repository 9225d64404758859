{# MERGE as each adapter writes it. Where a model says in config.meta.increment how far back it gives all rows
   (replaced_days before the period), rows of the table from there on that it no longer gives are deleted by the same
   commit. dbt-databricks has a setting for that, but no setting can know what day it is in the data. #}

{% macro lakehouse__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
  {{ dbt.spark__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) }}
  {{ delete_what_is_gone() }}
{% endmacro %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
  {{ dbt.databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) }}
  {{ delete_what_is_gone() }}
{% endmacro %}

{% macro delete_what_is_gone() %}
  {%- set increment = (config.get('meta') or {}).get('increment', {}) -%}
  {%- if 'replaced_days' in increment %}
    when not matched by source
      and {{ in_increment('DBT_INTERNAL_DEST.' ~ increment.moment, increment_start(), increment.replaced_days) }}
      then delete
  {%- endif -%}
{% endmacro %}

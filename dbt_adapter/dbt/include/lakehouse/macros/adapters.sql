{# Replaces a table in one commit, schema included; the cursor hands it to the DataFrame writer.
   The contract is checked for the rows of an incremental run too, which dbt-spark leaves out. #}
{% macro lakehouse__create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {%- if language == 'python' -%}
    {%- if temporary -%}
      {% do exceptions.raise_compiler_error(
          "The Python model " ~ model.name ~ " is incremental; here Python models are tables. "
          ~ "Set materialized='table', and put an incremental SQL model on top of it."
      ) %}
    {%- endif -%}
    {{- lakehouse_write_python_model(compiled_code, relation) -}}
  {%- else -%}
    {%- if config.get('contract').enforced -%}
      {%- do assert_columns_equivalent(compiled_code) -%}
      {%- set compiled_code = get_select_subquery(compiled_code) -%}
    {%- endif -%}
    {%- if temporary -%}
      create or replace temporary view {{ relation }} as
      {{ compiled_code }}
    {%- else -%}
      create or replace table {{ relation }} using delta
      {{ partition_cols(label="partitioned by") }}
      as
      {{ compiled_code }}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro lakehouse_write_python_model(compiled_code, relation) -%}
{{ compiled_code }}
write_model(model(dbtObj(spark.table), spark), "{{ relation }}")
{%- endmacro %}

{% macro lakehouse__create_schema(relation) -%}
  {% do adapter.create_schema_with_location(relation.schema) %}
{%- endmacro %}

{# The embedded engine has no ALTER TABLE: not_null is checked by the dbt test that stands beside each
   such constraint, and descriptions are read in the docs site. #}
{% macro lakehouse__persist_constraints(relation, model) %}{% endmacro %}
{% macro lakehouse__persist_docs(relation, model, for_relation, for_columns) %}{% endmacro %}

{% macro lakehouse__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {% if remove_columns %}
    {% do exceptions.raise_compiler_error(
        "The model " ~ relation ~ " no longer has the column(s) " ~ remove_columns | map(attribute='name') | join(', ')
        ~ ". This engine cannot drop columns: run it with --full-refresh, or set on_schema_change='append_new_columns'."
    ) %}
  {% endif %}
  {% if add_columns %}{% do adapter.add_columns(relation, add_columns) %}{% endif %}
{% endmacro %}

{% macro lakehouse__alter_column_type(relation, column_name, new_column_type) -%}
  {% do exceptions.raise_compiler_error(
      "The column " ~ column_name ~ " of " ~ relation ~ " is now " ~ new_column_type
      ~ ". This engine cannot change a column's type: run the model with --full-refresh."
  ) %}
{%- endmacro %}

{% macro lakehouse__create_columns(relation, columns) %}
  {% if columns %}{% do adapter.add_columns(relation, columns) %}{% endif %}
{% endmacro %}

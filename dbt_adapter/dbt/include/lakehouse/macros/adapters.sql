{# Replaces a table in one commit, schema included; the cursor hands it to the DataFrame writer. It keeps the rows of an
   increment until they are merged, too: neither engine has temporary tables.
   The contract is checked for the rows of an incremental run too, which dbt-spark leaves out. #}
{% macro lakehouse__create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {%- if language == 'python' -%}
    {%- if config.get('materialized') != 'table' -%}
      {% do exceptions.raise_compiler_error(
          "The Python model " ~ model.name ~ " is " ~ config.get('materialized') ~ "; here Python models are tables. "
          ~ "Set materialized='table', and put an incremental SQL model on top of it."
      ) %}
    {%- endif %}
{{ compiled_code }}
write_model(model(dbtObj(spark.table), spark), "{{ relation }}", {{ (config.get('partition_by') or []) | tojson }})
  {% else -%}
    {%- if config.get('contract').enforced -%}
      {%- do assert_columns_equivalent(compiled_code) -%}
      {%- set compiled_code = get_select_subquery(compiled_code) -%}
    {%- endif -%}
    {%- if temporary and model.resource_type == 'model' -%}
      create temporary table {{ relation }} as
      {{ compiled_code }}
    {%- elif temporary -%}
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

{% macro lakehouse__create_schema(relation) -%}
  {% do adapter.create_schema_with_location(relation.schema) %}
{%- endmacro %}

{# The embedded engine has no ALTER TABLE: not_null is checked by the dbt test that stands beside each
   such constraint, and descriptions are read in the docs site. #}
{% macro lakehouse__persist_constraints(relation, model) %}{% endmacro %}
{% macro lakehouse__persist_docs(relation, model, for_relation, for_columns) %}{% endmacro %}

{% macro lakehouse__sync_column_schemas(on_schema_change, target_relation, changes) %}
  {% set lost = changes['target_not_in_source'] | map(attribute='name') | list %}
  {% set retyped = changes['new_target_types'] if on_schema_change == 'sync_all_columns' else [] %}
  {% if lost or retyped %}
    {% do exceptions.raise_compiler_error(
        "The query of " ~ target_relation ~ " no longer fits the table: columns that are gone: "
        ~ (lost | join(', ') or 'none') ~ "; columns of another type: "
        ~ (retyped | map(attribute='column_name') | join(', ') or 'none')
        ~ ". This engine can only add columns: run the model with --full-refresh."
    ) %}
  {% endif %}
  {% do create_columns(target_relation, changes['source_not_in_target']) %}
{% endmacro %}

{% macro lakehouse__create_columns(relation, columns) %}
  {% if columns %}{% do adapter.add_columns(relation, columns) %}{% endif %}
{% endmacro %}

{# The catalog of both engines lives in memory: a view would be gone in the next process. #}
{% materialization view, adapter='lakehouse' %}
  {% do exceptions.raise_compiler_error(
      "The model " ~ model.name ~ " is a view, and no view outlives this process: set materialized to table or ephemeral."
  ) %}
{% endmaterialization %}

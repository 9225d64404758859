{# How the rows of an increment come into its table. Where a model says in config.meta.increment how far back it gives all
   rows (replaced_days before the period), rows of the table from there on that it no longer gives are deleted by the same
   commit. dbt-databricks has a setting for that, but no setting can know what day it is in the data.

   The embedded engine reads and joins the whole table, unless the condition names the months; and rows to delete must
   then be rows of the source. Where nothing has changed it would still read all of it, and is not asked to. Databricks is
   given the clause of its own MERGE for rows to delete. #}

{% macro lakehouse__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
  {#- Asked of the table itself: the engine's catalog does not know a column yet that was added just now. -#}
  {%- set columns = [] -%}
  {%- for name in get_columns_in_query('select * from ' ~ target) %}{% do columns.append(adapter.quote(name)) %}{% endfor -%}
  {%- set month = config.get('partition_by')[0] -%}
  {%- set keys = [unique_key] if unique_key is string else unique_key -%}
  {%- set changes = source.identifier ~ '_changes' -%}
  {%- set twice = run_query(
      "select " ~ keys | join(', ') ~ " from " ~ source ~ " group by " ~ keys | join(', ') ~ " having count(*) > 1 limit 1"
  ).rows | list -%}
  {%- if twice %}
    {%- do exceptions.raise_compiler_error(
        "The query of " ~ target ~ " gives more than one row for a key, among others for " ~ twice[0].values() | join(', ')
        ~ ": a merge could not tell which is meant. Mend the query, so that " ~ keys | join(', ') ~ " is its grain."
    ) %}
  {%- endif %}
  {%- call statement('changes') -%}
    create temporary table {{ changes }} as
    select new.{{ columns | join(', new.') }}, false as is_gone
    from {{ source }} as new
    left anti join (
      select * from {{ target }} where {{ in_months(month, 'select ' ~ month ~ ' from ' ~ source) }}
    ) as old on {{ same(keys) }} and {{ same(columns, '<=>') }}
    {%- if 'replaced_days' in config.get('meta').increment %}
    union all
    select old.{{ columns | join(', old.') }}, true as is_gone
    from {{ target }} as old
    left anti join {{ source }} as new on {{ same(keys) }}
    where {{ is_replaced('old') }}
    {%- endif %}
  {%- endcall -%}
  {%- if not run_query('select 1 from ' ~ changes ~ ' limit 1').rows %}
  select 'nothing has changed' as told
  {%- else %}
  {%- set touched -%}
    select old.{{ month }} from {{ target }} as old left semi join {{ changes }} as new on {{ same(keys) }}
  {%- endset -%}
  merge into {{ target }} as old
  using {{ changes }} as new
  on {{ in_months(month, touched, 'old.') }} and {{ same(keys) }}
  when matched and new.is_gone then delete
  when matched then update set {% for column in columns %}{{ column }} = new.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  when not matched and not new.is_gone then insert ({{ columns | join(', ') }}) values (new.{{ columns | join(', new.') }})
  {%- endif %}
{% endmacro %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) %}
  {{ dbt.databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) }}
  {%- if 'replaced_days' in (config.get('meta') or {}).get('increment', {}) %}
    when not matched by source and {{ is_replaced('DBT_INTERNAL_DEST') }} then delete
  {%- endif -%}
{% endmacro %}

{# Whether a row of the table lies where the model gives all rows. #}
{% macro is_replaced(alias) -%}
  {%- set increment = config.get('meta').increment -%}
  {{ in_increment(alias ~ '.' ~ increment.moment, increment_start(), increment.replaced_days) }}
{%- endmacro %}

{# Whether an old and a new row agree. #}
{% macro same(columns, operator='=') -%}
  {%- for column in columns %}old.{{ column }} {{ operator }} new.{{ column }}{{ ' and ' if not loop.last }}{% endfor -%}
{%- endmacro %}

{# What an incremental model looks at again when new rows have come: a period, from some days before the newest row
   that the table holds, and in a backfill the days from backfill_start to backfill_end too. Within the period the
   table is then what a full refresh would make of it. Rows that come later than that wait in quarantine.

   A model says in config.meta.increment: moment, the column that says when a row happened; late_days, the var that
   says how long the period is; where, which rows of the table count (all by default); and
   replaced_days, how many days before the period the model still gives all rows of (see merge.sql). #}

{# The first day of the period, yyyy-mm-dd. #}
{% macro increment_start() -%}
  {%- if execute -%}
    {%- set increment = config.get('meta').increment -%}
    {%- set newest = run_query(
        "select cast(cast(max(" ~ increment.moment ~ ") as date) as string) as newest from " ~ this
        ~ " where " ~ increment.get('where', 'true')
    ).columns[0].values()[0] -%}
    {{- days_later(newest or '2000-01-01', -late_days(increment.late_days)) -}}
  {%- else -%}
    2000-01-01
  {%- endif -%}
{%- endmacro %}

{# A day given as yyyy-mm-dd, some days later. #}
{% macro days_later(day, days) -%}
  {{- (modules.datetime.date.fromisoformat(day) + modules.datetime.timedelta(days=days)).isoformat() -}}
{%- endmacro %}

{# The vars that say what an increment covers, or an error that says what is wrong with them. #}
{% macro late_days(name) -%}
  {%- set given = var(name) | string -%}
  {%- if not modules.re.fullmatch('[0-9]{1,4}', given) -%}
    {% do exceptions.raise_compiler_error(
        "The var " ~ name ~ " is " ~ given ~ ": give it a whole number of days, for example 30."
    ) %}
  {%- endif -%}
  {{ return(given | int) }}
{%- endmacro %}

{# none without a backfill, else its first and last day as text; without an end, all days that follow. #}
{% macro backfill() -%}
  {%- set start, end = var('backfill_start') | string, var('backfill_end') | string -%}
  {%- for name, day in [('backfill_start', start), ('backfill_end', end)] if day -%}
    {%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', day) -%}
      {% do exceptions.raise_compiler_error(
          "The var " ~ name ~ " is " ~ day ~ ": give it as a day, for example 2018-01-31."
      ) %}
    {%- endif -%}
  {%- endfor -%}
  {%- if end and (not start or end < start) -%}
    {% do exceptions.raise_compiler_error(
        "A backfill from " ~ (start or 'no day') ~ " to " ~ end ~ " covers nothing: give backfill_start a day, and "
        ~ "backfill_end the same or a later one."
    ) %}
  {%- endif -%}
  {{ return({'start': start, 'end': end or '9000-01-01'} if start else none) }}
{%- endmacro %}

{# Whether a moment is in the period that starts on a day, or in up to so many days around it. #}
{% macro in_increment(moment, start, around=0) -%}
  {%- if execute -%}
  (
    {{ moment }} >= timestamp '{{ days_later(start, -around) }} 00:00:00'
    {%- set again = backfill() %}
    {%- if again %}
    or (
      {{ moment }} >= timestamp '{{ days_later(again.start, -around) }} 00:00:00'
      and {{ moment }} < timestamp '{{ days_later(again.end, around + 1) }} 00:00:00'
    )
    {%- endif %}
  )
  {%- else -%}
  true
  {%- endif -%}
{%- endmacro %}

{# Rows of a Bronze table that have come since the table was built last. #}
{% macro newly_delivered(table) -%}
select * from {{ source('bronze', table) }}
{%- if is_incremental() %}
where _ingested_at > timestamp '{{ newest_ingested() }}'
{%- endif -%}
{%- endmacro %}

{% macro newest_ingested() -%}
  {%- if execute -%}
    {{- run_query("select cast(max(_ingested_at) as string) as newest from " ~ this).columns[0].values()[0]
        or '2000-01-01 00:00:00' -}}
  {%- else -%}
    2000-01-01 00:00:00
  {%- endif -%}
{%- endmacro %}

{# When the first of the sessions began that are looked at again, yyyy-mm-dd hh:mm:ss: events since then show all of
   each of them. #}
{% macro open_sessions_since(start) -%}
  {%- if execute -%}
    {%- set first = run_query(
        "select cast(min(started_at) as string) as first from " ~ this ~ " where " ~ in_increment('ended_at', start, 2)
    ).columns[0].values()[0] -%}
    {%- set days = [start, (backfill() or {}).get('start', start)] -%}
    {{- [first or '9999-12-31', days_later(days | min, -2) ~ ' 00:00:00'] | min -}}
  {%- else -%}
    2000-01-01 00:00:00
  {%- endif -%}
{%- endmacro %}

{# Whether a row of this table lies in a month that an increment looks at: one of the period and the days around it, or
   one that holds another delivery of what came now or lies in the period. Of all other months only keys and moments are
   read. delivered_key: how the key is made from a row of the Bronze table; judged and around: how many days around the
   period are judged with it, and read with it. #}
{% macro in_months_looked_at(table, key, delivered_key, start, judged=0, around=0) -%}
  {%- if execute -%}
    {%- set moment, month = config.get('meta').increment.moment, config.get('partition_by')[0] -%}
    {%- set looked_at -%}
      select {{ month }} from {{ this }} where {{ in_increment(moment, start, around) }}
      union distinct
      select before.{{ month }}
      from {{ this }} as before
      left semi join (
        select {{ delivered_key }} as key from ({{ newly_delivered(table) }}) as delivered
        union all
        select {{ key }} as key from {{ this }} where {{ in_increment(moment, start, judged) }}
      ) as given on before.{{ key }} = given.key
    {%- endset -%}
    {{ in_months(month, looked_at) }}
  {%- else -%}
  true
  {%- endif -%}
{%- endmacro %}

{# Whether a month is one of those that a query finds; in words that an engine can leave out whole files by. #}
{% macro in_months(month, query, alias='') -%}
  {%- set found = run_query(
      "select distinct cast(" ~ month ~ " as string) as month from (" ~ query ~ ") as found"
  ).columns[0].values() | list -%}
  {%- set named = found | reject('none') | list -%}
  (
    {%- if named %}{{ alias }}{{ month }} in (date '{{ named | join("', date '") }}'){% else %}false{% endif -%}
    {%- if none in found %} or {{ alias }}{{ month }} is null{% endif -%}
  )
{%- endmacro %}

{# Every delivered row is kept, quarantined under one rule, or a duplicate; these macros decide which. #}

{# The name of the first rule that a row breaks, or null.
   rules: condition by rule name, in order of precedence; a condition is true when the row breaks the rule. #}
{% macro first_broken_rule(rules) -%}
  case
    {%- for name, broken in rules.items() %}
    when {{ broken }} then '{{ name }}'
    {%- endfor %}
  end
{%- endmacro %}

{# 1 for the newest delivery of a key. Sound rows and broken rows are ranked apart, so that a broken
   correction never hides the sound row it was meant to correct. #}
{% macro delivery_rank(key) -%}
  row_number() over (
    partition by {{ key | join(', ') }}, broken_rule is null
    order by _ingested_at desc, _batch_id desc, _source_row desc
  )
{%- endmacro %}

{% macro audit_columns() -%}
  _source_file,
  _source_row,
  _batch_id,
  _ingested_at,
  _delivered_on
{%- endmacro %}

{# The rows as delivered, with the rule that each broke. #}
{% macro quarantined(table) -%}
with delivered as (
    select * from {{ source('bronze', table) }}
),

judged as (
    select * from {{ ref('stg_' ~ table) }}
)

select
    judged.broken_rule,
    delivered.*
from delivered
inner join judged
    on delivered._batch_id = judged._batch_id
    and delivered._source_file = judged._source_file
    and delivered._source_row = judged._source_row
where judged.broken_rule is not null
{%- endmacro %}

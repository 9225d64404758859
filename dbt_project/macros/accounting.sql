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

{# 1 for the newest delivery of a key: of the latest day, and what has no day before all that has; of a day, what was
   taken in last. Sound rows and broken rows are ranked apart, so that a broken correction never hides the sound row it
   was meant to correct. #}
{% macro delivery_rank(key) -%}
  row_number() over (
    partition by {{ key | join(', ') }}, broken_rule is null
    order by _delivered_on desc nulls last, _ingested_at desc, _batch_id desc, _source_row desc
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

{# Since which drop a key's row has been as it is: the day of the last delivery that told something new. #}
{% macro changed_on(table, key, columns) -%}
select
    {{ key }},
    max(delivered_on) as changed_on
from (
    select
        {{ key }},
        coalesce(_delivered_on, date '1970-01-01') as delivered_on,
        told,
        lag(told) over (partition by {{ key }} order by delivery_rank desc) as told_before
    from (
        select
            *,
            concat_ws('|', {% for column in columns -%}
            coalesce(cast({{ column }} as string), 'null'){{ ', ' if not loop.last }}
            {%- endfor %}) as told
        from {{ ref('stg_' ~ table) }}
        where broken_rule is null
    ) as deliveries
) as tellings
where told_before is null or told != told_before
group by {{ key }}
{%- endmacro %}

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
   taken in last. Broken rows have no rank, so that a broken correction never hides the sound row it was meant to
   correct. #}
{% macro delivery_rank(key) -%}
  case when broken_rule is null then row_number() over (
    partition by {{ key | join(', ') }}, broken_rule is null
    order by _delivered_on desc nulls last, _ingested_at desc, _batch_id desc, _source_row desc
  ) end
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

{# Since when a key's row has been as it is: the day of the delivery that last told something new, and on a day with
   several as many seconds as others came before it. #}
{% macro last_changes(table, key, columns) -%}
select
    {{ key }},
    max(delivered_at) as changed_at
from (
    select
        {{ key }},
        delivered_at,
        told,
        lag(told) over (partition by {{ key }} order by delivery_rank desc) as told_before
    from (
        select
            {{ key }},
            delivery_rank,
            timestamp_seconds(
                unix_timestamp(cast(coalesce(_delivered_on, date '1970-01-01') as timestamp))
                + row_number() over (partition by {{ key }}, _delivered_on order by delivery_rank desc) - 1
            ) as delivered_at,
            concat_ws('|', {% for column in columns -%}
            coalesce(concat(length(cast({{ column }} as string)), ':', {{ column }}), '-'){{ ', ' if not loop.last }}
            {%- endfor %}) as told
        from {{ ref('stg_' ~ table) }}
        where broken_rule is null
    ) as deliveries
) as tellings
where told_before is null or told != told_before
group by {{ key }}
{%- endmacro %}

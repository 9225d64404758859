{# Every delivered row is in the Silver table, in quarantine, or an older delivery of a row that is.
   kept: an expression over the Silver table that counts the delivered rows it stands for. #}
{% test rows_accounted_for(model, table, kept='count(*)') %}
with counts as (
    select
        (select count(*) from {{ source('bronze', table) }}) as delivered,
        (select {{ kept }} from {{ model }}) as kept,
        (select count(*) from {{ ref('quarantined_' ~ table) }}) as quarantined,
        (
            select count(*) from {{ ref('stg_' ~ table) }}
            where broken_rule is null and delivery_rank > 1
        ) as duplicates
)

select * from counts
where delivered != coalesce(kept, 0) + quarantined + duplicates
{% endtest %}

{# A merged table holds the newest sound delivery of every key, at its moment, and nothing else: sums alone would not
   tell a row too many and a row too few. #}
{% test holds_the_newest_deliveries(model, staged, key, moment) %}
select
    staged.{{ key }} as staged_key,
    merged.{{ key }} as merged_key,
    staged.{{ moment }} as staged_moment,
    merged.{{ moment }} as merged_moment
from (
    select * from {{ staged }}
    where broken_rule is null and delivery_rank = 1
) as staged
full outer join {{ model }} as merged on staged.{{ key }} = merged.{{ key }}
where not coalesce(staged.{{ moment }} = merged.{{ moment }}, false)
{% endtest %}

{# The periods that are reported and compared: four, thirteen and fifty-two weeks up to the last complete one, as many before
   them, and the same a year (52 weeks, so that weekdays match) earlier. A period that is not wholly of complete weeks is
   left out.
   as_of: the relation with the one row of silver.as_of. #}
{% macro report_periods(as_of) -%}
select
    shapes.weeks,
    shapes.period,
    date_sub({{ as_of }}.last_complete_week, 7 * (shapes.weeks_back + shapes.weeks - 1)) as first_week,
    date_sub({{ as_of }}.last_complete_week, 7 * shapes.weeks_back) as last_week
from (
    {%- for weeks in [4, 13, 52] %}
    {%- set last_length = loop.last %}
    {%- for period, weeks_back in [('current', 0), ('previous', weeks), ('year_ago', 52)] %}
    select {{ weeks }} as weeks, '{{ period }}' as period, {{ weeks_back }} as weeks_back
    {{- ' union all' if not (loop.last and last_length) }}
    {%- endfor %}
    {%- endfor %}
) as shapes
cross join {{ as_of }}
where
    date_sub({{ as_of }}.last_complete_week, 7 * (shapes.weeks_back + shapes.weeks - 1))
    >= {{ as_of }}.first_complete_week
{%- endmacro %}

{# Revenue orders, one row each, numbered for each person in the order in which they were placed.
   lines: the relation with their lines. Delivery and review belong to the order: its lines repeat them. #}
{% macro numbered_orders(lines) -%}
select
    order_id,
    customer_unique_id,
    week_start,
    sum(revenue) as revenue,
    max(days_late) as days_late,
    max(review_score) as review_score,
    row_number() over (
        partition by customer_unique_id
        order by purchased_at asc, order_id asc
    ) as purchase_number
from {{ lines }}
group by
    order_id,
    customer_unique_id,
    week_start,
    purchased_at
{%- endmacro %}

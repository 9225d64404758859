with orders as (
    select * from {{ ref('orders') }}
)

select
    {% if var('as_of_date') -%}
    date '{{ var("as_of_date") }}' as as_of_date
    {%- else -%}
    cast(max(purchased_at) as date) as as_of_date
    {%- endif %}
from orders

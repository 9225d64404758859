{%- set given = "date '" ~ var('as_of_date') ~ "'" if var('as_of_date') else 'null' -%}

with orders as (
    select * from {{ ref('orders') }}
)

select coalesce({{ given }}, cast(max(purchased_at) as date)) as as_of_date
from orders

{# Gold agrees with Silver, key by key and to the cent: both are added up by the key and compared.
   by: a column of the model that the lines of Silver's orders have too.
   measures: by column of the model, what it is in terms of those lines. Orders and people of many keys are counted by
     their first lines: a set of ids for each of many keys would take more memory and time than all else.
   only: which lines count. #}
{% test agrees_with_silver(model, by, measures, only='is_revenue_order') %}
with lines as (
    select
        orders.order_id,
        orders.customer_unique_id,
        orders.is_revenue_order,
        order_items.product_id,
        order_items.seller_id,
        order_items.price,
        order_items.freight_value,
        {{ week_start('orders.purchased_at') }} as week_start,
        {{ month_of('orders.purchased_at') }} as active_month
    from {{ ref('orders') }} as orders
    inner join {{ ref('order_items') }} as order_items on orders.order_id = order_items.order_id
    cross join {{ ref('as_of') }} as as_of
    where cast(orders.purchased_at as date) <= as_of.as_of_date
),

counted as (
    select
        *,
        row_number() over (partition by {{ by }}, order_id order by product_id) = 1 as is_first_of_order,
        row_number() over (partition by {{ by }}, customer_unique_id order by product_id) = 1 as is_first_of_person
    from lines
    where {{ only }}
),

silver as (
    select
        {{ by }} as silver_key,
        {% for name, expression in measures.items() -%}
        {{ expression }} as silver_{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from counted
    group by {{ by }}
),

gold as (
    select
        {{ by }} as gold_key,
        {% for name in measures -%}
        sum({{ name }}) as gold_{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ model }}
    group by {{ by }}
)

select *
from gold
full outer join silver on gold.gold_key = silver.silver_key
where
    {% for name in measures -%}
    cast(coalesce(gold_{{ name }}, 0) as decimal(28, 2)) != cast(coalesce(silver_{{ name }}, 0) as decimal(28, 2)){{ ' or' if not loop.last }}
    {% endfor %}
{% endtest %}

{# Two tables add up to the same.
   measures: by name, an expression over the model and one over the other relation.
   only, other_only: which rows count. #}
{% test reconciles(model, to, measures, only='true', other_only='true') %}
with here as (
    select
        {% for name, expressions in measures.items() -%}
        {{ expressions[0] }} as {{ name }}_here{{ ',' if not loop.last }}
        {% endfor %}
    from {{ model }}
    where {{ only }}
),

there as (
    select
        {% for name, expressions in measures.items() -%}
        {{ expressions[1] }} as {{ name }}_there{{ ',' if not loop.last }}
        {% endfor %}
    from {{ to }}
    where {{ other_only }}
)

select * from here
cross join there
where
    {% for name in measures -%}
    cast(coalesce({{ name }}_here, 0) as decimal(28, 2)) != cast(coalesce({{ name }}_there, 0) as decimal(28, 2)){{ ' or' if not loop.last }}
    {% endfor %}
{% endtest %}

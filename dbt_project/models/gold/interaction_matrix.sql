with as_of as (
    select * from {{ ref('as_of') }}
),

customers as (
    select * from {{ ref('customers') }}
),

events as (
    {{ events_of_people() }}
),

lines as (
    select * from {{ ref('fct_order_items') }}
    where is_revenue_order
),

clicks as (
    select
        events.customer_unique_id,
        events.product_id,
        case when events.event_type = 'product_view' then 1 else 0 end as views,
        case when events.event_type = 'add_to_cart' then 1 else 0 end as carts,
        0 as purchases,
        events.event_at as happened_at,
        events.provenance
    from events
    inner join customers on events.customer_unique_id = customers.customer_unique_id
    cross join as_of
    where
        events.event_type in ('product_view', 'add_to_cart')
        and cast(events.event_at as date) <= as_of.as_of_date
),

purchases as (
    select
        customer_unique_id,
        product_id,
        0 as views,
        0 as carts,
        1 as purchases,
        purchased_at as happened_at,
        cast(null as string) as provenance
    from lines
),

interactions as (
    select * from clicks
    union all
    select * from purchases
),

counted as (
    select
        customer_unique_id,
        product_id,
        sum(views) as views,
        sum(carts) as carts,
        sum(purchases) as purchases,
        max(happened_at) as last_interaction_at,
        max(case when purchases = 1 then happened_at end) as last_purchase_at,
        min(provenance) as behaviour_provenance
    from interactions
    group by
        customer_unique_id,
        product_id
)

select
    customer_unique_id,
    product_id,
    cast(views as int) as views,
    cast(carts as int) as carts,
    cast(purchases as int) as purchases,
    {{ interaction_strength('views', 'carts', 'purchases') }} as interaction_strength,
    last_interaction_at,
    last_purchase_at,
    behaviour_provenance
from counted

with events as (
    select
        *,
        coalesce(visitor_id, session_id) as visitor
    from {{ ref('clickstream_events') }}
    where event_type in ('add_to_cart', 'checkout_start', 'purchase')
),

sessions as (
    select * from {{ ref('sessions') }}
    where carts > 0
),

orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('order_items') }}
),

in_sessions as (
    select
        sessions.session_id,
        events.event_type,
        events.event_at,
        events.product_id,
        events.order_id
    from sessions
    inner join events
        on
            sessions.visitor_id = events.visitor
            and events.event_at between sessions.started_at and sessions.ended_at
),

steps as (
    select
        session_id,
        min(case when event_type = 'add_to_cart' then event_at end) as first_added_at,
        max(case when event_type = 'checkout_start' then 1 else 0 end) = 1 as has_checkout,
        max(case when event_type = 'purchase' then 1 else 0 end) = 1 as is_bought,
        max(case when event_type = 'purchase' then order_id end) as order_id
    from in_sessions
    group by session_id
),

in_carts as (
    select
        session_id,
        product_id,
        max(event_at) as added_at
    from in_sessions
    where event_type = 'add_to_cart'
    group by
        session_id,
        product_id
),

sold as (
    select
        order_items.product_id,
        order_items.price,
        orders.purchased_at,
        lag(order_items.price) over (
            partition by order_items.product_id
            order by orders.purchased_at asc, order_items.order_id asc, order_items.order_item_id asc
        ) as price_before,
        row_number() over (
            partition by order_items.product_id
            order by orders.purchased_at asc, order_items.order_id asc, order_items.order_item_id asc
        ) as sale_number
    from order_items
    inner join orders on order_items.order_id = orders.order_id
),

-- Few sales change a price: looking only at those keeps the search for a product's price at a moment small.
prices as (
    select
        product_id,
        price,
        purchased_at as valid_from,
        lead(purchased_at) over (partition by product_id order by sale_number asc) as valid_to
    from sold
    where price_before is null or price != price_before
),

priced as (
    select
        in_carts.session_id,
        count(distinct in_carts.product_id) as products,
        sum(prices.price) as cart_value
    from in_carts
    left join prices
        on
            in_carts.product_id = prices.product_id
            and in_carts.added_at >= prices.valid_from
            and in_carts.added_at < coalesce(prices.valid_to, timestamp '9999-01-01 00:00:00')
    group by in_carts.session_id
)

select
    sessions.session_id,
    sessions.visitor_id,
    sessions.customer_unique_id,
    steps.first_added_at,
    cast(priced.products as int) as products,
    steps.has_checkout,
    steps.is_bought,
    steps.order_id,
    cast(priced.cart_value as decimal(18, 2)) as cart_value,
    cast(case when steps.is_bought then 0 else priced.cart_value end as decimal(18, 2)) as value_at_stake,
    sessions.provenance
from sessions
inner join steps on sessions.session_id = steps.session_id
inner join priced on sessions.session_id = priced.session_id

{#- Reference dates end with the day after the reporting date, at which people are scored, and go back from there, so
    that the newest labels use the newest data. The first has as many days of trade before it as engagement looks at. -#}
{%- set step_days = 30 -%}
{%- set engagement_days = 90 -%}

with as_of as (
    select * from {{ ref('as_of') }}
),

customer_ids as (
    select * from {{ ref('customer_ids') }}
),

orders as (
    select * from {{ ref('orders') }}
),

order_items as (
    select * from {{ ref('order_items') }}
),

order_payments as (
    select * from {{ ref('order_payments') }}
),

order_reviews as (
    select * from {{ ref('order_reviews') }}
),

products as (
    select * from {{ ref('products') }}
),

events as (
    {{ events_of_people() }}
),

reference_dates as (
    select
        reporting_date,
        explode(transform(
            sequence(
                0,
                greatest(0, cast(floor((
                    {{ days_between('coalesce(first_complete_week, reporting_date)', 'reporting_date') }}
                    + 1 - {{ engagement_days }}
                ) / {{ step_days }}) as int))
            ),
            steps -> date_sub(date_add(reporting_date, 1), steps * {{ step_days }})
        )) as reference_date
    from as_of
),

lines as (
    select
        order_items.order_id,
        order_items.price,
        order_items.freight_value,
        products.category,
        row_number() over (
            partition by order_items.order_id
            order by order_items.price desc, order_items.order_item_id asc
        ) as price_rank
    from order_items
    inner join products on order_items.product_id = products.product_id
),

baskets as (
    select
        order_id,
        sum(price) as order_value,
        sum(freight_value) as freight,
        count(*) as items,
        max(case when price_rank = 1 then category end) as category
    from lines
    group by order_id
),

payments as (
    select
        order_id,
        max(payment_installments) as installments,
        max(case when payment_type = 'voucher' then 1 else 0 end) as has_voucher,
        max(case when payment_type = 'boleto' then 1 else 0 end) as has_boleto
    from order_payments
    group by order_id
),

-- The status of an order is that of today: at the reference date nobody knew that it would be canceled. So whatever
-- was placed is a feature, and only revenue orders are repurchases.
placed as (
    select
        orders.order_id,
        orders.customer_unique_id,
        orders.is_revenue_order,
        orders.purchased_at,
        cast(orders.purchased_at as date) as purchase_date,
        cast(orders.delivered_to_customer_at as date) as delivery_date,
        cast(orders.estimated_delivery_at as date) as promised_date,
        customer_ids.state,
        baskets.order_value,
        baskets.freight,
        baskets.items,
        baskets.category,
        coalesce(payments.installments, 0) as installments,
        coalesce(payments.has_voucher, 0) as has_voucher,
        coalesce(payments.has_boleto, 0) as has_boleto,
        row_number() over (
            partition by orders.customer_unique_id, baskets.category
            order by orders.purchased_at asc, orders.order_id asc
        ) as order_of_category
    from orders
    cross join as_of
    inner join customer_ids on orders.customer_id = customer_ids.customer_id
    inner join baskets on orders.order_id = baskets.order_id
    left join payments on orders.order_id = payments.order_id
    where cast(orders.purchased_at as date) <= as_of.reporting_date
),

-- The last order before a reference date tells who the person was on that day, and what they did next.
last_orders as (
    select
        customer_unique_id,
        state,
        category,
        order_value,
        purchase_date,
        min(purchase_date) over later_orders as next_order_date,
        min(case when is_revenue_order then purchase_date end) over later_orders as next_purchase_date
    from placed
    window
        later_orders as (
            partition by customer_unique_id
            order by purchased_at asc, order_id asc
            rows between 1 following and unbounded following
        )
),

states as (
    select *
    from last_orders
    inner join reference_dates
        on
            last_orders.purchase_date < reference_dates.reference_date
            and reference_dates.reference_date <= coalesce(last_orders.next_order_date, date '9999-12-31')
),

-- Late is what came after the promised day, and what had not come when that day was over.
histories as (
    select
        placed.customer_unique_id,
        reference_dates.reference_date,
        count(*) as orders,
        min(placed.purchase_date) as first_order_date,
        sum(placed.order_value) as spend,
        sum(placed.freight) as freight,
        sum(placed.items) as items,
        count(case when placed.order_of_category = 1 then 1 end) as categories,
        sum(placed.installments) as installments,
        sum(placed.has_voucher) as voucher_orders,
        sum(placed.has_boleto) as boleto_orders,
        count(case when placed.delivery_date < reference_dates.reference_date then 1 end) as delivered_orders,
        sum(case
            when placed.delivery_date < reference_dates.reference_date
                then {{ days_between('placed.purchase_date', 'placed.delivery_date') }}
        end) as delivery_days,
        count(case
            when
                placed.promised_date < reference_dates.reference_date
                and placed.promised_date < coalesce(placed.delivery_date, date '9999-12-31')
                then 1
        end) as late_orders
    from placed
    inner join reference_dates on placed.purchase_date < reference_dates.reference_date
    group by
        placed.customer_unique_id,
        reference_dates.reference_date
),

opinions as (
    select
        placed.customer_unique_id,
        reference_dates.reference_date,
        count(*) as reviews,
        sum(order_reviews.review_score) as review_scores,
        min(order_reviews.review_score) as lowest_review_score
    from order_reviews
    inner join placed on order_reviews.order_id = placed.order_id
    inner join reference_dates
        on
            cast(order_reviews.answered_at as date) < reference_dates.reference_date
            and placed.purchase_date < reference_dates.reference_date
    group by
        placed.customer_unique_id,
        reference_dates.reference_date
),

engagement as (
    select
        events.customer_unique_id,
        reference_dates.reference_date,
        count(distinct cast(events.event_at as date)) as active_days,
        count(case when events.event_type = 'product_view' then 1 end) as views,
        count(case when events.event_type = 'add_to_cart' then 1 end) as carts,
        max(events.event_at) as last_event_at,
        min(events.provenance) as behaviour_provenance
    from events
    inner join reference_dates
        on
            greatest(events.event_at, events.received_at) < cast(reference_dates.reference_date as timestamp)
            and cast(events.event_at as date)
            >= date_sub(reference_dates.reference_date, {{ engagement_days }})
    where events.customer_unique_id is not null
    group by
        events.customer_unique_id,
        reference_dates.reference_date
)

select
    states.customer_unique_id,
    states.reference_date,
    cast(histories.orders as int) as orders,
    {{ days_between('states.purchase_date', 'states.reference_date') }} as days_since_last_order,
    {{ days_between('histories.first_order_date', 'states.reference_date') }} as days_since_first_order,
    cast(histories.spend as decimal(18, 2)) as spend,
    cast(histories.spend / histories.orders as decimal(18, 2)) as average_order_value,
    cast(states.order_value as decimal(18, 2)) as last_order_value,
    cast(histories.items / histories.orders as decimal(9, 2)) as average_items,
    cast(histories.freight / nullif(histories.spend, 0) as decimal(9, 4)) as freight_ratio,
    cast(histories.categories as int) as categories,
    states.category as last_category,
    states.state,
    cast(histories.installments / histories.orders as decimal(9, 2)) as average_installments,
    cast(histories.voucher_orders as int) as voucher_orders,
    cast(histories.boleto_orders as int) as boleto_orders,
    cast(histories.delivered_orders as int) as delivered_orders,
    cast(histories.late_orders as int) as late_orders,
    cast(histories.delivery_days / nullif(histories.delivered_orders, 0) as decimal(9, 2)) as average_delivery_days,
    cast(coalesce(opinions.reviews, 0) as int) as reviews,
    cast(opinions.review_scores / opinions.reviews as decimal(3, 2)) as average_review_score,
    opinions.lowest_review_score,
    cast(coalesce(engagement.active_days, 0) as int) as active_days,
    cast(coalesce(engagement.views, 0) as int) as views,
    cast(coalesce(engagement.carts, 0) as int) as carts,
    {{ days_between('engagement.last_event_at', 'states.reference_date') }} as days_since_last_visit,
    engagement.behaviour_provenance,
    {{ days_between('states.reference_date', 'states.next_purchase_date') }} as days_to_next_purchase,
    {{ days_between('states.reference_date', 'states.reporting_date') }} + 1 as label_days
from states
inner join histories
    on
        states.customer_unique_id = histories.customer_unique_id
        and states.reference_date = histories.reference_date
left join opinions
    on
        states.customer_unique_id = opinions.customer_unique_id
        and states.reference_date = opinions.reference_date
left join engagement
    on
        states.customer_unique_id = engagement.customer_unique_id
        and states.reference_date = engagement.reference_date

{#- Reference dates end with the day after the reporting date, at which people are scored, and go back from there, so
    that the newest labels use the newest data. The first has as many days of trade before it as engagement looks at. -#}
{%- set step_days = 30 -%}
{%- set engagement_days = 90 -%}
{#- A repeat rate is drawn toward that of all orders with the weight of this many orders. -#}
{%- set repeat_days = 90 -%}
{%- set prior_orders = 100 -%}

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
                    {{ days_between('first_complete_week', 'reporting_date') }} + 1 - {{ engagement_days }}
                ) / {{ step_days }}) as int))
            ),
            steps -> date_sub(date_add(reporting_date, 1), steps * {{ step_days }})
        )) as reference_date
    from as_of
),

lines as (
    select
        order_items.order_id,
        order_items.product_id,
        order_items.seller_id,
        order_items.price,
        order_items.freight_value,
        products.category,
        row_number() over (
            partition by order_items.order_id
            order by order_items.price desc, order_items.order_item_id asc
        ) as price_rank,
        row_number() over (
            partition by orders.customer_unique_id, order_items.product_id
            order by orders.purchased_at asc, order_items.order_id asc, order_items.order_item_id asc
        ) as line_of_product
    from order_items
    inner join products on order_items.product_id = products.product_id
    inner join orders on order_items.order_id = orders.order_id
),

baskets as (
    select
        order_id,
        sum(price) as order_value,
        sum(freight_value) as freight,
        count(*) as items,
        count(case when line_of_product = 1 then 1 end) as new_products,
        max(case when price_rank = 1 then category end) as category,
        max(case when price_rank = 1 then product_id end) as product_id,
        max(case when price_rank = 1 then seller_id end) as seller_id
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

-- The status of an order is that of today: at the reference date nobody knew that it would be canceled, or lose its
-- items. So whatever was placed is a feature; only revenue orders with items are repurchases.
placed as (
    select
        orders.customer_unique_id,
        orders.purchased_at,
        orders.order_id,
        cast(orders.purchased_at as date) as purchase_date,
        cast(orders.delivered_to_customer_at as date) as delivery_date,
        cast(orders.estimated_delivery_at as date) as promised_date,
        customer_ids.state,
        orders.is_revenue_order and baskets.items is not null as is_purchase,
        coalesce(baskets.order_value, 0) as order_value,
        coalesce(baskets.freight, 0) as freight,
        coalesce(baskets.items, 0) as items,
        coalesce(baskets.new_products, 0) as new_products,
        coalesce(baskets.category, 'unknown') as category,
        baskets.product_id,
        baskets.seller_id,
        coalesce(payments.installments, 0) as installments,
        coalesce(payments.has_voucher, 0) as has_voucher,
        coalesce(payments.has_boleto, 0) as has_boleto
    from orders
    cross join as_of
    inner join customer_ids on orders.customer_id = customer_ids.customer_id
    left join baskets on orders.order_id = baskets.order_id
    left join payments on orders.order_id = payments.order_id
    where cast(orders.purchased_at as date) <= as_of.reporting_date
),

ordered as (
    select
        *,
        min(purchase_date) over later_orders as next_order_date,
        min(case when is_purchase then purchase_date end) over later_orders as next_purchase_date,
        row_number() over (
            partition by customer_unique_id, category
            order by purchased_at asc, order_id asc
        ) as order_of_category,
        row_number() over (
            partition by customer_unique_id, purchase_date
            order by purchased_at asc, order_id asc
        ) as order_of_day,
        count(*) over (
            partition by customer_unique_id
            order by {{ days_between("date '1970-01-01'", 'purchase_date') }} asc
            range between 1 following and {{ repeat_days }} following
        ) > 0 as is_repeated
    from placed
    window
        later_orders as (
            partition by customer_unique_id
            order by purchased_at asc, order_id asc
            rows between 1 following and unbounded following
        )
),

known as (
    select
        ordered.customer_unique_id,
        ordered.purchase_date,
        ordered.delivery_date,
        ordered.next_purchase_date,
        ordered.order_value,
        ordered.freight,
        ordered.items,
        ordered.new_products,
        ordered.category,
        ordered.state,
        ordered.installments,
        ordered.has_voucher,
        ordered.has_boleto,
        ordered.order_of_category,
        ordered.order_of_day,
        reference_dates.reference_date,
        reference_dates.reporting_date,
        reference_dates.reference_date <= coalesce(ordered.next_order_date, date '9999-12-31') as is_last,
        ordered.delivery_date < reference_dates.reference_date as is_delivered,
        -- Late is what came after the promised day, and what had not come when that day was over.
        ordered.promised_date < reference_dates.reference_date
        and ordered.promised_date < coalesce(ordered.delivery_date, date '9999-12-31') as is_late,
        -- Whether an order was followed by another is known when all its days are over; whatever became of either.
        case
            when date_add(ordered.purchase_date, {{ repeat_days }}) < reference_dates.reference_date
                then cast(ordered.is_repeated as int)
        end as repeated,
        -- Rows are compared with others of the same date and product, and so on. A number stands for the two: rows
        -- are sorted for each comparison, and texts are slow to sort. Among a million numbers of 64 bits the chance
        -- that two are alike is one in tens of millions.
        xxhash64(reference_dates.reference_date, ordered.product_id) as product_key,
        xxhash64(reference_dates.reference_date, ordered.seller_id) as seller_key,
        xxhash64(reference_dates.reference_date, ordered.category) as category_key,
        xxhash64(reference_dates.reference_date, ordered.state) as state_key,
        ordered.product_id is not null as has_product,
        ordered.seller_id is not null as has_seller
    from ordered
    inner join reference_dates on ordered.purchase_date < reference_dates.reference_date
),

compared as (
    select
        *,
        count(*) over (partition by product_key) as product_orders,
        sum(repeated) over (partition by reference_date) as all_repeated,
        count(repeated) over (partition by reference_date) as all_judged,
        sum(repeated) over (partition by seller_key) as seller_repeated,
        count(repeated) over (partition by seller_key) as seller_judged,
        sum(repeated) over (partition by category_key) as category_repeated,
        count(repeated) over (partition by category_key) as category_judged,
        sum(repeated) over (partition by state_key) as state_repeated,
        count(repeated) over (partition by state_key) as state_judged
    from known
),

histories as (
    select
        customer_unique_id,
        reference_date,
        reporting_date,
        count(*) as orders,
        count(case when order_of_day = 1 then 1 end) as order_days,
        min(purchase_date) as first_order_date,
        max(purchase_date) as last_order_date,
        sum(order_value) as spend,
        sum(freight) as freight,
        sum(items) as items,
        sum(new_products) as products,
        count(case when order_of_category = 1 then 1 end) as categories,
        sum(installments) as installments,
        sum(has_voucher) as voucher_orders,
        sum(has_boleto) as boleto_orders,
        count(case when is_delivered then 1 end) as delivered_orders,
        sum(case when is_delivered then {{ days_between('purchase_date', 'delivery_date') }} end) as delivery_days,
        count(case when is_late then 1 end) as late_orders,
        max(case when is_last then order_value end) as last_order_value,
        max(case when is_last then category end) as last_category,
        max(case when is_last then state end) as state,
        max(case when is_last and has_product then product_orders end) as last_product_orders,
        max(all_repeated) as all_repeated,
        max(all_judged) as all_judged,
        max(case when is_last and has_seller then seller_repeated end) as seller_repeated,
        max(case when is_last and has_seller then seller_judged end) as seller_judged,
        max(case when is_last then category_repeated end) as category_repeated,
        max(case when is_last then category_judged end) as category_judged,
        max(case when is_last then state_repeated end) as state_repeated,
        max(case when is_last then state_judged end) as state_judged,
        max(case when is_last then next_purchase_date end) as next_purchase_date
    from compared
    group by
        customer_unique_id,
        reference_date,
        reporting_date
),

opinions as (
    select
        orders.customer_unique_id,
        reference_dates.reference_date,
        count(*) as reviews,
        sum(order_reviews.review_score) as review_scores,
        min(order_reviews.review_score) as lowest_review_score
    from order_reviews
    inner join orders on order_reviews.order_id = orders.order_id
    inner join reference_dates
        on
            cast(greatest(order_reviews.answered_at, orders.purchased_at) as date) < reference_dates.reference_date
    where order_reviews.answered_at is not null
    group by
        orders.customer_unique_id,
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
    histories.customer_unique_id,
    histories.reference_date,
    cast(histories.orders as int) as orders,
    cast(histories.order_days as int) as order_days,
    {{ days_between('histories.last_order_date', 'histories.reference_date') }} as days_since_last_order,
    {{ days_between('histories.first_order_date', 'histories.reference_date') }} as days_since_first_order,
    cast(histories.spend as decimal(18, 2)) as spend,
    {{ quotient('histories.spend', 'histories.orders', 'decimal(18, 2)') }} as average_order_value,
    cast(histories.last_order_value as decimal(18, 2)) as last_order_value,
    {{ quotient('histories.items', 'histories.orders', 'decimal(9, 2)') }} as average_items,
    {{ quotient('histories.freight', 'histories.spend', 'decimal(9, 4)') }} as freight_ratio,
    cast(histories.categories as int) as main_categories,
    cast(histories.products as int) as distinct_products,
    histories.last_category,
    histories.state,
    cast(coalesce(histories.last_product_orders, 0) as int) as last_product_orders,
    {% for what in ['seller', 'category', 'state'] -%}
    {{ repeat_ratio(
        'coalesce(histories.' ~ what ~ '_repeated, 0)', 'coalesce(histories.' ~ what ~ '_judged, 0)',
        'histories.all_repeated', 'histories.all_judged', prior_orders
    ) }} as {{ what }}_repeat_ratio,
    {% endfor -%}
    {{ quotient('histories.installments', 'histories.orders', 'decimal(9, 2)') }} as average_installments,
    cast(histories.voucher_orders as int) as voucher_orders,
    cast(histories.boleto_orders as int) as boleto_orders,
    cast(histories.delivered_orders as int) as delivered_orders,
    cast(histories.late_orders as int) as late_or_overdue_orders,
    {{ quotient('histories.delivery_days', 'histories.delivered_orders', 'decimal(9, 2)') }} as average_delivery_days,
    cast(coalesce(opinions.reviews, 0) as int) as reviews,
    {{ quotient('opinions.review_scores', 'opinions.reviews', 'decimal(3, 2)') }} as average_review_score,
    opinions.lowest_review_score,
    cast(coalesce(engagement.active_days, 0) as int) as active_days,
    cast(coalesce(engagement.views, 0) as int) as views,
    cast(coalesce(engagement.carts, 0) as int) as carts,
    {{ days_between('engagement.last_event_at', 'histories.reference_date') }} as days_since_last_visit,
    engagement.behaviour_provenance,
    {{ days_between('histories.reference_date', 'histories.next_purchase_date') }} as days_to_next_purchase,
    {{ days_between('histories.reference_date', 'histories.reporting_date') }} + 1 as label_days
from histories
left join opinions
    on
        histories.customer_unique_id = opinions.customer_unique_id
        and histories.reference_date = opinions.reference_date
left join engagement
    on
        histories.customer_unique_id = engagement.customer_unique_id
        and histories.reference_date = engagement.reference_date

{#- Reference dates end with the day after the reporting date, at which people are scored, and go back from there, so
    that the newest labels use the newest data. The first has as many days of trade before it as engagement looks at. -#}
{%- set step_days = 30 -%}
{%- set engagement_days = 90 -%}
{#- A repeat rate is drawn toward that of all orders with the weight of this many orders. -#}
{%- set repeat_days = 90 -%}
{%- set prior_orders = 100 -%}
{%- set of_an_order = [
    'purchase_date', 'delivery_date', 'promised_date', 'next_order_date', 'label_date', 'order_value',
    'freight_value', 'items', 'new_products', 'main_category', 'state', 'main_product_id', 'main_seller_id',
    'installments', 'is_paid_with_voucher', 'is_paid_with_boleto', 'is_new_category', 'is_last_of_day'
] -%}
{%- set all_dates = 'sequence(first_reference_date, last_reference_date, interval ' ~ step_days ~ ' days)' -%}
{%- set of_a_visit = {
    'visit_date': 'date', 'views': 'bigint', 'carts': 'bigint', 'last_event_at': 'timestamp',
    'behaviour_provenance': 'string'
} -%}

with as_of as (
    select * from {{ ref('as_of') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

events as (
    {{ events_of_people() }}
),

horizon as (
    select
        reporting_date,
        date_add(reporting_date, 1) as last_reference_date,
        date_sub(
            date_add(reporting_date, 1),
            {{ step_days }} * cast(greatest(0, floor((
                {{ days_between('first_complete_week', 'reporting_date') }} + 1 - {{ engagement_days }}
            ) / {{ step_days }})) as int)
        ) as first_reference_date
    from as_of
),

reference_dates as (
    select explode({{ all_dates }}) as reference_date
    from horizon
),

-- The status of an order is that of today: at the reference date nobody knew that it would be canceled, or lose its
-- items. So whatever was placed is a feature; only revenue orders with items are repurchases.
placed as (
    select
        orders.*,
        case
            when orders.next_purchase_date <= horizon.reporting_date then orders.next_purchase_date
        end as label_date,
        orders.next_order_date <= date_add(orders.purchase_date, {{ repeat_days }}) as is_repeated
    from horizon
    inner join orders on horizon.reporting_date >= orders.purchase_date
),

visits as (
    select
        customer_unique_id,
        cast(event_at as date) as visit_date,
        cast(greatest(event_at, received_at) as date) as known_on,
        count(case when event_type = 'product_view' then 1 end) as views,
        count(case when event_type = 'add_to_cart' then 1 end) as carts,
        max(event_at) as last_event_at,
        min(provenance) as behaviour_provenance
    from events
    where customer_unique_id is not null
    group by
        customer_unique_id,
        cast(event_at as date),
        cast(greatest(event_at, received_at) as date)
),

-- Whatever became known of a person: orders, opinions, days with visits.
news as (
    select
        customer_unique_id,
        purchase_date as known_on,
        {{ of_an_order | join(', ') }},
        {% for what, type in of_a_visit.items() -%}
        cast(null as {{ type }}) as {{ what }},
        {% endfor -%}
        cast(null as int) as review_score
    from placed
    union all
    select
        orders.customer_unique_id,
        cast(greatest(order_reviews.answered_at, orders.purchased_at) as date) as known_on,
        {% for what in of_an_order -%}
        null as {{ what }},
        {% endfor -%}
        {% for what in of_a_visit -%}
        null as {{ what }},
        {% endfor -%}
        order_reviews.review_score
    from {{ ref('order_reviews') }} as order_reviews
    inner join orders on order_reviews.order_id = orders.order_id
    where order_reviews.answered_at is not null
    union all
    select
        customer_unique_id,
        known_on,
        {% for what in of_an_order -%}
        null as {{ what }},
        {% endfor -%}
        visit_date,
        views,
        carts,
        last_event_at,
        behaviour_provenance,
        null as review_score
    from visits
),

-- Besides telling which visits were of one day, the window has a second use: after it the engine finds a person's
-- news side by side and adds them up person by person, where it would otherwise hold all people at all dates.
told as (
    select
        news.*,
        horizon.reporting_date,
        horizon.first_reference_date,
        horizon.last_reference_date,
        lag(news.visit_date) over (
            partition by news.customer_unique_id
            order by news.visit_date asc, news.known_on asc
        ) as visit_date_before
    from horizon
    cross join news
),

known as (
    select
        *,
        case when visit_date > coalesce(visit_date_before, date '0001-01-01') then 1 end as active_day,
        explode(filter(
            {{ all_dates }},
            day -> day > known_on and coalesce(visit_date, day) >= date_sub(day, {{ engagement_days }})
        )) as reference_date
    from told
),

judged as (
    select
        *,
        is_last_of_day and reference_date <= coalesce(next_order_date, date '9999-12-31') as is_last,
        delivery_date < reference_date as is_delivered,
        -- Late is what came after the promised day, and what had not come when that day was over.
        promised_date < reference_date and promised_date < coalesce(delivery_date, date '9999-12-31') as is_late
    from known
),

histories as (
    select
        customer_unique_id,
        reference_date,
        reporting_date,
        count(purchase_date) as orders,
        count(case when is_last_of_day then 1 end) as order_days,
        min(purchase_date) as first_order_date,
        max(purchase_date) as last_order_date,
        sum(order_value) as spend,
        sum(freight_value) as freight,
        sum(items) as items,
        sum(new_products) as products,
        count(case when is_new_category then 1 end) as categories,
        coalesce(sum(installments), 0) as installments,
        count(case when is_paid_with_voucher then 1 end) as voucher_orders,
        count(case when is_paid_with_boleto then 1 end) as boleto_orders,
        count(case when is_delivered then 1 end) as delivered_orders,
        sum(case when is_delivered then {{ days_between('purchase_date', 'delivery_date') }} end) as delivery_days,
        count(case when is_late then 1 end) as late_orders,
        max(case when is_last then order_value end) as last_order_value,
        max(case when is_last then main_category end) as last_category,
        max(case when is_last then state end) as state,
        max(case when is_last and main_product_id is not null then xxhash64(main_product_id) end) as product_key,
        max(case when is_last and main_seller_id is not null then xxhash64(main_seller_id) end) as seller_key,
        max(case when is_last then label_date end) as label_date,
        count(review_score) as reviews,
        sum(review_score) as review_scores,
        min(review_score) as lowest_review_score,
        count(active_day) as active_days,
        sum(views) as views,
        sum(carts) as carts,
        max(last_event_at) as last_event_at,
        min(behaviour_provenance) as behaviour_provenance
    from judged
    group by
        customer_unique_id,
        reference_date,
        reporting_date
),

product_orders as (
    select
        xxhash64(placed.main_product_id) as product_key,
        reference_dates.reference_date,
        count(*) as orders
    from reference_dates
    inner join placed on reference_dates.reference_date > placed.purchase_date
    where placed.main_product_id is not null
    group by
        xxhash64(placed.main_product_id),
        reference_dates.reference_date
),

-- Whether an order was followed by another is known when all its days are over; whatever became of either.
seller_repeats as (
    select
        xxhash64(placed.main_seller_id) as seller_key,
        reference_dates.reference_date,
        sum(cast(placed.is_repeated as int)) as seller_repeated,
        count(*) as seller_judged
    from reference_dates
    inner join placed
        on date_add(placed.purchase_date, {{ repeat_days }}) < reference_dates.reference_date
    where placed.main_seller_id is not null
    group by
        xxhash64(placed.main_seller_id),
        reference_dates.reference_date
),

repeats as (
    select
        placed.main_category,
        placed.state,
        reference_dates.reference_date,
        sum(
            case
                when date_add(placed.purchase_date, {{ repeat_days }}) < reference_dates.reference_date
                    then cast(placed.is_repeated as int)
            end
        ) as repeated,
        count(
            case
                when date_add(placed.purchase_date, {{ repeat_days }}) < reference_dates.reference_date then 1
            end
        ) as judged
    from reference_dates
    inner join placed on reference_dates.reference_date > placed.purchase_date
    group by
        placed.main_category,
        placed.state,
        reference_dates.reference_date
),

like_orders as (
    select
        main_category,
        state,
        reference_date,
        sum(repeated) over (partition by reference_date, main_category) as category_repeated,
        sum(judged) over (partition by reference_date, main_category) as category_judged,
        sum(repeated) over (partition by reference_date, state) as state_repeated,
        sum(judged) over (partition by reference_date, state) as state_judged,
        sum(repeated) over (partition by reference_date) as all_repeated,
        sum(judged) over (partition by reference_date) as all_judged
    from repeats
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
    cast(coalesce(product_orders.orders, 0) as int) as last_product_orders,
    {% for what in ['seller', 'category', 'state'] -%}
    {{ repeat_ratio(
        'coalesce(' ~ what ~ '_repeated, 0)', 'coalesce(' ~ what ~ '_judged, 0)', 'all_repeated', 'all_judged', prior_orders
    ) }} as {{ what }}_repeat_ratio,
    {% endfor -%}
    {{ quotient('histories.installments', 'histories.orders', 'decimal(9, 2)') }} as average_installments,
    cast(histories.voucher_orders as int) as voucher_orders,
    cast(histories.boleto_orders as int) as boleto_orders,
    cast(histories.delivered_orders as int) as delivered_orders,
    cast(histories.late_orders as int) as late_or_overdue_orders,
    {{ quotient('histories.delivery_days', 'histories.delivered_orders', 'decimal(9, 2)') }} as average_delivery_days,
    cast(histories.reviews as int) as reviews,
    {{ quotient('histories.review_scores', 'histories.reviews', 'decimal(3, 2)') }} as average_review_score,
    histories.lowest_review_score,
    cast(histories.active_days as int) as active_days,
    cast(coalesce(histories.views, 0) as int) as views,
    cast(coalesce(histories.carts, 0) as int) as carts,
    {{ days_between('histories.last_event_at', 'histories.reference_date') }} as days_since_last_visit,
    histories.behaviour_provenance,
    {{ days_between('histories.reference_date', 'histories.label_date') }} as days_to_next_purchase,
    {{ days_between('histories.reference_date', 'histories.reporting_date') }} + 1 as label_days
-- The small side first, here as with the reference dates above: that is the one which the engine holds.
from product_orders
right join ( -- noqa: CV08
    seller_repeats
    right join ( -- noqa: CV08
        like_orders
        -- A state may be unknown. All three null-safe: the engine would not join by one among others that are not.
        right join histories -- noqa: CV08
            on
                like_orders.main_category <=> histories.last_category
                and like_orders.state <=> histories.state
                and like_orders.reference_date <=> histories.reference_date
    )
        on
            seller_repeats.seller_key = histories.seller_key
            and seller_repeats.reference_date = histories.reference_date
)
    on
        product_orders.product_key = histories.product_key
        and product_orders.reference_date = histories.reference_date
where histories.orders > 0

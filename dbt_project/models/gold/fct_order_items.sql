with as_of as (
    select * from {{ ref('as_of') }}
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

-- What came after the as-of date was not known on it.
known_orders as (
    select
        orders.*,
        case
            when cast(orders.delivered_to_customer_at as date) <= as_of.as_of_date
                then orders.delivered_to_customer_at
        end as delivered_at
    from orders
    cross join as_of
    where cast(orders.purchased_at as date) <= as_of.as_of_date
),

-- Reviews and payments of an order are brought to one row before the join: an order can have several of each.
opinions as (
    select
        order_reviews.order_id,
        {{ quotient('sum(order_reviews.review_score)', 'count(*)', 'decimal(3, 2)') }} as review_score
    from order_reviews
    cross join as_of
    where cast(coalesce(order_reviews.answered_at, as_of.as_of_date) as date) <= as_of.as_of_date
    group by order_reviews.order_id
),

ways_to_pay as (
    select
        order_id,
        payment_type,
        row_number() over (
            partition by order_id
            order by payment_value desc, payment_sequential asc
        ) as size_rank,
        {{ greatest_of_group('payment_installments', 'order_id') }} as installments
    from order_payments
),

main_payments as (
    select * from ways_to_pay
    where size_rank = 1
)

select
    order_items.order_id,
    order_items.order_item_id,
    orders.customer_unique_id,
    order_items.product_id,
    order_items.seller_id,
    orders.order_status,
    orders.is_revenue_order,
    orders.purchased_at,
    cast(orders.purchased_at as date) as purchase_date,
    {{ week_start('orders.purchased_at') }} as week_start,
    order_items.price,
    order_items.freight_value,
    cast(case when orders.is_revenue_order then order_items.price else 0 end as decimal(18, 2)) as revenue,
    main_payments.payment_type,
    main_payments.installments,
    orders.delivered_at,
    {{ days_between('orders.purchased_at', 'orders.delivered_at') }} as delivery_days,
    {{ days_between('orders.estimated_delivery_at', 'orders.delivered_at') }} as days_late,
    opinions.review_score
from order_items
inner join known_orders as orders on order_items.order_id = orders.order_id
left join main_payments on order_items.order_id = main_payments.order_id
left join opinions on order_items.order_id = opinions.order_id

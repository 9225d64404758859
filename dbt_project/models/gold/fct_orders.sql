with as_of as (
    select * from {{ ref('as_of') }}
),

lines as (
    select
        lines.order_id,
        lines.product_id,
        lines.seller_id,
        lines.price,
        lines.freight_value,
        products.category,
        row_number() over (
            partition by lines.order_id
            order by lines.price desc, lines.order_item_id asc
        ) as price_rank,
        row_number() over (
            partition by lines.customer_unique_id, lines.product_id
            order by lines.purchased_at asc, lines.order_id asc, lines.order_item_id asc
        ) as line_of_product
    from {{ ref('products') }} as products
    inner join {{ ref('fct_order_items') }} as lines on products.product_id = lines.product_id
),

baskets as (
    select
        order_id,
        count(*) as items,
        count(case when line_of_product = 1 then 1 end) as new_products,
        sum(price) as order_value,
        sum(freight_value) as freight_value,
        max(case when price_rank = 1 then category end) as main_category,
        max(case when price_rank = 1 then product_id end) as main_product_id,
        max(case when price_rank = 1 then seller_id end) as main_seller_id
    from lines
    group by order_id
),

payments as (
    select
        order_id,
        max(payment_installments) as installments,
        max(payment_type = 'voucher') as is_paid_with_voucher,
        max(payment_type = 'boleto') as is_paid_with_boleto
    from {{ ref('order_payments') }}
    group by order_id
),

placed as (
    select
        orders.order_id,
        orders.customer_unique_id,
        customer_ids.state,
        orders.order_status,
        orders.is_revenue_order,
        orders.purchased_at,
        cast(orders.purchased_at as date) as purchase_date,
        cast(orders.estimated_delivery_at as date) as promised_date,
        case
            when cast(orders.delivered_to_customer_at as date) <= as_of.as_of_date
                then cast(orders.delivered_to_customer_at as date)
        end as delivery_date,
        coalesce(baskets.items, 0) as items,
        coalesce(baskets.new_products, 0) as new_products,
        coalesce(baskets.order_value, 0) as order_value,
        coalesce(baskets.freight_value, 0) as freight_value,
        coalesce(baskets.main_category, 'unknown') as main_category,
        baskets.main_product_id,
        baskets.main_seller_id,
        payments.installments,
        coalesce(payments.is_paid_with_voucher, false) as is_paid_with_voucher,
        coalesce(payments.is_paid_with_boleto, false) as is_paid_with_boleto,
        {{ days_between("date '1970-01-01'", 'orders.purchased_at') }} as day_number
    from {{ ref('customer_ids') }} as customer_ids
    inner join {{ ref('orders') }} as orders on customer_ids.customer_id = orders.customer_id
    cross join as_of
    left join baskets on orders.order_id = baskets.order_id
    left join payments on orders.order_id = payments.order_id
    where cast(orders.purchased_at as date) <= as_of.as_of_date
)

select
    order_id,
    customer_unique_id,
    state,
    order_status,
    is_revenue_order,
    purchased_at,
    purchase_date,
    promised_date,
    delivery_date,
    cast(items as int) as items,
    cast(new_products as int) as new_products,
    cast(order_value as decimal(18, 2)) as order_value,
    cast(freight_value as decimal(18, 2)) as freight_value,
    main_category,
    main_product_id,
    main_seller_id,
    cast(installments as int) as installments,
    is_paid_with_voucher,
    is_paid_with_boleto,
    row_number() over (
        partition by customer_unique_id, main_category
        order by purchased_at asc, order_id asc
    ) = 1 as is_new_category,
    coalesce(
        purchase_date < lead(purchase_date) over (
            partition by customer_unique_id
            order by purchased_at asc, order_id asc
        ),
        true
    ) as is_last_of_day,
    -- Frames are of numbers. This one ends, after more days than any shop has, because the engine would hold the
    -- whole table for one that does not.
    min(purchase_date) over (
        partition by customer_unique_id
        order by day_number asc
        range between 1 following and 100000 following
    ) as next_order_date,
    min(case when is_revenue_order and items > 0 then purchase_date end) over (
        partition by customer_unique_id
        order by day_number asc
        range between 1 following and 100000 following
    ) as next_purchase_date
from placed

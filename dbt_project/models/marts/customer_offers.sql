with next_products as (
    select * from {{ source('ml', 'product_recommendations') }}
    where rank = 1
),

buy_again as (
    select * from {{ source('ml', 'buy_again') }}
    where rank = 1
),

products as (
    select * from {{ ref('dim_product') }}
),

offers as (
    select
        coalesce(next_products.customer_unique_id, buy_again.customer_unique_id) as customer_unique_id,
        next_products.product_id as next_product_id,
        next_products.method as next_product_method,
        buy_again.product_id as buy_again_product_id
    from next_products
    full outer join buy_again on next_products.customer_unique_id = buy_again.customer_unique_id
)

select
    offers.customer_unique_id,
    offers.next_product_id,
    next_described.category as next_category,
    offers.next_product_method,
    offers.buy_again_product_id,
    again_described.category as buy_again_category
from offers
left join products as next_described on offers.next_product_id = next_described.product_id
left join products as again_described on offers.buy_again_product_id = again_described.product_id

{#- Two stretches of four complete weeks: the last ones, and those before, for comparison. -#}
{%- set compared_days = 28 -%}
{%- set a_share = 0.8 -%}
{%- set b_share = 0.95 -%}

with as_of as (
    select * from {{ ref('as_of') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

lines as (
    select
        lines.*,
        {{ days_between('lines.purchase_date', 'as_of.reporting_date') }} as days_ago
    from {{ ref('fct_order_items') }} as lines
    cross join as_of
    where lines.is_revenue_order
),

events as (
    {{ events_of_people() }}
),

sold as (
    select
        product_id,
        count(*) as units,
        sum(revenue) as revenue,
        sum(freight_value) as freight,
        min(purchased_at) as first_sold_at,
        max(purchased_at) as last_sold_at,
        sum(case
            when days_ago >= 0 and days_ago < {{ compared_days }} then revenue else 0
        end) as revenue_last_4_weeks,
        sum(case
            when days_ago >= {{ compared_days }} and days_ago < 2 * {{ compared_days }} then revenue else 0
        end) as revenue_4_weeks_before,
        count(delivered_at) as delivered_units,
        count(case when days_late > 0 then 1 end) as late_units,
        {{ quotient('sum(review_score)', 'count(review_score)', 'decimal(3, 2)') }} as average_review_score
    from lines
    group by product_id
),

-- Counted in two steps: a set of ids for each of many products would take more memory than all else.
in_orders as (
    select
        product_id,
        count(*) as orders
    from (
        select distinct
            product_id,
            order_id
        from lines
    ) as pairs
    group by product_id
),

of_buyers as (
    select
        product_id,
        count(*) as buyers
    from (
        select distinct
            product_id,
            customer_unique_id
        from lines
    ) as pairs
    group by product_id
),

from_sellers as (
    select
        product_id,
        count(*) as sellers
    from (
        select distinct
            product_id,
            seller_id
        from lines
    ) as pairs
    group by product_id
),

looked_at as (
    select
        events.product_id,
        count(case when events.event_type = 'product_view' then 1 end) as views,
        count(case when events.event_type = 'add_to_cart' then 1 end) as carts,
        min(events.provenance) as behaviour_provenance
    from events
    cross join as_of
    where
        events.event_type in ('product_view', 'add_to_cart')
        and cast(events.event_at as date) <= as_of.as_of_date
    group by events.product_id
),

measured as (
    select
        products.product_id,
        products.category,
        coalesce(in_orders.orders, 0) as orders,
        coalesce(of_buyers.buyers, 0) as buyers,
        coalesce(from_sellers.sellers, 0) as sellers,
        coalesce(sold.units, 0) as units,
        coalesce(sold.revenue, 0) as revenue,
        coalesce(sold.freight, 0) as freight,
        sold.first_sold_at,
        sold.last_sold_at,
        coalesce(sold.revenue_last_4_weeks, 0) as revenue_last_4_weeks,
        coalesce(sold.revenue_4_weeks_before, 0) as revenue_4_weeks_before,
        coalesce(sold.delivered_units, 0) as delivered_units,
        coalesce(sold.late_units, 0) as late_units,
        sold.average_review_score,
        coalesce(looked_at.views, 0) as views,
        coalesce(looked_at.carts, 0) as carts,
        looked_at.behaviour_provenance
    from products
    left join sold on products.product_id = sold.product_id
    left join in_orders on products.product_id = in_orders.product_id
    left join of_buyers on products.product_id = of_buyers.product_id
    left join from_sellers on products.product_id = from_sellers.product_id
    left join looked_at on products.product_id = looked_at.product_id
),

-- What better sellers bring, the product and its equals apart: equal products are in one class.
ranked as (
    select
        *,
        rank() over (order by revenue desc) as revenue_rank,
        sum(revenue) over () as shop_revenue,
        sum(revenue) over (order by revenue desc) - count(*) over (partition by revenue) * revenue as revenue_above
    from measured
)

select
    product_id,
    category,
    cast(orders as int) as orders,
    cast(buyers as int) as buyers,
    cast(sellers as int) as sellers,
    cast(units as int) as units,
    cast(revenue as decimal(18, 2)) as revenue,
    cast(freight as decimal(18, 2)) as freight,
    {{ quotient('revenue', 'units', 'decimal(18, 2)') }} as average_price,
    cast(revenue_rank as int) as revenue_rank,
    case
        when revenue = 0 then 'none'
        when revenue_above < {{ a_share }} * shop_revenue then 'A'
        when revenue_above < {{ b_share }} * shop_revenue then 'B'
        else 'C'
    end as revenue_class,
    first_sold_at,
    last_sold_at,
    cast(revenue_last_4_weeks as decimal(18, 2)) as revenue_last_4_weeks,
    cast(revenue_4_weeks_before as decimal(18, 2)) as revenue_4_weeks_before,
    cast(delivered_units as int) as delivered_units,
    cast(late_units as int) as late_units,
    average_review_score,
    cast(views as int) as views,
    cast(carts as int) as carts,
    behaviour_provenance
from ranked

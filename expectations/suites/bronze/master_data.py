"""Who and what orders refer to: customers and products."""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.bronze.delivered import judged, last_two, standing
from expectations.suites.common import ENGINEERING, at_least, at_most, critical, share, warning

PRODUCTS_BY_CATEGORY = Suite(
    layer="bronze",
    table="products",
    name="products_by_category",
    owner=ENGINEERING,
    measure=f"""
    with {standing("products")}

    select
        coalesce(nullif(trim(product_category_name), ''), 'none') as key,
        count(*) as products
    from standing
    group by coalesce(nullif(trim(product_category_name), ''), 'none')
    order by products desc, key asc
    limit 1000
    """,
    checks=(
        critical(
            "category_left_the_catalogue",
            Dimension.COMPLETENESS,
            "A catalogue without one of its categories leaves its lines without a product; categories are renamed "
            "one at a time, and somebody should know.",
            at_least("products_ratio", 0.4),
        ),
    ),
)

CUSTOMERS = Suite(
    layer="bronze",
    table="customers",
    owner=ENGINEERING,
    measure=f"""
    with {last_two("customers")},

    {judged("customers")},

    ids as (
        select
            customer_id,
            max(case when age = 1 then customer_unique_id end) as person,
            max(case when age = 2 then customer_unique_id end) as person_before
        from last_two
        group by customer_id
    ),

    kept as (
        select avg(case
            when person_before is not null then case when person = person_before then 1.0d else 0.0d end
        end) as kept_share
        from ids
    ),

    same as (
        select {share("delivered.customer_unique_id = delivered.customer_id")} as same_id_share
        from bronze.customers as delivered
        inner join newest on delivered._batch_id = newest._batch_id
    )

    select *
    from kept
    cross join same
    """,
    checks=(
        critical(
            "customers_were_replaced",
            Dimension.CONSISTENCY,
            "With another salt in the export everybody is somebody else: returning customers count as new ones, and "
            "every figure about people is wrong.",
            at_least("kept_share", 0.9),
        ),
        warning(
            "people_lost_their_second_orders",
            Dimension.CONSISTENCY,
            "A customer_id is new with each order; where it stands for the person too, nobody ever comes back.",
            at_most("same_id_share", 0.5),
        ),
    ),
)

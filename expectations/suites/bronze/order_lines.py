"""What orders consist of, are paid with and are said to have been: items, payments, reviews."""

from __future__ import annotations

from expectations.checks import Dimension, Suite
from expectations.suites.bronze.delivered import judged, money, repeated_keys, repeats, standing
from expectations.suites.common import ENGINEERING, at_least, at_most, between, critical, share, warning

PRICE, FREIGHT = money("price"), money("freight_value")
PAYMENT_TYPES = "'credit_card', 'boleto', 'voucher', 'debit_card', 'not_defined'"
# A type that was not told is no new one: of such a payment the money counts.
UNKNOWN_TYPE = f"nullif(trim(payment_type), '') not in ({PAYMENT_TYPES})"
UNKNOWN_PAYMENTS = (
    f"select order_id, payment_sequential, payment_type from bronze.order_payments where {UNKNOWN_TYPE}"
)

ORDER_ITEMS = Suite(
    layer="bronze",
    table="order_items",
    owner=ENGINEERING,
    measure=f"""
    with {judged("order_items")},

    {repeats("order_items", "order_id, order_item_id")},

    measured as (
        select
            median({PRICE}) as median_price,
            median({FREIGHT}) as median_freight,
            percentile({PRICE}, 0.95) as high_price,
            median({PRICE}) / nullif(median({FREIGHT}), 0) as price_to_freight,
            {share(f"{PRICE} is null or {FREIGHT} is null")} as unreadable_share,
            {share(f"{FREIGHT} < 0 or {PRICE} < 0")} as negative_share
        from judged
    )

    select *
    from measured
    cross join repeats
    """,
    checks=(
        critical(
            "price_and_freight_were_swapped",
            Dimension.CONSISTENCY,
            "Two columns of money that change places break no rule of either; what a shop sells costs more than to "
            "send it.",
            at_least("price_to_freight", 1),
        ),
        critical(
            "prices_changed_their_unit",
            Dimension.DISTRIBUTION,
            "Prices in cents make every product a hundred times dearer; the median price of a shop never doubles "
            "from one delivery to the next.",
            between("median_price_ratio", 0.5, 2),
        ),
        critical(
            "freight_changed_its_unit",
            Dimension.DISTRIBUTION,
            "Freight in cents, or for all lines of an order on each of them, moves the median far more than a new "
            "tariff.",
            between("median_freight_ratio", 0.5, 2),
        ),
        warning(
            "dear_products_lost_their_price",
            Dimension.DISTRIBUTION,
            "A separator of thousands that is read as a decimal point makes only dear products cheap: 1.299 for "
            "1299.00.",
            between("high_price_ratio", 0.6, 1.67),
        ),
        critical(
            "prices_were_unreadable",
            Dimension.VALIDITY,
            "A decimal comma makes every price unreadable, and the lines would all wait in quarantine.",
            at_most("unreadable_share", 0.05),
            f"select order_id, order_item_id, price, freight_value from bronze.order_items where {PRICE} is null "
            f"or {FREIGHT} is null",
        ),
        critical(
            "amounts_turned_negative",
            Dimension.VALIDITY,
            "An export of bookings gives freight and price the sign of a cost; refunds by themselves are a few in a "
            "hundred lines.",
            at_most("negative_share", 0.05),
            f"select order_id, order_item_id, price, freight_value from bronze.order_items where {PRICE} < 0 "
            f"or {FREIGHT} < 0",
        ),
        critical(
            "order_lines_were_loaded_twice",
            Dimension.UNIQUENESS,
            "Half the lines of a file that was written twice are repeats; exports as they are repeat a few in a "
            "hundred.",
            at_most("repeated_share", 0.2),
            repeated_keys("order_items", "order_id, order_item_id"),
        ),
    ),
)

ORDER_ITEMS_BY_CATEGORY = Suite(
    layer="bronze",
    table="order_items",
    name="order_items_by_category",
    owner=ENGINEERING,
    measure=f"""
    with {standing("order_items")},

    categories as (
        select
            trim(product_id) as product_id,
            max_by(nullif(trim(product_category_name), ''), _ingested_at) as category
        from bronze.products
        group by trim(product_id)
    ),

    sold as (
        select
            trim(product_id) as product_id,
            count(*) as lines
        from standing
        group by trim(product_id)
    )

    select
        coalesce(categories.category, 'none') as key,
        sum(sold.lines) as lines
    from sold
    left join categories on sold.product_id = categories.product_id
    group by coalesce(categories.category, 'none')
    order by lines desc, key asc
    limit 1000
    """,
    checks=(
        critical(
            "category_stopped_selling",
            Dimension.COMPLETENESS,
            "A filter in the export that leaves out a category takes its whole past with it; what was sold stays "
            "sold.",
            at_least("lines_ratio", 0.5),
        ),
    ),
)

ORDER_PAYMENTS = Suite(
    layer="bronze",
    table="order_payments",
    owner=ENGINEERING,
    measure=f"""
    with {judged("order_payments")}

    select
        median({money("payment_value")}) as median_payment,
        {share(UNKNOWN_TYPE)} as share_of_unknown_type
    from judged
    """,
    checks=(
        critical(
            "payments_changed_their_unit",
            Dimension.DISTRIBUTION,
            "Payments in cents, or one instalment in place of the sum, move the median by more than any change of "
            "prices.",
            between("median_payment_ratio", 0.5, 2),
        ),
        warning(
            "payment_type_is_new",
            Dimension.VALIDITY,
            "Payments of a type that no rule knows wait in quarantine, and their orders look as if nobody had paid, "
            "until somebody decides what it means.",
            at_most("share_of_unknown_type", 0),
            UNKNOWN_PAYMENTS,
        ),
        critical(
            "many_payments_took_an_unknown_type",
            Dimension.VALIDITY,
            "A shop that opens a new way to pay, or renames one, sends all its payments to quarantine; one in two "
            "hundred is a way to pay, and no slip of a clerk.",
            at_most("share_of_unknown_type", 0.005),
            UNKNOWN_PAYMENTS,
        ),
    ),
)

ORDER_REVIEWS = Suite(
    layer="bronze",
    table="order_reviews",
    owner=ENGINEERING,
    measure=f"""
    with {judged("order_reviews")}

    select avg(cast(try_cast(review_score as int) as double)) as average_score
    from judged
    """,
    checks=(
        warning(
            "review_scale_was_turned_round",
            Dimension.DISTRIBUTION,
            "A scale on which 1 is best, or one of ten, passes for scores of 1 to 5 and moves their mean.",
            between("average_score_ratio", 0.85, 1.15),
        ),
    ),
)

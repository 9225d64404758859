"""Pairs of products bought in one order or viewed in one visit.

Why not SQL: a self-join writes out every pair of every basket before it counts the first one, so a handful of
large baskets dominates the work. Here each block of baskets is counted where it lies and only the counts travel.
"""

from collections import Counter
from itertools import combinations_with_replacement

# Somebody who looks around sees all kinds of things: a single visit says nothing of a pair that nobody bought.
MINIMUM_SESSIONS_TOGETHER = 2


def count_pairs(baskets):
    """Count the unordered pairs of products in the same basket, and each product with itself.

    Args:
        baskets: an iterable of iterables of product ids; repeats within a basket count once.

    Returns:
        A Counter of (product_id, other_product_id) with product_id <= other_product_id: the upper half of the
        co-occurrence matrix. Its diagonal counts the baskets that hold a product.
    """
    pairs = Counter()
    for basket in baskets:
        pairs.update(combinations_with_replacement(sorted(set(basket)), 2))
    return pairs


def count_blocks(blocks):
    """Apply :func:`count_pairs` to frames with a column ``products`` of lists; yields frames of pairs."""
    import pandas as pd

    for block in blocks:
        pairs = count_pairs(block["products"])
        yield pd.DataFrame(
            [(one, other, count) for (one, other), count in pairs.items()],
            columns=["product_id", "other_product_id", "baskets_together"],
        )


def pair_counts(lines):
    """Apply :func:`count_pairs` to a Spark frame with basket_id and product_id; block by block, so a pair may be in
    several rows of product_id, other_product_id and baskets_together."""
    from pyspark.sql import functions as F

    return (
        lines.groupBy("basket_id")
        .agg(F.collect_set("product_id").alias("products"))
        .select("products")
        .mapInPandas(count_blocks, "product_id string, other_product_id string, baskets_together bigint")
    )


def counted_sessions(sessions):
    """The visits whose views count: the observed ones where there are any, else the generated ones.

    Args:
        sessions: a Spark frame with provenance, one row per visit.

    Returns:
        Its rows of one provenance.
    """
    from pyspark.sql import functions as F

    any_observed = sessions.agg(F.max(F.expr("provenance = 'observed'")).alias("any_observed"))
    return any_observed.crossJoin(sessions).where("provenance = 'observed' or not any_observed").drop("any_observed")


def affinity(order_lines, session_lines):
    """Count, for each ordered pair of products, the orders and the visits that hold both and each.

    A pair is there if it was bought together once, or viewed together in :data:`MINIMUM_SESSIONS_TOGETHER` visits.

    Args:
        order_lines: a Spark frame with basket_id (an order) and product_id, one row per line of an order.
        session_lines: a Spark frame with basket_id (a visit), product_id and provenance, one row per view, all of
            one provenance.

    Returns:
        A Spark frame with product_id, other_product_id, orders_together, orders_with_product, orders_with_other,
        order_count (all orders), sessions_together, sessions_with_product, sessions_with_other, session_count (all
        visits) and behaviour_provenance (of the visits; null without any), one row per ordered pair.
    """
    from pyspark.sql import functions as F

    order_count = order_lines.select("basket_id").distinct().agg(F.count("*").alias("order_count"))
    session_count = (
        session_lines.select("basket_id", "provenance")
        .distinct()
        .agg(F.count("*").alias("session_count"), F.max("provenance").alias("behaviour_provenance"))
    )
    keys = ("product_id", "other_product_id")
    bought = pair_counts(order_lines).selectExpr(*keys, "baskets_together as orders", "0L as sessions")
    viewed = pair_counts(session_lines).selectExpr(*keys, "0L as orders", "baskets_together as sessions")
    counts = (
        bought.unionByName(viewed)
        .groupBy(*keys)
        .agg(F.sum("orders").alias("orders"), F.sum("sessions").alias("sessions"))
        .where(f"product_id = other_product_id or orders > 0 or sessions >= {MINIMUM_SESSIONS_TOGETHER}")
    )
    # Both directions from one row, and each product's own counts by a window: a frame that is named twice is counted
    # twice.
    both = counts.withColumn("is_mirrored", F.explode(F.expr("sequence(0, int(product_id != other_product_id))")))
    matrix = both.selectExpr(
        "if(is_mirrored = 1, other_product_id, product_id) as product_id",
        "if(is_mirrored = 1, product_id, other_product_id) as other_product_id",
        "orders as orders_together",
        "sessions as sessions_together",
    )
    # A product's row with itself comes first, so the engine need not hold all of them to find it.
    alone = (
        "first_value({}_together) over (partition by {} order by product_id != other_product_id "
        "rows between unbounded preceding and current row)"
    )
    pairs = matrix.selectExpr(
        *keys,
        "orders_together",
        f"{alone.format('orders', 'product_id')} as orders_with_product",
        f"{alone.format('orders', 'other_product_id')} as orders_with_other",
        "sessions_together",
        f"{alone.format('sessions', 'product_id')} as sessions_with_product",
        f"{alone.format('sessions', 'other_product_id')} as sessions_with_other",
    ).where("product_id != other_product_id")
    # The single rows first: the embedded engine gives a batch for each row on the left of a cross join.
    return (
        order_count.crossJoin(session_count)
        .crossJoin(pairs)
        .select(
            *keys,
            "orders_together",
            "orders_with_product",
            "orders_with_other",
            "order_count",
            "sessions_together",
            "sessions_with_product",
            "sessions_with_other",
            "session_count",
            "behaviour_provenance",
        )
    )


def model(dbt, session):
    order_lines = (
        dbt.ref("fct_order_items").where("is_revenue_order").selectExpr("order_id as basket_id", "product_id")
    )
    sessions = (
        dbt.ref("fct_sessions")
        .where("not is_bot and views > 0")
        .selectExpr("session_id as basket_id", "visitor_id", "started_at", "ended_at", "provenance")
    )
    views = (
        dbt.ref("clickstream_events")
        .where("event_type = 'product_view'")
        .selectExpr("coalesce(visitor_id, session_id) as visitor_id", "event_at", "product_id")
    )
    session_lines = (
        counted_sessions(sessions)
        .join(views, "visitor_id")
        .where("event_at between started_at and ended_at")
        .select("basket_id", "product_id", "provenance")
    )
    return affinity(order_lines, session_lines)

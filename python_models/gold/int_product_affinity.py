"""Pairs of products bought in one order.

Why not SQL: a self-join writes out every pair of every basket before it counts the first one, so a handful of
large baskets dominates the work. Here each block of baskets is counted where it lies and only the counts travel.
"""

from collections import Counter
from itertools import combinations


def count_pairs(baskets):
    """Count the unordered pairs of distinct products in the same basket.

    Args:
        baskets: an iterable of iterables of product ids; repeats within a basket count once.

    Returns:
        A Counter of (product_id, other_product_id) with product_id < other_product_id.
    """
    pairs = Counter()
    for basket in baskets:
        pairs.update(combinations(sorted(set(basket)), 2))
    return pairs


def count_blocks(blocks):
    """Apply :func:`count_pairs` to frames with a column ``products`` of lists; yields frames of pairs."""
    import pandas as pd

    for block in blocks:
        pairs = count_pairs(block["products"])
        yield pd.DataFrame(
            [(one, other, count) for (one, other), count in pairs.items()],
            columns=["product_id", "other_product_id", "orders_together"],
        )


def affinity(lines):
    """Count, for each ordered pair of products, the orders that hold both and each.

    Args:
        lines: a Spark frame with order_id and product_id, one row per line of an order.

    Returns:
        A Spark frame with product_id, other_product_id, orders_together, orders_with_product,
        orders_with_other and order_count (all orders), one row per ordered pair.
    """
    from pyspark.sql import functions as F

    lines = lines.select("order_id", "product_id").distinct()
    baskets = lines.groupBy("order_id").agg(F.collect_list("product_id").alias("products"))
    pairs = (
        baskets.where(F.size("products") > 1)
        .select("products")
        .mapInPandas(count_blocks, "product_id string, other_product_id string, orders_together bigint")
        .groupBy("product_id", "other_product_id")
        .agg(F.sum("orders_together").alias("orders_together"))
    )
    mirrored = pairs.select(
        F.col("other_product_id").alias("product_id"),
        F.col("product_id").alias("other_product_id"),
        "orders_together",
    )
    alone = lines.groupBy("product_id").agg(F.count("*").alias("orders_with_product"))
    other = alone.select(
        F.col("product_id").alias("other_product_id"),
        F.col("orders_with_product").alias("orders_with_other"),
    )
    order_count = baskets.agg(F.count("*").alias("order_count"))
    return (
        pairs.unionByName(mirrored)
        .join(alone, "product_id")
        .join(other, "other_product_id")
        .crossJoin(order_count)
        .select(
            "product_id",
            "other_product_id",
            "orders_together",
            "orders_with_product",
            "orders_with_other",
            "order_count",
        )
    )


def model(dbt, session):
    orders = (
        dbt.ref("orders")
        .crossJoin(dbt.ref("as_of"))
        .where("is_revenue_order and cast(purchased_at as date) <= as_of_date")
        .select("order_id")
    )
    return affinity(dbt.ref("order_items").join(orders, "order_id"))

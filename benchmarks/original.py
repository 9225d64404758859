"""The notebook project's way, for the tables that both projects have: `python -m benchmarks.original IN OUT`.

Its notebooks' logic as its README and public code tell it, as one plain PySpark script on Apache Spark in this
process: CSV with inferred types, dates parsed, clicks without a user dropped, Parquet written for each table, RFM by
``customer_id`` (which is another one for every order), views 1, carts 3 and purchases 5 added up, revenue by week.
Nothing is tested, nothing is quarantined, and a second run does everything again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TABLES = ("orders", "order_items", "order_payments", "order_reviews", "customers", "products")
EVENTS = "clickstream_events.csv"
MEMORY = "4g"


def started(**more: str) -> SparkSession:
    """Apache Spark in this process, on all processors.

    Args:
        more: settings, with _ for a dot.
    """
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings: dict[str, bool | float | int | str | None] = {
        "spark.driver.memory": MEMORY,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        # Its notebooks left 200, which takes as long here: Spark joins small partitions by itself.
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 2),
        **{name.replace("_", "."): value for name, value in more.items()},
    }
    session = SparkSession.builder.master("local[*]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def silver(session: SparkSession, source: Path, out: Path) -> None:
    """CSV to typed Parquet."""
    from pyspark.sql import functions as F

    for name in TABLES:
        frame = _csv(session, source / f"olist_{name}_dataset.csv")
        for column in frame.columns:
            if column.endswith(("_timestamp", "_at", "_date")):
                frame = frame.withColumn(column, F.to_timestamp(column))
        frame.write.mode("overwrite").parquet(str(out / "silver" / name))
    clicks = _csv(session, source / EVENTS)
    clicks = clicks.withColumn("event_timestamp", F.to_timestamp("event_timestamp"))
    clicks = clicks.filter(F.col("event_timestamp").isNotNull() & F.col("customer_unique_id").isNotNull())
    clicks.write.mode("overwrite").parquet(str(out / "silver" / "clickstream"))


def gold(session: SparkSession, out: Path) -> None:
    """The three Gold tables."""
    from pyspark.sql import functions as F

    def read(name: str) -> DataFrame:
        return session.read.parquet(str(out / "silver" / name))

    def write(frame: DataFrame, name: str) -> None:
        frame.write.mode("overwrite").parquet(str(out / "gold" / name))

    orders, items, customers, clicks = map(read, ("orders", "order_items", "customers", "clickstream"))
    lines = orders.join(items, "order_id").join(customers, "customer_id")
    newest = orders.agg(F.max("order_purchase_timestamp")).first()
    assert newest is not None
    browsing = clicks.groupBy("customer_unique_id").agg(
        F.count("*").alias("events"), F.countDistinct("session_id").alias("sessions")
    )
    rfm = lines.groupBy("customer_id", "customer_unique_id", "customer_state").agg(
        F.datediff(F.lit(newest[0]), F.max("order_purchase_timestamp")).alias("recency"),
        F.countDistinct("order_id").alias("frequency"),
        F.sum("price").alias("monetary"),
    )
    write(rfm.join(browsing, "customer_unique_id", "left"), "customer_360")

    weight = (
        F.when(F.col("event_type") == "product_view", 1).when(F.col("event_type") == "add_to_cart", 3).otherwise(0)
    )
    viewed = clicks.select("customer_unique_id", "product_id", weight.alias("strength"))
    bought = lines.select("customer_unique_id", "product_id", F.lit(5).alias("strength"))
    strengths = viewed.unionByName(bought).groupBy("customer_unique_id", "product_id")
    write(strengths.agg(F.sum("strength").alias("interaction_strength")), "interaction_matrix")

    weekly = lines.groupBy(F.date_trunc("week", "order_purchase_timestamp").alias("week_start"))
    write(weekly.agg(F.sum("price").alias("revenue"), F.countDistinct("order_id").alias("orders")), "weekly_revenue")


def _csv(session: SparkSession, path: Path) -> DataFrame:
    return session.read.csv(str(path), header=True, inferSchema=True, multiLine=True, escape='"')


def main() -> None:
    """Make the tables, and say how many seconds that took once the session was there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.original", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    told = parser.parse_args()
    session = started()
    begun = time.perf_counter()
    silver(session, told.source, told.out)
    gold(session, told.out)
    print(time.perf_counter() - begun)
    session.stop()


if __name__ == "__main__":
    main()

"""The weekly forecast of the notebook project on the real data: a reference, never a forecast.

It predicts a week's revenue from the number of items sold in that same week, which nobody knows before it is over,
and published an R² of 0.36. ``python -m tests.studies.leaky_reference WAREHOUSE`` does the same on the Gold tables of
the real Olist and prints what becomes of the figure when one thing is changed. Needs Java for Spark's own trees.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from deltalake import DeltaTable

from ml.forecast.metrics import r2

CUT, SPLIT = "2018-08-20", "2018-06-01"
"""The notebook's dates: the data ends before the first, and what is predicted begins with the second."""
LEAKY = ("week_of_year", "items")


def weeks(lines: pd.DataFrame) -> pd.DataFrame:
    """Weeks as the notebook made them: by calendar year and ISO week number, orders of any status.

    Args:
        lines: a row per line of an order with ``purchase_date`` and ``price``.

    Returns:
        ``first_day``, ``week_of_year``, ``items``, ``revenue`` and ``items_4_weeks_before``, by time.
    """
    day = pd.to_datetime(lines["purchase_date"])
    lines = lines.assign(day=day, year=day.dt.year, week_of_year=day.dt.isocalendar()["week"].astype(int))
    found = (
        lines[day < CUT]
        .groupby(["year", "week_of_year"])
        .agg(first_day=("day", "min"), items=("price", "size"), revenue=("price", lambda price: float(price.sum())))
        .reset_index()
        .sort_values("first_day")
    )
    return found.assign(items_4_weeks_before=found["items"].shift(4).fillna(0))


def split(rows: pd.DataFrame, since: str = "2016-01-01") -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is learned from and what is predicted."""
    return rows[(rows["first_day"] >= since) & (rows["first_day"] < SPLIT)], rows[rows["first_day"] >= SPLIT]


def without_a_model(rows: pd.DataFrame) -> float:
    """R² of the items of the very week times the mean price of an item before."""
    learned, predicted = split(rows)
    price = learned["revenue"].sum() / learned["items"].sum()
    return r2(predicted["revenue"], price * predicted["items"])


def with_sklearn(rows: pd.DataFrame, features: tuple[str, ...] = LEAKY, since: str = "2016-01-01") -> float:
    """R² of fifty gradient-boosted trees of depth five."""
    from sklearn.ensemble import GradientBoostingRegressor

    learned, predicted = split(rows, since)
    trees = GradientBoostingRegressor(n_estimators=50, max_depth=5, learning_rate=0.1, random_state=0)
    trees.fit(learned[list(features)], learned["revenue"])
    return r2(predicted["revenue"], trees.predict(predicted[list(features)]))


def with_spark(rows: pd.DataFrame, features: tuple[str, ...] = LEAKY, since: str = "2016-01-01") -> float:
    """The same with the trees of Spark, which the notebook used."""
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import GBTRegressor
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    assembler = VectorAssembler(inputCols=list(features), outputCol="features")
    learned, predicted = (
        assembler.transform(spark.createDataFrame(part[[*features, "revenue"]].astype(float)).coalesce(1))
        for part in split(rows, since)
    )
    trees = GBTRegressor(labelCol="revenue", maxIter=50, maxDepth=5, seed=0).fit(learned)
    answers = trees.transform(predicted).select("revenue", "prediction").toPandas()
    return r2(answers["revenue"], answers["prediction"])


def read(warehouse: Path) -> pd.DataFrame:
    """The weeks of a warehouse."""
    lines = DeltaTable(warehouse / "gold" / "fct_order_items").to_pyarrow_table(columns=["purchase_date", "price"])
    return weeks(lines.to_pandas().astype({"price": float}))


def main(warehouse: Path) -> None:
    rows = read(warehouse)
    honest = ("week_of_year", "items_4_weeks_before")
    print("LEAKY REFERENCE: R² of eleven weeks, predicted from what is known after them")
    print(f"as published: Spark's trees, items of the very week   {with_spark(rows):+.4f}")
    print(f"  without the stray weeks of 2016                     {with_spark(rows, since='2017-01-01'):+.4f}")
    print(f"  items of four weeks before instead                  {with_spark(rows, honest):+.4f}")
    print(f"scikit-learn's trees, items of the very week          {with_sklearn(rows):+.4f}")
    print(f"  without the stray weeks of 2016                     {with_sklearn(rows, since='2017-01-01'):+.4f}")
    print(f"  items of four weeks before instead                  {with_sklearn(rows, honest):+.4f}")
    print(f"no model: items of the very week × mean price         {without_a_model(rows):+.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

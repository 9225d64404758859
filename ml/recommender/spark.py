"""The same factorisation by ``pyspark.ml``, for more than one machine holds; the artefact is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml.recommender.als import AlsParams, Factors
from ml.recommender.interactions import Interactions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def factorise_on_spark(session: SparkSession, past: Interactions, params: AlsParams, seed: int) -> Factors:
    """Item factors of :func:`ml.recommender.als.factorise`, computed by Spark MLlib.

    Spark multiplies ``regularization`` by the number of a row's interactions, so that the same number is a stronger
    ridge there.

    Returns:
        Shape (items, factors).
    """
    from pyspark.ml.recommendation import ALS

    pairs = past.strengths().tocoo()
    frame = session.createDataFrame(
        pd.DataFrame(
            {
                "user": pairs.row.astype(np.int32),
                "item": pairs.col.astype(np.int32),
                "rating": pairs.data.astype(np.float32),
            }
        )
    )
    als = ALS(
        rank=params.factors,
        maxIter=params.iterations,
        regParam=params.regularization,
        alpha=float(params.alpha),
        implicitPrefs=True,
        seed=seed,
        userCol="user",
        itemCol="item",
        ratingCol="rating",
    )
    rows = pd.DataFrame(als.fit(frame).itemFactors.toPandas())
    factors = np.zeros((len(past.items), params.factors), dtype=np.float32)
    factors[rows["id"].to_numpy()] = np.stack(rows["features"].to_list())
    return factors

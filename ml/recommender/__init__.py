"""Recommendations from who dealt with what: implicit ALS, what it has to beat, and what completes a basket.

:func:`fit` and :func:`evaluate` take any pandas or Arrow frame of user, item, weight and timestamp.
"""

from ml.recommender.als import AlsParams
from ml.recommender.evaluation import Evaluation, evaluate
from ml.recommender.recommender import Recommender, fit

__all__ = ["AlsParams", "Evaluation", "Recommender", "evaluate", "fit"]

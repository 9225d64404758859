"""What a model must be better than: rankings that nobody has to learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ml.churn.examples import Examples, Floats

SORT = "frequency_then_recency"
"""The ranking to beat: by orders, then by how short ago the last one was."""
DAYS_MOST = 1e6


def rankings(examples: Examples, rows: np.ndarray) -> Mapping[str, Floats]:
    """Scores of the people of one date, higher for whom each ranking expects to buy; each of shape (n,)."""
    orders, days = (examples.column(name, rows) for name in ("orders", "days_since_last_order"))
    spend = examples.column("spend", rows)
    return {
        "prevalence": np.zeros(len(rows)),
        "recency": -days,
        "rfm_score": quintile(-days) + np.minimum(orders, 5) + quintile(spend),
        SORT: orders * DAYS_MOST - days,
    }


def quintile(values: Floats) -> Floats:
    """1 to 5 by rank, equal values alike: as the scores of ``gold.customer_360``."""
    position = (pd.Series(values).rank(method="min").to_numpy() - 1) / max(len(values) - 1, 1)
    return np.minimum(np.floor(position * 5) + 1, 5)

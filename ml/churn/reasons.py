"""Why a person is likely or not to buy again, in words: the subjects that move their score most."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ml.churn.examples import Floats
from ml.churn.features import features

REASONS = 3
UP, DOWN = "speaks for another purchase", "speaks against another purchase"


def _count(number: float, one: str, many: str) -> str:
    return f"{number:.0f} {one if number == 1 else many}"


def _review(score: float) -> str:
    return "no review yet" if np.isnan(score) else f"reviews of {score:.1f} on average"


def _freight(ratio: float) -> str:
    return "no freight known" if np.isnan(ratio) else f"freight of {100 * ratio:.0f} % of the price"


def _share(part: float, whole: float, words: str) -> str:
    return f"{part:.0f} of {_count(whole, 'order', 'orders')} {words}"


Row = dict[str, float]
WORDS: dict[str, Callable[[Row], str]] = {
    "recency": lambda r: f"last order {_count(r['days_since_last_order'], 'day', 'days')} ago",
    "frequency": lambda r: f"{_count(r['orders'], 'order', 'orders')} on {_count(r['order_days'], 'day', 'days')}",
    "span": lambda r: (
        _count(r["days_since_first_order"] - r["days_since_last_order"], "day", "days")
        + " between first and last order"
    ),
    "value": lambda r: f"R$ {r['average_order_value']:.0f} an order",
    "items": lambda r: f"{_count(r['distinct_products'], 'product', 'different products')} bought",
    "freight": lambda r: (
        "no freight known"
        if np.isnan(r["freight_ratio"])
        else f"freight of {100 * r['freight_ratio']:.0f} % of the price"
    ),
    "categories": lambda r: f"orders from {_count(r['main_categories'], 'category', 'categories')}",
    "instalments": lambda r: f"{r['average_installments']:.1f} instalments an order",
    "payment": lambda r: (
        f"paid {_count(r['voucher_orders'], 'order', 'orders')} by voucher, {r['boleto_orders']:.0f} by boleto"
    ),
    "delivery": lambda r: _share(r["late_or_overdue_orders"], r["orders"], "late"),
    "review": lambda r: _review(r["average_review_score"]),
    "popularity": lambda r: f"last product ordered {_count(r['last_product_orders'], 'time', 'times')} in the shop",
    "seller": lambda r: f"buyers from the same seller return {_times(r['seller_repeat_ratio'])}",
    "category": lambda r: f"buyers of the same category return {_times(r['category_repeat_ratio'])}",
    "state": lambda r: f"buyers from the same state return {_times(r['state_repeat_ratio'])}",
    "visits": lambda r: f"{_count(r['active_days'], 'day', 'days')} with a visit in the last 90",
}
"""By subject, how its state is said of a person."""


def _times(ratio: float) -> str:
    return "as often as all" if np.isnan(ratio) else f"{ratio:.2f} times as often as all"


def by_subject(contributions: Floats, clickstream: str) -> pd.DataFrame:
    """Sums of contributions of the features of each subject, shape (n, subjects)."""
    subjects = [feature.subject for feature in features(clickstream)]
    names = list(dict.fromkeys(subjects))
    return pd.DataFrame(
        {
            name: contributions[:, [place for place, of in enumerate(subjects) if of == name]].sum(axis=1)
            for name in names
        }
    )


def in_words(contributions: Floats, raw: pd.DataFrame, clickstream: str) -> pd.DataFrame:
    """The three strongest subjects of each person, strongest first.

    Args:
        contributions: what each feature adds to the log odds, shape (n, f).
        raw: the columns that features are made of, shape (n, c).

    Returns:
        ``reason_1`` to ``reason_3``, shape (n, 3).
    """
    sums = by_subject(contributions, clickstream)
    names, values = list(sums), sums.to_numpy()
    strongest = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :REASONS]
    rows = raw.to_dict("records")
    words = [
        [f"{WORDS[names[subject]](row)}: {UP if own[subject] > 0 else DOWN}" for subject in subjects]
        for row, own, subjects in zip(rows, values, strongest, strict=True)
    ]
    return pd.DataFrame(words, columns=[f"reason_{place}" for place in range(1, REASONS + 1)])

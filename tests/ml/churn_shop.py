"""Churn examples of a made-up shop, straight as a frame: who orders, how often, and one column that may say so."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.churn.features import BEHAVIOUR

REPORTING_DATE = date(2018, 8, 19)
FIRST_DAY = date(2017, 1, 2)
DATES = [REPORTING_DATE + timedelta(1 - 30 * step) for step in range(16, -1, -1)]
RATE = 0.05 / 90
"""Further orders a day of an average person."""


def shop(signal: float, people: int = 3000, seed: int = 0, rate: float = RATE) -> dict[str, pd.DataFrame]:
    """The frames that the churn model reads.

    Args:
        signal: how strongly the logarithm of a person's rate follows what ``seller_repeat_ratio`` shows; 0: not at
        all.
        people: how many.
        seed: another one gives another shop.
        rate: of the average person.
    """
    random = np.random.default_rng(seed)
    days = (REPORTING_DATE - FIRST_DAY).days
    taste = random.normal(size=people)
    each = rate * np.exp(signal * taste - signal**2 / 2)
    first = random.integers(0, days, size=people)
    further = random.poisson(each * (days - first))
    who = np.concatenate([np.arange(people), np.repeat(np.arange(people), further)])
    again = np.repeat(first, further)
    when = np.concatenate([first, again + 1 + (random.random(len(again)) * (days - again)).astype(int)])
    value = np.round(np.exp(random.normal(4.5, 0.8, size=len(who))), 2)
    order = np.lexsort((when, who))
    who, when, value = who[order], when[order], value[order]
    parts = [_examples(at, who, when, value, taste, random) for at in DATES]
    orders = pd.DataFrame(
        {
            "customer_unique_id": [f"p{number:05}" for number in who],
            "purchase_date": pd.Timestamp(FIRST_DAY) + pd.to_timedelta(when, unit="D"),
            "order_value": value,
            "is_revenue_order": True,
        }
    )
    return {"churn_examples": pd.concat(parts, ignore_index=True), "fct_orders": orders}


def _examples(
    at: date,
    who: NDArray[Any],
    when: NDArray[Any],
    value: NDArray[Any],
    taste: NDArray[Any],
    random: np.random.Generator,
) -> pd.DataFrame:
    now = (at - FIRST_DAY).days
    known = pd.DataFrame({"who": who, "when": when, "value": value})[when < now].groupby("who")
    coming = pd.DataFrame({"who": who, "when": when})[when >= now].groupby("who")["when"].min()
    people = np.array(list(known.groups), dtype=int)
    orders = known.size().to_numpy()
    spend = known["value"].sum().to_numpy()
    frame = pd.DataFrame(
        {
            "customer_unique_id": [f"p{number:05}" for number in people],
            "reference_date": pd.Timestamp(at),
            "orders": orders,
            "order_days": known["when"].nunique().to_numpy(),
            "days_since_last_order": now - known["when"].max().to_numpy(),
            "days_since_first_order": now - known["when"].min().to_numpy(),
            "spend": spend,
            "average_order_value": spend / orders,
            "last_order_value": known["value"].last().to_numpy(),
            "average_items": 1.0,
            "distinct_products": orders,
            "freight_ratio": 0.2,
            "main_categories": 1,
            "average_installments": 2.0,
            "voucher_orders": 0,
            "boleto_orders": 0,
            "delivered_orders": orders,
            "late_or_overdue_orders": 0,
            "average_delivery_days": 12.0,
            "reviews": orders,
            "average_review_score": np.where(people % 3 == 0, np.nan, 4.0),
            "last_product_orders": 5,
            "seller_repeat_ratio": np.exp(taste[people] / 4),
            "category_repeat_ratio": 1.0,
            "state_repeat_ratio": np.nan,
            "days_to_next_purchase": coming.reindex(people).to_numpy() - now,
            "label_days": (REPORTING_DATE - at).days + 1,
        }
    )
    return frame.assign(**{name: random.integers(0, 5, len(frame)) for name in BEHAVIOUR})

"""From the columns of ``gold.churn_examples`` to what the model sees, and to words.

Each feature belongs to a subject. Subjects are what people read as reasons: two features about the same thing are
one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

HISTORY = (
    "orders",
    "order_days",
    "days_since_last_order",
    "days_since_first_order",
    "average_order_value",
    "last_order_value",
    "average_items",
    "distinct_products",
    "freight_ratio",
    "main_categories",
    "average_installments",
    "voucher_orders",
    "boleto_orders",
    "delivered_orders",
    "late_or_overdue_orders",
    "average_delivery_days",
    "reviews",
    "average_review_score",
    "last_product_orders",
    "seller_repeat_ratio",
    "category_repeat_ratio",
    "state_repeat_ratio",
)
"""Columns about orders, deliveries, reviews, payments, products and places."""
BEHAVIOUR = ("active_days", "views", "carts", "days_since_last_visit")
"""Columns about visits: only for shops whose visits were observed."""
NO_VISIT_DAYS = 91
"""Stands for the days since the last visit where there was none in the 90 days that are looked at."""


class Feature(NamedTuple):
    """A column of the model's input.

    Attributes:
        name: unique.
        subject: a key of :data:`WORDS`.
        monotone: 1 if more of it can only mean that a person is likelier to buy again, -1 if less likely, 0 if
        theory is silent.
    """

    name: str
    subject: str
    monotone: int = 0


_PURCHASES = (
    Feature("log_days_since_last_order", "recency", -1),
    Feature("days_since_last_order", "recency", -1),
    Feature("log_orders", "frequency", 1),
    Feature("log_order_days", "frequency", 1),
    Feature("all_on_one_day", "frequency"),
    Feature("log_span", "span"),
    Feature("log_average_order_value", "value"),
    Feature("log_last_order_value", "value"),
    Feature("log_average_items", "items"),
    Feature("log_distinct_products", "items"),
    Feature("freight_ratio", "freight"),
    Feature("log_main_categories", "categories"),
    Feature("log_installments", "instalments"),
    Feature("paid_by_voucher", "payment"),
    Feature("paid_by_boleto", "payment"),
    Feature("delivered_share", "delivery"),
    Feature("late_share", "delivery", -1),
    Feature("log_delivery_days", "delivery", -1),
    Feature("reviewed", "review"),
    Feature("review_score", "review", 1),
    Feature("log_product_orders", "popularity"),
    Feature("log_seller_ratio", "seller", 1),
    Feature("log_category_ratio", "category", 1),
    Feature("log_state_ratio", "state", 1),
)
_VISITS = (
    Feature("log_active_days", "visits", 1),
    Feature("log_views", "visits", 1),
    Feature("log_carts", "visits", 1),
    Feature("days_since_last_visit", "visits", -1),
)


def columns(clickstream: str) -> tuple[str, ...]:
    """The columns of ``gold.churn_examples`` that features are made of."""
    return HISTORY + (BEHAVIOUR if clickstream == "observed" else ())


def features(clickstream: str) -> tuple[Feature, ...]:
    """The features, in the order of the columns of :func:`matrix`."""
    return _PURCHASES + (_VISITS if clickstream == "observed" else ())


def numbers(examples: pd.DataFrame, clickstream: str) -> pd.DataFrame:
    """The columns that features are made of as doubles, shape (n, c); missing ones are NaN."""
    return examples[list(columns(clickstream))].astype(np.float64)


def matrix(raw: pd.DataFrame, clickstream: str) -> pd.DataFrame:
    """What the model sees of :func:`numbers`, shape (n, f), double, nothing missing; the index is kept.

    Where something is not known yet, such as a review, the value is a neutral constant, never one taken from other
    rows: so an example's features are a function of the example alone.
    """
    orders = raw["orders"]
    made = {
        "log_days_since_last_order": np.log(raw["days_since_last_order"]),
        "days_since_last_order": raw["days_since_last_order"],
        "log_orders": np.log(orders),
        "log_order_days": np.log(raw["order_days"]),
        "all_on_one_day": (orders > 1) & (raw["order_days"] == 1),
        "log_span": np.log1p(raw["days_since_first_order"] - raw["days_since_last_order"]),
        "log_average_order_value": np.log1p(raw["average_order_value"]),
        "log_last_order_value": np.log1p(raw["last_order_value"]),
        "log_average_items": np.log1p(raw["average_items"]),
        "log_distinct_products": np.log1p(raw["distinct_products"]),
        "freight_ratio": raw["freight_ratio"].fillna(0.2).clip(upper=1),
        "log_main_categories": np.log(raw["main_categories"]),
        "log_installments": np.log1p(raw["average_installments"]),
        "paid_by_voucher": raw["voucher_orders"] > 0,
        "paid_by_boleto": raw["boleto_orders"] > 0,
        "delivered_share": raw["delivered_orders"] / orders,
        "late_share": raw["late_or_overdue_orders"] / orders,
        "log_delivery_days": np.log1p(raw["average_delivery_days"].fillna(10)),
        "reviewed": raw["reviews"] > 0,
        "review_score": raw["average_review_score"].fillna(4),
        "log_product_orders": np.log1p(raw["last_product_orders"]),
        **{
            f"log_{what}_ratio": np.log(raw[f"{what}_repeat_ratio"].fillna(1))
            for what in ("seller", "category", "state")
        },
    }
    if clickstream == "observed":
        made |= {
            "log_active_days": np.log1p(raw["active_days"]),
            "log_views": np.log1p(raw["views"]),
            "log_carts": np.log1p(raw["carts"]),
            "days_since_last_visit": raw["days_since_last_visit"].fillna(NO_VISIT_DAYS),
        }
    return pd.DataFrame({feature.name: made[feature.name] for feature in features(clickstream)}, dtype=np.float64)

"""The made-up shop beside the real one: twenty statistics, and a classifier that is told to tell their orders apart.

``python -m tests.calibration ARCHIVE FOLDER`` prints both; ``tests/e2e/test_calibration.py`` holds them to account.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupShuffleSplit

from data_generation.measure import read_shop

Shop = dict[str, pd.DataFrame]
DAY = pd.Timedelta(days=1)


class Statistic(NamedTuple):
    """One comparison.

    Attributes:
        name: what is compared.
        real, made_up: a figure, or shares that are compared whole.
        distance: of the two: relative for figures, total variation for shares (0 the same, 1 nothing in common).
        bound: what the distance may not exceed.
    """

    name: str
    real: str
    made_up: str
    distance: float
    bound: float


def order_features(shop: Shop) -> pd.DataFrame:
    """What is to be seen of each order, a row an order, all numbers."""
    orders = shop["orders"].merge(shop["customers"], on="customer_id").set_index("order_id")
    items = shop["order_items"].merge(shop["products"], on="product_id").merge(shop["sellers"], on="seller_id")
    items = items.merge(orders[["customer_state"]], left_on="order_id", right_index=True)
    of = items.groupby("order_id")
    payments = shop["order_payments"]
    first_payment = payments[payments["payment_sequential"] == 1].set_index("order_id")
    reviews = shop["order_reviews"].drop_duplicates("order_id").set_index("order_id")
    purchase = orders["order_purchase_timestamp"]
    lead = items.drop_duplicates("order_id").set_index("order_id")

    def code(values: pd.Series, names: list[str]) -> pd.Series:
        return values.map({name: number for number, name in enumerate(names)})

    states = sorted(shop["customers"]["customer_state"].unique())
    features = pd.DataFrame(index=orders.index)
    features["month"] = (purchase.dt.year - 2016) * 12 + purchase.dt.month
    features["weekday"] = purchase.dt.day_of_week
    features["hour"] = purchase.dt.hour
    features["approval_hours"] = (orders["order_approved_at"] - purchase) / DAY * 24
    features["handling_days"] = (orders["order_delivered_carrier_date"] - orders["order_approved_at"]) / DAY
    features["transit_days"] = (
        orders["order_delivered_customer_date"] - orders["order_delivered_carrier_date"]
    ) / DAY
    features["promised_days"] = (orders["order_estimated_delivery_date"] - purchase.dt.normalize()) / DAY
    features["delay_days"] = (orders["order_delivered_customer_date"] - orders["order_estimated_delivery_date"]) / DAY
    features["arrival_hour"] = orders["order_delivered_customer_date"].dt.hour
    features["status"] = code(orders["order_status"], sorted(shop["orders"]["order_status"].unique()))
    features["customer_state"] = code(orders["customer_state"], states)
    features["seller_state"] = code(lead["seller_state"], states)
    features["same_state"] = (lead["seller_state"] == lead["customer_state"]).astype(float)
    features["items"] = of.size()
    features["products"] = of["product_id"].nunique()
    features["sellers"] = of["seller_id"].nunique()
    features["price"] = of["price"].sum()
    features["highest_price"] = of["price"].max()
    features["freight"] = of["freight_value"].sum()
    features["highest_freight"] = of["freight_value"].max()
    categories = sorted(shop["products"]["product_category_name"].dropna().unique())
    features["category"] = code(lead["product_category_name"], categories)
    features["photos_qty"] = lead["product_photos_qty"]
    for trait in ("weight_g", "length_cm", "height_cm", "width_cm"):
        features[trait] = lead[f"product_{trait}"]
    features["description_length"] = lead["product_description_lenght"]
    features["name_length"] = lead["product_name_lenght"]
    features["shipping_limit_days"] = (lead["shipping_limit_date"] - orders["order_approved_at"]) / DAY
    features["payments"] = payments.groupby("order_id").size()
    features["payment_type"] = code(first_payment["payment_type"], sorted(payments["payment_type"].unique()))
    features["instalments"] = payments.groupby("order_id")["payment_installments"].max()
    features["paid_too_much"] = (
        payments.groupby("order_id")["payment_value"].sum() - features["price"] - features["freight"]
    )
    features["score"] = reviews["review_score"]
    features["asked_after_days"] = (
        reviews["review_creation_date"] - orders["order_delivered_customer_date"].dt.normalize()
    ) / DAY
    features["answer_days"] = (reviews["review_answer_timestamp"] - reviews["review_creation_date"]) / DAY
    features["titled"] = reviews["review_comment_title"].notna().astype(float)
    features["written"] = reviews["review_comment_message"].notna().astype(float)
    return features.astype(float)


def sellers(shop: Shop) -> pd.Series:
    """The seller of each order's first item; orders without items stand for themselves."""
    first = shop["order_items"].drop_duplicates("order_id").set_index("order_id")["seller_id"]
    orders = shop["orders"]["order_id"]
    return orders.map(first).fillna(orders).set_axis(orders)


def tell_apart(real: Shop, made_up: Shop) -> tuple[float, pd.Series]:
    """How well a classifier tells real from made-up orders, of sellers that it has never seen.

    Sellers, and with them products, are either in what it learns from or in what it is asked: it shall find out how
    the two shops differ, not know the bestsellers of one again.

    Returns:
        The area under the ROC curve (0.5: not at all), and the columns that give them away: how much of the area is
        lost when a column is shuffled, the largest first.
    """
    both = pd.concat([order_features(real), order_features(made_up)])
    label = np.repeat([0, 1], [len(real["orders"]), len(made_up["orders"])])
    seller = pd.concat([sellers(real), sellers(made_up)])
    split = GroupShuffleSplit(n_splits=1, test_size=0.3, random_state=0)
    learnt, asked = next(split.split(both, label, seller))
    model = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.1, random_state=0)
    model.fit(both.iloc[learnt], label[learnt])
    test, test_label = both.iloc[asked], label[asked]
    area = roc_auc_score(test_label, model.predict_proba(test)[:, 1])
    sample = np.random.default_rng(0).choice(len(test), min(8_000, len(test)), replace=False)
    importance = permutation_importance(
        model, test.iloc[sample], test_label[sample], scoring="roc_auc", n_repeats=2, random_state=0
    )
    return float(area), pd.Series(importance.importances_mean, index=both.columns).sort_values(ascending=False)

"""The made-up shop beside the real one: some thirty statistics, and a classifier to tell their orders apart.

``python -m tests.calibration ARCHIVE SHOP`` prints both as Markdown; ``tests/e2e/test_calibration.py`` holds them to
account.
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
PAYMENT_TYPES = ("boleto", "credit_card", "debit_card", "not_defined", "voucher")
"""Coded alike for both shops: the made-up one has no `not_defined`, and the classifier would know it by its codes."""


class Statistic(NamedTuple):
    """One comparison of two shops.

    Attributes:
        name: what is compared.
        one, other: the figure of each, or the shares or quantiles that lie furthest apart.
        distance: between the two. Figures: their relative difference. Shares: total variation, 0 for the same and 1
            for nothing in common. Quantiles: the mean of the logarithms of their ratios, without signs.
    """

    name: str
    one: str
    other: str
    distance: float


BOUNDS = {
    "share of one-time buyers": 0.01,
    "share of people with several addresses": 0.4,
    "of these, in several states": 0.5,
    "orders by month": 0.02,
    "orders by weekday": 0.03,
    "orders by hour": 0.03,
    "orders on 2017-11-24, of all": 0.15,
    "status of orders": 0.01,
    "orders without items": 0.3,
    "items in an order": 0.03,
    "price of an item": 0.1,
    "freight of an item": 0.1,
    "weight of an item": 0.15,
    "category of an item": 0.1,
    "sales of the best 10 % of products": 0.15,
    "products without a category": 0.25,
    "products sold by several sellers": 0.2,
    "items without freight": 0.6,
    "state of the customer": 0.02,
    "state of the seller": 0.12,
    "items from the customer's own state": 0.15,
    "type of the first payment": 0.01,
    "instalments": 0.05,
    "value of a payment": 0.1,
    "days from purchase to delivery": 0.1,
    "delivered after the promised day": 0.25,
    "delivered before handed over": 0.8,
    "score of a review": 0.03,
    "mean score, delivered in time": 0.03,
    "mean score, up to a week late": 0.1,
    "mean score, over a week late": 0.1,
    "reviews with a message": 0.05,
    "rows of geolocation that repeat another": 0.1,
}
"""How far the made-up shop may be from the real one."""


def statistics(one: Shop, other: Shop) -> list[Statistic]:
    """The two shops beside each other, a row a key of ``BOUNDS``."""
    facts = [_facts(shop) for shop in (one, other)]
    assert list(facts[0]) == list(BOUNDS)
    return [_compared(name, facts[0][name], facts[1][name]) for name in facts[0]]


def _facts(shop: Shop) -> dict[str, float | pd.Series]:
    """By name a figure, shares (a series that sums to 1), or quantiles (a series named so)."""
    orders = shop["orders"].merge(shop["customers"], on="customer_id")
    items = shop["order_items"].merge(shop["products"], on="product_id").merge(shop["sellers"], on="seller_id")
    lines = items.merge(orders, on="order_id")
    payments, reviews = shop["order_payments"], shop["order_reviews"]
    purchase = orders["order_purchase_timestamp"]
    person = orders.groupby("customer_unique_id")
    addresses = person["customer_zip_code_prefix"].nunique()
    sold = items["product_id"].value_counts()
    delivered, promised = orders["order_delivered_customer_date"], orders["order_estimated_delivery_date"]
    late = (delivered.dt.normalize() - promised) / DAY
    judged = reviews.merge(orders.assign(late=late), on="order_id")
    score, late_by = judged["review_score"], judged["late"]

    def shares(values: pd.Series) -> pd.Series:
        return values.value_counts(normalize=True)

    def quantiles(values: pd.Series) -> pd.Series:
        return values.quantile([0.05, 0.25, 0.5, 0.75, 0.95, 0.99]).rename("quantiles")

    return {
        "share of one-time buyers": (person.size() == 1).mean(),
        "share of people with several addresses": (addresses > 1).mean(),
        "of these, in several states": (person["customer_state"].nunique() > 1)[addresses > 1].mean(),
        "orders by month": shares(purchase.dt.strftime("%Y-%m")),
        "orders by weekday": shares(purchase.dt.day_name()),
        "orders by hour": shares(purchase.dt.hour),
        "orders on 2017-11-24, of all": (purchase.dt.strftime("%Y-%m-%d") == "2017-11-24").mean(),
        "status of orders": shares(orders["order_status"]),
        "orders without items": (~orders["order_id"].isin(items["order_id"])).mean(),
        "items in an order": shares(items.groupby("order_id").size()),
        "price of an item": quantiles(items["price"]),
        "freight of an item": quantiles(items["freight_value"] + 1),
        "weight of an item": quantiles(items["product_weight_g"] + 1),
        "category of an item": shares(items["product_category_name"].fillna("none")),
        "sales of the best 10 % of products": sold.head(len(shop["products"]) // 10).sum() / sold.sum(),
        "products without a category": shop["products"]["product_category_name"].isna().mean(),
        "products sold by several sellers": (items.groupby("product_id")["seller_id"].nunique() > 1).mean(),
        "items without freight": (items["freight_value"] == 0).mean(),
        "state of the customer": shares(orders["customer_state"]),
        "state of the seller": shares(items["seller_state"]),
        "items from the customer's own state": (lines["seller_state"] == lines["customer_state"]).mean(),
        "type of the first payment": shares(payments[payments["payment_sequential"] == 1]["payment_type"]),
        "instalments": shares(payments["payment_installments"]),
        "value of a payment": quantiles(payments["payment_value"] + 1),
        "days from purchase to delivery": quantiles((delivered - purchase) / DAY),
        "delivered after the promised day": (late[delivered.notna()] > 0).mean(),
        "delivered before handed over": (delivered < orders["order_delivered_carrier_date"])[
            delivered.notna()
        ].mean(),
        "score of a review": shares(score),
        "mean score, delivered in time": score[late_by <= 0].mean(),
        "mean score, up to a week late": score[(late_by > 0) & (late_by <= 7)].mean(),
        "mean score, over a week late": score[late_by > 7].mean(),
        "reviews with a message": reviews["review_comment_message"].notna().mean(),
        "rows of geolocation that repeat another": shop["geolocation"].duplicated().mean(),
    }


def _compared(name: str, one: float | pd.Series, other: float | pd.Series) -> Statistic:
    if not isinstance(one, pd.Series) or not isinstance(other, pd.Series):
        return Statistic(name, f"{one:.4g}", f"{other:.4g}", abs(other - one) / one)
    one, other = one.align(other, fill_value=0.0)
    of_shares = one.name != "quantiles"
    apart = (other - one).abs() if of_shares else np.log(other / one).abs()
    worst = apart.idxmax()
    label = worst if of_shares else f"{worst:.0%} quantile"
    distance = apart.sum() / 2 if of_shares else apart.mean()
    return Statistic(name, f"{label}: {one[worst]:.4g}", f"{label}: {other[worst]:.4g}", float(distance))


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
    features["payment_type"] = code(first_payment["payment_type"], list(PAYMENT_TYPES))
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


def main(archive: Path, folder: Path) -> None:
    """Print the comparison as Markdown."""
    real, made_up = read_shop(archive), read_shop(folder)
    print("| statistic | real | made up | distance | bound |\n|---|---|---|---|---|")
    for name, one, other, distance in statistics(real, made_up):
        print(f"| {name} | {one} | {other} | {distance:.3f} | {BOUNDS[name]} |")
    area, columns = tell_apart(real, made_up)
    print(f"\nArea under the ROC curve: {area:.3f}\n")
    print("| column | area lost when it is shuffled |\n|---|---|")
    for column, lost in columns.head(12).items():
        print(f"| `{column}` | {lost:.3f} |")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tests.calibration ARCHIVE SHOP")
    main(Path(sys.argv[1]), Path(sys.argv[2]))

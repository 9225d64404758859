"""How one thing depends on others in the real shop, as trees with quantiles: sizes, ways, reviews, freight."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from data_generation.profile import GRID, LEAF_GRID, PRODUCT_TRAITS, SIZES

CLASSES = 24
"""Into how many classes of about the same size trees sort what they explain."""


def quantiles(values: pd.Series, digits: int = 2, at: npt.ArrayLike = GRID) -> list[float]:
    """Quantiles of values at some probabilities, those at the ends drawn in a little; rounded."""
    return np.round(np.quantile(values.dropna(), np.clip(at, 0.001, 0.999), method="nearest"), digits).tolist()


def size_trees(items: pd.DataFrame, categories: list[str]) -> dict[str, Any]:
    """Boxes: each size given what is in it and the sizes before."""
    sold = items.dropna(subset=["product_weight_g"]).groupby("product_id").head(20)
    given = pd.DataFrame(
        {
            "weight_g": sold["product_weight_g"],
            "category": sold["product_category_name"].fillna("").map(_positions(categories)),
            "price": sold["price"],
        }
    )
    trees = {}
    for size in SIZES:
        trees[size] = _grow(given, sold[f"product_{size}"], 120, least=60, digits=0)
        given[size] = sold[f"product_{size}"]
    return trees


def _positions(names: list[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}


def _grow(given: pd.DataFrame, explained: pd.Series, leaves: int, digits: int, least: int = 150) -> dict[str, Any]:
    """A tree over what is given, with quantiles of what is explained in its leaves of ``least`` cases or more."""
    bounds = np.unique(np.quantile(explained, np.arange(1, CLASSES) / CLASSES))
    tree = DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=leaves, min_samples_leaf=least, random_state=0
    ).fit(given, np.searchsorted(bounds, explained))
    inner = tree.tree_.children_left >= 0
    number = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(~inner))
    leaf = tree.apply(given)
    cases = explained.groupby(leaf)
    return {
        "names": list(given.columns),
        "name": tree.tree_.feature[inner].tolist(),
        "bound": [float(f"{bound:.6g}") for bound in tree.tree_.threshold[inner]],
        "left": number[tree.tree_.children_left[inner]].tolist(),
        "right": number[tree.tree_.children_right[inner]].tolist(),
        "values": [quantiles(cases.get_group(each), digits, LEAF_GRID) for each in np.flatnonzero(~inner)],
    }


def traits_of_products(items: pd.DataFrame) -> pd.DataFrame:
    """What the price of a product hangs on, beside its category and sizes."""
    renamed = {
        "product_photos_qty": "photos_qty",
        "product_description_lenght": "description_length",
        "product_name_lenght": "name_length",
        **{f"product_{size}": size for size in ("weight_g", "length_cm", "height_cm", "width_cm")},
    }
    return items.rename(columns=renamed)[list(PRODUCT_TRAITS)].astype(float)


def known_of_orders(
    orders: pd.DataFrame, lines: pd.DataFrame, payments: pd.DataFrame, states: list[str]
) -> pd.DataFrame:
    """What the trees of an order's way are grown over, a row an order with items that went all the way.

    Days are whole calendar days; times of day are hours; moments are seconds since the epoch.
    """
    first = payments[payments["payment_sequential"] == 1].set_index("order_id")["payment_type"]
    lead = lines.drop_duplicates("order_id").set_index("order_id")
    orders = orders.set_index("order_id").join(first)
    orders = orders.join(lead[["seller_state", "product_weight_g", "shipping_limit_date"]])
    orders = orders.join(lines.groupby("order_id")[["price", "freight_value"]].sum())
    orders = orders[orders["order_status"].eq("delivered")].dropna()
    times = {
        "purchased": orders["order_purchase_timestamp"],
        "approved": orders["order_approved_at"],
        "limit": orders["shipping_limit_date"],
        "handed": orders["order_delivered_carrier_date"],
        "arrived": orders["order_delivered_customer_date"],
        "promised": orders["order_estimated_delivery_date"],
    }
    given = pd.DataFrame(index=orders.index)
    for name, moment in times.items():
        given[f"{name}_at"] = (moment - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
        given[f"{name}_day"] = given[f"{name}_at"] // 86_400
        given[f"{name}_weekday"] = moment.dt.day_of_week
        given[f"{name}_hour"] = given[f"{name}_at"] % 86_400 / 3600
    given["month"] = (times["purchased"].dt.year - 1970) * 12 + times["purchased"].dt.month - 1
    # Last is the one that no made-up shop has: the others are numbered as they are there.
    types = sorted(payments["payment_type"].unique(), key=lambda name: (name == "not_defined", name))
    given["payment_type"] = orders["payment_type"].map(_positions(types))
    given["buyer_state"] = orders["customer_state"].map(_positions(states))
    given["seller_state"] = orders["seller_state"].map(_positions(states))
    given["same_state"] = given["buyer_state"] == given["seller_state"]
    given["weight_g"] = orders["product_weight_g"]
    given["price"], given["freight"] = orders["price"], orders["freight_value"]
    return given


def way_trees(told: pd.DataFrame) -> dict[str, Any]:
    """Each step of an order's way given the steps before."""
    told = told.assign(
        limit_days=((told["limit_at"] - told["approved_at"]) / 86_400).round(),
        promised_days=told["promised_day"] - told["purchased_day"],
        handling_days=told["handed_day"] - told["approved_day"],
        transit_days=told["arrived_day"] - told["handed_day"],
    )
    told["to_limit"] = told["approved_day"] - told["purchased_day"] + told["limit_days"]
    told["days_left"] = told["promised_day"] - told["handed_day"]
    route = ["buyer_state", "seller_state", "same_state", "month", "weight_g", "freight"]
    bought, approved = ["purchased_weekday", "purchased_hour"], ["approved_weekday", "approved_hour"]
    return {
        name: _grow(told[given], explained, leaves, digits)
        for name, explained, given, leaves, digits in (
            (
                "approval_hours",
                (told["approved_at"] - told["purchased_at"]) / 3600,
                ["payment_type", "month", *bought],
                160,
                3,
            ),
            ("limit_days", told["limit_days"], ["month", *approved, "seller_state", "weight_g", "price"], 80, 0),
            ("promised_days", told["promised_days"], [*route, *bought, "to_limit", "price"], 300, 0),
            (
                "handling_days",
                told["handling_days"],
                ["limit_days", "promised_days", *approved, "month", "seller_state", "same_state", "weight_g"],
                200,
                0,
            ),
            (
                "handed_hour",
                told["handed_hour"],
                ["handling_days", *approved, "month", "seller_state"],
                120,
                2,
            ),
            ("transit_days", told["transit_days"], [*route, "days_left", "handed_weekday", "handed_hour"], 300, 0),
            (
                "arrived_hour",
                told["arrived_hour"],
                ["buyer_state", "arrived_weekday", "month", "transit_days"],
                100,
                2,
            ),
        )
    }


def answer_trees(told: pd.DataFrame, reviews: pd.DataFrame) -> dict[str, Any]:
    """When people answer who were asked about a parcel that came."""
    created, answered = reviews["review_creation_date"], reviews["review_answer_timestamp"]
    reviews = reviews.assign(
        asked_day=(created - pd.Timestamp(0)).dt.days,
        asked_weekday=created.dt.day_of_week,
        answer_days=(answered.dt.normalize() - created).dt.days,
        answer_hour=(answered - answered.dt.normalize()) / pd.Timedelta(hours=1),
        written=reviews["review_comment_message"].notna(),
    )
    both = told.merge(reviews, on="order_id").dropna(subset=["asked_day", "answer_days"])
    both["asked_after"] = both["asked_day"] - both["arrived_day"]
    given = ["arrived_hour", "asked_after", "asked_weekday", "review_score", "written", "month"]
    return {
        "answer_days": _grow(both[given], both["answer_days"], 150, 0),
        "answer_hour": _grow(both[[*given, "answer_days"]], both["answer_hour"], 150, 2),
    }


def freight_tree(lines: pd.DataFrame, states: list[str]) -> dict[str, Any]:
    """Freight given when, from where to where, and how much is sent."""
    known = lines[lines["freight_value"] > 0].dropna(subset=["product_weight_g"])
    purchase = known["order_purchase_timestamp"]
    given = pd.DataFrame(
        {
            "month": (purchase.dt.year - 1970) * 12 + purchase.dt.month - 1,
            "buyer_state": known["customer_state"].map(_positions(states)),
            "seller_state": known["seller_state"].map(_positions(states)),
            "same_state": known["customer_state"] == known["seller_state"],
            "weight_g": known["product_weight_g"],
            "volume": known["product_length_cm"] * known["product_height_cm"] * known["product_width_cm"],
            "price": known["price"],
        }
    )
    return _grow(given, known["freight_value"], 500, 2, least=80)

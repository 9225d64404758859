"""Gold tables of a small shop for the recommender's tests, in which what goes with what is planted, or is not."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from ml.recommender.model import Settings
from tests.ml.recommender_tastes import draw

DAYS = 500
SETTINGS = Settings(
    reporting_date=date(2018, 5, 15), test_days=100, validation_days=80, learning_days=160, available_days=120
)
FIRST = pd.Timestamp("2017-01-01", tz="UTC")
CATEGORIES, SELLERS, PRODUCTS, PEOPLE, ORDERS = 6, 12, 120, 900, 1_500
STATES = ("SP", "RJ", "MG")


def gold(seed: int = 1, *, complements: bool = True, products: int = PRODUCTS) -> dict[str, pd.DataFrame]:
    """Orders of one or two products over :data:`DAYS` days.

    Args:
        seed: another one gives another shop.
        complements: the second product is of the first one's seller and size; otherwise it is any product.
        products: how many there are.
    """
    random = np.random.default_rng(seed)
    product = np.arange(products)
    category, seller = product % CATEGORIES, product % SELLERS
    size = random.integers(1, 4, products)
    popular = random.exponential(size=products) + 0.3
    alike = (seller[:, None] == seller) & (size[:, None] == size) if complements else np.ones((products, products))
    rows = []
    for order, at in enumerate(np.sort(random.uniform(0, DAYS, ORDERS))):
        first = random.choice(products, p=popular / popular.sum())
        basket = [first]
        weight = popular * alike[first] * (product != first)
        if random.random() < 0.6 and weight.sum():
            basket.append(random.choice(products, p=weight / weight.sum()))
        person = random.integers(PEOPLE)
        revenue = bool(random.random() < 0.97)
        moment = FIRST + pd.Timedelta(seconds=int(at * 86_400))
        rows += [
            (
                f"o{order:05}",
                line,
                f"c{person:04}",
                f"p{item:03}",
                f"s{seller[item]}",
                revenue,
                moment,
                10.0 * size[item],
            )
            for line, item in enumerate(basket, start=1)
        ]
    names = ["order_id", "order_item_id", "customer_unique_id", "product_id", "seller_id", "is_revenue_order"]
    lines = pd.DataFrame(rows, columns=[*names, "purchased_at", "price"])
    dimension = pd.DataFrame(
        {
            "product_id": [f"p{item:03}" for item in product],
            "category": ["unknown" if item % 29 == 0 else f"k{category[item]}" for item in product],
            "weight_g": 100.0 * size,
            **dict.fromkeys(("length_cm", "height_cm", "width_cm"), 10.0 * size),
            "description_length": random.integers(100, 900, products).astype(float),
            "name_length": random.integers(20, 60, products).astype(float),
            "photos_count": random.integers(1, 5, products).astype(float),
        }
    )
    people = pd.DataFrame(
        {
            "customer_unique_id": [f"c{person:04}" for person in range(PEOPLE)],
            "state": [STATES[person % 3] for person in range(PEOPLE)],
        }
    )
    return {
        "fct_order_items": lines,
        "interaction_matrix": matrix(lines),
        "dim_product": dimension,
        "dim_customer": people,
    }


def tasteful() -> dict[str, pd.DataFrame]:
    """A shop whose baskets tell nothing, and a thousand regulars with tastes, who buy a product at a time."""
    plain = gold(2, complements=False, products=300)
    bought = draw(people=1_000, products=300, views=30, strength=0.75, seed=4).frame
    days = np.random.default_rng(4).uniform(0, DAYS, len(bought))
    regular = pd.DataFrame(
        {
            "order_id": [f"t{order:05}" for order in range(len(bought))],
            "order_item_id": 1,
            "customer_unique_id": bought["user"],
            "product_id": "p" + bought["item"].str[-3:],
            "seller_id": "s",
            "is_revenue_order": True,
            "purchased_at": FIRST + pd.to_timedelta((days * 86_400).astype(int), unit="s"),
            "price": 10.0,
        }
    )
    lines = pd.concat([plain["fct_order_items"], regular], ignore_index=True)
    people = pd.DataFrame({"customer_unique_id": bought["user"].unique(), "state": STATES[0]})
    return {
        **plain,
        "fct_order_items": lines,
        "interaction_matrix": matrix(lines),
        "dim_customer": pd.concat([plain["dim_customer"], people], ignore_index=True),
    }


def matrix(lines: pd.DataFrame) -> pd.DataFrame:
    """``gold.interaction_matrix`` of purchases alone."""
    bought = lines[lines["is_revenue_order"]].groupby(["customer_unique_id", "product_id"])["purchased_at"]
    rows = bought.agg(purchases="size", last_interaction_at="max").reset_index()
    return rows.assign(views=0, carts=0, interaction_strength=5 * rows["purchases"])

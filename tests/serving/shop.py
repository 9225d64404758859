"""The recommender's small shop, served: every method for every use, without a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from ml.recommender import complements, scoring
from ml.recommender.als import AlsParams
from ml.recommender.recommender import Recommender, fit
from ml.recommender.shop import Shop, open_shop
from ml.recommender.uses import BASKET, NEW_PRODUCTS, OTHERWISE, Recipe
from ml.serving import recommendations
from ml.serving.arrays import Online
from tests.ml.recommender_shop import SETTINGS

SEED = 3
WEIGHTS = {name: 0.1 * place for place, name in enumerate(complements.FEATURES, start=1)}
PARAMS = AlsParams(factors=8, regularization=0.1, alpha=5.0, iterations=3)
RECIPE = Recipe(PARAMS, PARAMS, WEIGHTS)


class Scored(NamedTuple):
    """A shop, the tables that a recommender fills, and what single requests are answered from."""

    shop: Shop
    model: Recommender
    tables: Mapping[str, pd.DataFrame]
    online: Online


def scored(
    frames: Mapping[str, pd.DataFrame], basket: str, new_products: str, clickstream: str = "generated"
) -> Scored:
    """Score a shop with these methods."""
    settings = SETTINGS.__class__(**{**SETTINGS.__dict__, "clickstream": clickstream})
    shop = open_shop(frames, settings)
    model = fit(shop.purchases(None, settings.end), PARAMS, seed=SEED)
    tables = {
        "product_recommendations": scoring.product_recommendations(shop, model, RECIPE, new_products, settings),
        "buy_again": scoring.own_products(shop, settings),
        "similar_products": scoring.similar_products(shop, RECIPE, basket, settings, SEED),
    }
    served = OTHERWISE | {BASKET: basket, NEW_PRODUCTS: new_products}
    return Scored(shop, model, tables, recommendations.online(shop, model, RECIPE, served, settings, SEED))


def risks(people: list[str]) -> pd.DataFrame:
    """Rows of ``ml.churn_scores`` for people, some without a score before or a third reason."""
    rows = []
    for place, person in enumerate(people):
        chance = (place + 1) / (len(people) + 2)
        rows.append(
            {
                "customer_unique_id": person,
                "churn_probability": 1 - chance,
                "repurchase_probability": chance,
                "previous_repurchase_probability": None if place % 3 == 0 else chance / 2,
                "decile": place * 10 // len(people) + 1,
                "method": "logistic",
                "reason_1": f"has ordered {place % 4} times",
                "reason_2": "ordered lately",
                "reason_3": None if place % 2 else "came back before",
            }
        )
    return pd.DataFrame(rows)

"""Histories drawn from the generator's tastes, and the oracle that knows them.

The generator's visitors see a few products each; here each person sees many, so that there is something to recover.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from data_generation.draws import Draws, numbered
from data_generation.tastes import FAVOURITE_WEIGHTS, PRICE_LEVELS, STYLES, Catalog, pick_groups, tastes_of

CATEGORIES = 8


class Tasteful(NamedTuple):
    """Attributes:
    frame: user, item, weight, timestamp; a tenth of the moments are in the last tenth of the time.
    category: of each item.
    chance: of each item to be what a person reaches for next, shape (people, products), by number of either.
    """

    frame: pd.DataFrame
    category: pd.Series
    chance: np.ndarray


def draw(people: int, products: int, views: int, strength: float, seed: int) -> Tasteful:
    """Views by people of planted tastes, as the generator draws them.

    Args:
        views: how many a person.
        strength: of taste, 0 to 1; with 0, favourite categories alone tell people apart.
    """
    draws = Draws(seed)
    keys = numbered(0, products)
    category = draws.integers("category", keys, 0, CATEGORIES)
    style, level = draws.integers("style", keys, 0, STYLES), draws.integers("level", keys, 0, PRICE_LEVELS)
    popularity = np.exp(draws.normal("popularity", keys))
    names = pa.array([f"p{number:04}" for number in range(products)])
    catalog = Catalog(names, category, style, level, popularity, CATEGORIES)
    tastes = tastes_of(draws, numbered(0, people), catalog.category_weights, strength)
    person = np.repeat(np.arange(people), views)
    pick = numbered(0, len(person))
    groups = pick_groups(draws, "view", pick, tastes, person, strength)
    item = catalog.draw(draws.uniform("view", pick), *groups)
    frame = pd.DataFrame(
        {
            "user": [f"u{number:04}" for number in person],
            "item": names.take(pa.array(item)).to_pylist(),
            "weight": 1.0,
            "timestamp": (draws.uniform("moment", pick) * 100 * 86_400).astype(int),
        }
    )
    favour = np.zeros((people, CATEGORIES))
    for rank, weight in enumerate(FAVOURITE_WEIGHTS):
        np.add.at(favour, (np.arange(people), tastes.favourites[:, rank]), weight)
    own_level = strength * (tastes.price_level[:, None] == np.arange(PRICE_LEVELS)) + (1 - strength) / PRICE_LEVELS
    group = (category * STYLES + style) * PRICE_LEVELS + level
    within = popularity / np.bincount(group, popularity)[group]
    chance = favour[:, category] * tastes.styles[:, style] * own_level[:, level] * within
    return Tasteful(frame, pd.Series(category, names.to_pylist()), chance)

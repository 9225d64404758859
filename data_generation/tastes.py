"""What there is to buy, and what people like: the two sides that meet in every view, cart and order.

A person has favourite categories, a price level, and a style. Styles cross categories and appear in no column of any
file: that is the signal a recommender can find only in what people do together. :class:`Tastes` is planted truth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_generation.draws import Draws, Floats, Ints, Keys, child_keys, pick

STYLES = 8
PRICE_LEVELS = 3
FAVOURITES = 3
FAVOURITE_WEIGHTS = (0.6, 0.25, 0.15)
SECOND_STYLE = 0.2
"""Of the share that taste decides at all, how much goes to a person's second style."""


class Tastes(NamedTuple):
    """What n people like; planted, never published.

    Attributes:
        favourites: categories, best first, shape (n, FAVOURITES).
        price_level: 0 (cheap) to PRICE_LEVELS - 1, shape (n,).
        styles: the share of each style in what a person picks, shape (n, STYLES), rows sum to 1.
    """

    favourites: Ints
    price_level: Ints
    styles: Floats


class Catalog:
    """Products in groups of one category, style and price level, drawn by popularity within a group.

    Args:
        product_ids: shape (p,).
        category: number of the category, shape (p,).
        style: 0 to STYLES - 1, shape (p,).
        price_level: 0 to PRICE_LEVELS - 1, shape (p,).
        popularity: not negative, some positive, shape (p,); a product of popularity 0 is never drawn.
        categories: how many categories there are.
    """

    def __init__(
        self,
        product_ids: pa.StringArray,
        category: npt.NDArray[np.integer],
        style: npt.NDArray[np.integer],
        price_level: npt.NDArray[np.integer],
        popularity: Floats,
        categories: int,
    ) -> None:
        self.product_ids = product_ids
        self.style = style
        self.price_level = price_level
        self._order = np.lexsort((price_level, style, category)).astype(np.int32)
        self._reached = np.concatenate([[0.0], np.cumsum(popularity[self._order])])
        group = _group(category, style, price_level)[self._order]
        bounds = np.searchsorted(group, np.arange(categories * STYLES * PRICE_LEVELS + 1))
        low, high = self._reached[bounds[:-1]], self._reached[bounds[1:]]
        by_category = bounds[:: STYLES * PRICE_LEVELS]
        self.category_weights = np.diff(self._reached[by_category])
        # A group that has nothing to sell falls back to its category, a category to the whole shop.
        whole_low = np.repeat(self._reached[by_category[:-1]], STYLES * PRICE_LEVELS)
        whole_high = np.repeat(self._reached[by_category[1:]], STYLES * PRICE_LEVELS)
        low, high = np.where(high > low, low, whole_low), np.where(high > low, high, whole_high)
        self._low = np.where(high > low, low, 0.0)
        self._high = np.where(high > low, high, self._reached[-1])

    def draw(self, uniform: Floats, category: Ints, style: Ints, price_level: Ints) -> Ints:
        """Products at quantiles of their groups' popularity.

        Args:
            uniform: in [0, 1), shape (n,).
            category, style, price_level: the group to draw from, shape (n,).

        Returns:
            Positions in ``product_ids``, shape (n,).
        """
        group = _group(category, style, price_level)
        low, high = self._low[group], self._high[group]
        place = np.searchsorted(self._reached, low + uniform * (high - low), side="right") - 1
        return self._order[place.clip(max=len(self._order) - 1)].astype(np.int64)


def price_levels(category: Ints, price: Floats, popularity: Floats) -> Ints:
    """The third of what a category sells that each product's price is in.

    Args:
        category: number of each product's category, shape (p,).
        price: anything that orders products by price, shape (p,).
        popularity: how often each is sold, shape (p,); products that are never sold are on some level too.

    Returns:
        0 (cheap) to PRICE_LEVELS - 1, shape (p,).
    """
    order = np.lexsort((price, category))
    sold = np.cumsum(popularity[order])
    starts = np.searchsorted(category[order], np.arange(category.max() + 2))
    before = np.concatenate([[0.0], sold])[starts]
    total = np.maximum(np.diff(before), 1e-12)[category[order]]
    share = (sold - popularity[order] / 2 - before[category[order]]) / total
    levels = np.empty(len(category), dtype=np.int64)
    levels[order] = (share * PRICE_LEVELS).astype(np.int64).clip(0, PRICE_LEVELS - 1)
    return levels


def tastes_of(draws: Draws, people: Keys, category_weights: Floats, strength: float) -> Tastes:
    """The tastes of people: a function of the seed, the person, and the shop's categories alone.

    Args:
        draws: of the world's seed.
        people: keys, shape (n,).
        category_weights: how much the shop sells of each category.
        strength: 0 (nobody prefers any style or price level) to 1 (nobody picks anything else).
    """
    favourites = np.column_stack(
        [draws.choice("favourite category", child_keys(people, rank), category_weights) for rank in range(FAVOURITES)]
    )
    first = draws.integers("style", people, 0, STYLES)
    second = (first + draws.integers("second style", people, 1, STYLES)) % STYLES
    styles = np.full((len(people), STYLES), (1 - strength) / STYLES)
    rows = np.arange(len(people))
    styles[rows, first] += strength * (1 - SECOND_STYLE)
    styles[rows, second] += strength * SECOND_STYLE
    return Tastes(favourites, draws.integers("price level", people, 0, PRICE_LEVELS), styles)


def pick_groups(
    draws: Draws, purpose: str, keys: Keys, tastes: Tastes, people: Ints, strength: float
) -> tuple[Ints, Ints, Ints]:
    """What kind of product people reach for.

    Args:
        draws: of the world's seed.
        purpose: what for; another purpose gives independent picks.
        keys: a key a pick, shape (n,).
        tastes: of all people.
        people: whose pick it is, positions in ``tastes``, shape (n,).
        strength: as in :func:`tastes_of`.

    Returns:
        Category, style and price level, each of shape (n,).
    """
    rank = draws.choice(f"{purpose}: which favourite", keys, FAVOURITE_WEIGHTS)
    reached = np.cumsum(tastes.styles, axis=1)
    uniform = draws.uniform(f"{purpose}: style", keys)
    style = (uniform[:, None] >= reached[people]).sum(axis=1).clip(max=STYLES - 1)
    own = draws.happens(f"{purpose}: own price level", keys, strength)
    level = np.where(
        own, tastes.price_level[people], pick(draws.uniform(f"{purpose}: price level", keys), np.ones(PRICE_LEVELS))
    )
    return tastes.favourites[people, rank], style, level


def people_truth(
    customer_unique_id: pa.StringArray, repeat_propensity: Floats, tastes: Tastes, categories: pa.StringArray
) -> pa.Table:
    """What was planted in people, a row a person, for made-up people and for those of a real archive alike.

    Args:
        customer_unique_id: shape (n,).
        repeat_propensity: to order again, relative to a mean of 1, shape (n,).
        tastes: of the same people, shape (n,).
        categories: names in the order of the catalog's category numbers, as the products file has them; the nameless
            category as null or as an empty text.

    Returns:
        ``customer_unique_id``, ``repeat_propensity``, ``price_level``, ``favourite_1`` and on (names, best first;
        null for the nameless category, as in the products file), ``style_0`` and on (shares that sum to 1).
    """
    names = pc.if_else(pc.equal(categories, ""), None, categories)
    favourites = [names.take(pa.array(column)) for column in tastes.favourites.T]
    return pa.table(
        {
            "customer_unique_id": customer_unique_id,
            "repeat_propensity": repeat_propensity,
            "price_level": tastes.price_level,
            **{f"favourite_{rank}": favourite for rank, favourite in enumerate(favourites, start=1)},
            **{f"style_{number}": tastes.styles[:, number] for number in range(STYLES)},
        }
    )


def _group(category: Ints, style: Ints, price_level: Ints) -> Ints:
    return (category.astype(np.int64) * STYLES + style) * PRICE_LEVELS + price_level

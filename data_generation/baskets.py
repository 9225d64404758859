"""What is in an order, at which price, and what its way costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from data_generation.draws import Floats, Ints, Keys, child_keys
from data_generation.people import People, Purchases
from data_generation.profile import SIZES
from data_generation.tastes import pick_groups
from data_generation.world import DAY, World, month_of

REPRICED = 0.2
"""Share of quarters in which a product has another price than usual."""
PRICE_CHANGE = 0.05
"""By how much of all prices a new price is higher or lower, at most."""
OWN_FREIGHT = 0.6
"""How much of what freight costs, route and weight apart, goes with the product (squared, of 1)."""


class Lines(NamedTuple):
    """Distinct products of orders, m of them, by order.

    Attributes:
        key: shape (m,).
        order: position of the order, ascending, shape (m,).
        product: position in the catalog, shape (m,).
        seller: position in the sellers, shape (m,).
        copies: at least 1, shape (m,).
        price, freight: reais for one copy, shape (m,).
    """

    key: Keys
    order: Ints
    product: Ints
    seller: Ints
    copies: Ints
    price: Floats
    freight: Floats


def baskets(world: World, who: People, orders: Purchases) -> Lines:
    """What people put into their orders: by taste the first product, and what goes with it."""
    draws, profile = world.draws, world.profile
    counts = profile["products_per_order"]
    size = 1 + draws.choice("products in order", orders.key, list(counts.values()))
    order = np.repeat(np.arange(len(size)), size)
    number = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)
    key = child_keys(orders.key[order], number)
    person = orders.person[order]
    category, style, level = pick_groups(draws, "order", key, who.tastes, person, world.parameters.taste_strength)
    # What follows the first product is of its category, or at least of its seller, as often as in the real shop.
    first = np.flatnonzero(number == 0)
    lead = np.repeat(first, size)
    uniform = draws.uniform("goes with", key)
    seller_too = profile["same_seller"]
    category = np.where(uniform < profile["same_category"], category[lead], category)
    product = world.catalog.draw(draws.uniform("product", key), category, style, level)
    beside = (number > 0) & (uniform < seller_too)
    seller = world.product_seller[product[lead]]
    product = np.where(beside, world.draw_of_seller(draws.uniform("of seller", key), seller), product)
    # One line a product: what was drawn twice for an order is dropped.
    ordered = np.lexsort((number, product, order))
    repeated = np.zeros(len(order), dtype=bool)
    repeated[ordered[1:]] = (np.diff(order[ordered]) == 0) & (np.diff(product[ordered]) == 0)
    key, order, product = key[~repeated], order[~repeated], product[~repeated]
    copies = 1 + draws.choice("copies", key, list(profile["copies"].values()))
    second = draws.happens("by second seller", key, profile["by_second_seller"])
    sold_by = np.where(second, world.second_seller[product], world.product_seller[product])
    price = prices(world, product, orders.purchased_at[order])
    return Lines(key, order, product, sold_by, copies, price, _freight(world, key, product, sold_by, orders, order))


def prices(world: World, product: Ints, at: Ints) -> Floats:
    """What products cost, in reais: most quarters their usual price, in others one somewhat lower or higher.

    Args:
        world: the shop.
        product: positions in the catalog, shape (n,).
        at: seconds since the epoch, shape (n,).
    """
    usual = world.product_traits["price_rank"][product]
    quarter = child_keys(product.astype(np.uint64), at // (91 * DAY))
    changed = world.draws.happens("repriced", quarter, REPRICED)
    change = PRICE_CHANGE * (2 * world.draws.uniform("new price", quarter) - 1)
    # Whatever would leave the range of prices turns back into it, so that as many are high and low as before.
    rank = np.abs(usual + np.where(changed, change, 0.0))
    return world.price_at(1 - np.abs(1 - rank))


def _freight(world: World, key: Keys, product: Ints, sold_by: Ints, orders: Purchases, order: Ints) -> Floats:
    buyer = world.places.state[orders.place[order]]
    seller = world.seller_state[sold_by]
    month = month_of(orders.purchased_at[order])
    free_share = np.zeros(len(month))
    for name, share in world.profile["free_freight"].items():
        free_share[month == np.datetime64(name, "M").astype(np.int64)] = share
    free = world.draws.happens("free freight", child_keys(sold_by.astype(np.uint64), month), free_share)
    route = child_keys(product.astype(np.uint64), world.state_rank[buyer])
    chance = OWN_FREIGHT**0.5 * world.draws.normal("route", route)
    chance = chance + (1 - OWN_FREIGHT) ** 0.5 * world.draws.normal("freight", key)
    traits = world.product_traits
    known = {
        "month": month,
        "buyer_state": world.state_rank[buyer],
        "seller_state": world.state_rank[seller],
        "same_state": buyer == seller,
        "weight_g": traits["weight_g"][product],
        "volume": np.prod([traits[size][product] for size in SIZES], axis=0),
        "price": world.price_at(traits["price_rank"][product]),
    }
    return np.where(free, 0.0, np.round(world.profile["trees"]["freight"].draw(ndtr(chance), known), 2))

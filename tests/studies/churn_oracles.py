"""The best that can be known of who comes back to a made-up shop, by three who know how its people were made.

The *all-knowing* knows each person's propensity; a third of its logarithm's variance is in no column of any file. The
*oracle* knows each person's favourite category, price level and state, and what the shop made of them. The *observer*
knows the shop as well, but of people only what the files show: of each order the category and the price level of
its dearest product, and the state of the first. Favourites are never shown: four orders in ten are from elsewhere,
and one in four is of any price. So nobody who learns from the files can be expected to rank better than the observer.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import poisson

from data_generation.people import DAYS_AFTER, MOST_ORDERS, PROPENSITY, SAME_DAY, people
from data_generation.tastes import FAVOURITE_WEIGHTS, PRICE_LEVELS
from data_generation.world import World

Floats = NDArray[np.float64]
NODES = np.linspace(-4, 4, 81)
"""Values of a person's score, whose standard deviation is 1; propensity is exp(strength × score − strength² / 2)."""


def probability(orders: Floats, days: Floats, score: Floats, world: World, horizon_days: int) -> Floats:
    """The probability of an order within the horizon, of who has placed so many and been away so many days.

    Further orders are Poisson distributed; each comes within hours or after an exponential wait
    (data_generation/people.py).

    Args:
        orders, days: shape (n,).
        score: how likely each of :data:`NODES` is, before it is known how many orders were placed, shape (n, nodes).
    """
    strength = world.parameters.repeat_strength
    mean = world.parameters.further_orders * np.exp(strength * NODES - strength**2 / 2)
    number = np.arange(1, MOST_ORDERS + 1)[:, None]
    placed = np.minimum(orders, MOST_ORDERS).astype(np.intp) - 1
    further = poisson.sf(number - 1, mean)
    reached = poisson.sf(number - 2, mean)
    still = (1 - SAME_DAY) * np.exp(-days / DAYS_AFTER) * (score * further[placed]).sum(axis=1)
    gone = (score * (reached - further)[placed]).sum(axis=1)
    return np.asarray(still * -np.expm1(-horizon_days / DAYS_AFTER) / (gone + still))


class Oracles:
    """What the three know.

    Args:
        world: the shop.
        placed: its orders: customer_unique_id, purchased_at, state, product_id of the dearest line or null.
    """

    def __init__(self, world: World, placed: pd.DataFrame) -> None:
        draws = world.draws
        self._world = world
        who = people(world, 0, world.people)
        # As data_generation/people.py makes it: what the parts of a score are for each category, level and state.
        category = draws.normal("category's loyalty", np.arange(len(world.categories)).astype(np.uint64))
        level = np.linspace(-1, 1, PRICE_LEVELS) * (3 / 2) ** 0.5
        self._taste = PROPENSITY["favourite category"] * category[:, None] + PROPENSITY["price level"] * level
        states = world.places.states.to_pylist()
        self._state = PROPENSITY["state"] * draws.normal("state's loyalty", np.arange(len(states)).astype(np.uint64))
        unseen = PROPENSITY["nothing seen"] * draws.normal("loyalty", who.key)
        favourite, price = who.tastes.favourites[:, 0], who.tastes.price_level
        seen = self._taste[favourite, price] + self._state[who.state]
        self._people = pd.DataFrame({"seen": seen, "score": seen + unseen}, index=who.customer_unique_id.to_pylist())

        sales = world.category_sales / world.category_sales.sum()
        first = FAVOURITE_WEIGHTS[0]
        self._prior = np.log(np.repeat(sales[:, None], PRICE_LEVELS, axis=1))
        self._category_shown = np.log(first * np.eye(len(sales)) + (1 - first) * sales)
        own = world.parameters.taste_strength
        self._level_shown = np.log(own * np.eye(PRICE_LEVELS) + (1 - own) / PRICE_LEVELS)

        placed = placed.sort_values(["customer_unique_id", "purchased_at", "product_id"], ignore_index=True)
        product = pd.Index(world.product_ids.to_pylist()).get_indexer(placed["product_id"])
        level_of = np.asarray(world.catalog.price_level)[product]
        group = np.asarray(world.product_category)[product].astype(np.int64) * PRICE_LEVELS + level_of
        self._placed = pd.DataFrame(
            {
                "person": placed["customer_unique_id"],
                "day": placed["purchased_at"].dt.date,
                "state": pd.Index(states).get_indexer(placed["state"]),
                "shown": np.where(product < 0, "", np.char.add(group.astype(str), " ")),
            }
        )

    def rankings(
        self, day: date, ids: NDArray[np.object_], orders: Floats, days: Floats, horizon: int
    ) -> dict[str, Floats]:
        """Probabilities of buying within the horizon by who is asked, each of shape (n,).

        Args:
            day: nothing of that day or later is seen.
            ids: of the n people.
            orders, days: how many they have placed, and days since the last, shape (n,).
        """
        known = self._people.loc[ids]
        unseen = PROPENSITY["nothing seen"]
        scores = {
            "observer": self._observed(day, ids),
            "oracle": _spread(known["seen"].to_numpy(), unseen),
            "all_knowing": _spread(known["score"].to_numpy(), (NODES[1] - NODES[0]) / 2),
        }
        return {name: probability(orders, days, score, self._world, horizon) for name, score in scores.items()}

    def _observed(self, day: date, ids: NDArray[np.object_]) -> Floats:
        """How likely each node is by Bayes' rule, shape (n, nodes): favourites and levels by what orders show of
        them."""
        before = self._placed[self._placed["day"] < day].groupby("person").agg({"state": "first", "shown": "sum"})
        case, cases = pd.factorize(pd.MultiIndex.from_frame(before.loc[ids]))
        spread = {
            state: _spread(self._taste.ravel() + self._state[state], PROPENSITY["nothing seen"])
            for state in set(before["state"])
        }
        found = np.empty((len(cases), len(NODES)))
        for number, (state, shown) in enumerate(cases):
            belief = self._prior.copy()
            for group in shown.split():
                category, level = divmod(int(group), PRICE_LEVELS)
                belief += self._category_shown[:, [category]] + self._level_shown[:, level]
            chance = np.exp(belief - belief.max()).ravel()
            found[number] = chance @ spread[state] / chance.sum()
        return np.asarray(found[case])


def _spread(centre: Floats, deviation: float) -> Floats:
    """Normal weights over the nodes, shape (n, nodes), rows sum to 1."""
    weights = np.exp(-(((NODES - centre[:, None]) / deviation) ** 2) / 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))

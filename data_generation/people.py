"""Who buys, when, and how often."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_generation.draws import Draws, Floats, Ints, Keys, child_keys, numbered, pick
from data_generation.tastes import PRICE_LEVELS, Tastes, tastes_of
from data_generation.world import DAY, World, weekday_of

MOVES = 0.075
"""How often a further order goes to a new address."""
SAME_DAY = 0.25
"""Share of further orders that follow within hours."""
HOURS_AFTER, DAYS_AFTER = 0.4, 170.0
"""Mean time to a further order: if it follows within hours, and otherwise, if the shop went on for ever."""
LAST_WHOLE_DAY = "2018-08-28"
"""People come back until then; what follows in the real data are stray orders."""
MOST_ORDERS = 16
PROPENSITY = {"favourite category": 0.6, "state": 0.35, "price level": 0.45, "nothing seen": 0.56}
"""What decides how likely people are to come back: weights of the parts of its logarithm; their squares sum to 1."""


class People(NamedTuple):
    """Attributes of n people.

    Attributes:
        key: shape (n,).
        customer_unique_id: shape (n,).
        state: number of the state, shape (n,).
        tastes: planted truth.
        propensity: planted truth: to order again, relative to a mean of 1, shape (n,).
        first_day: of the first order, days since the epoch, shape (n,), ascending.
    """

    key: Keys
    customer_unique_id: pa.StringArray
    state: Ints
    tastes: Tastes
    propensity: Floats
    first_day: Ints


class Purchases(NamedTuple):
    """When n orders are placed and where they go, by person, those of a person in order of time.

    Attributes:
        key: shape (n,).
        person: position in the block's people, shape (n,).
        purchased_at: seconds since the epoch, shape (n,).
        place: position in the world's places, shape (n,).
    """

    key: Keys
    person: Ints
    purchased_at: Ints
    place: Ints


def people(world: World, first: int, last: int) -> People:
    """The people numbered ``first`` to ``last``, in the order of their first purchase."""
    draws = world.draws
    numbers = numbered(first, last)
    key = draws.words("person", numbers)
    state = draws.choice("state", key, world.state_shares)
    tastes = tastes_of(draws, key, world.category_sales, world.parameters.taste_strength)
    # Evenly spread over the quantiles, so that the people are in order of time in every block.
    quantile = (numbers.astype(np.float64) + draws.uniform("first order", key)) / world.people
    day = np.searchsorted(world.reached, quantile * world.reached[-1], side="right") - 1
    return People(
        key,
        draws.ids("customer_unique_id", key),
        state,
        tastes,
        _propensity(draws, key, state, tastes, world.parameters.repeat_strength),
        world.days[day.clip(max=len(world.days) - 1)],
    )


def purchases(world: World, who: People) -> Purchases:
    """All orders of people: the first of each, and those that follow."""
    draws = world.draws
    end = np.datetime64(LAST_WHOLE_DAY, "D").astype(int) * DAY
    at = who.first_day * DAY + _second_of_day(world, child_keys(who.key, 0), who.first_day)
    key, person, purchased_at, address = [child_keys(who.key, 0)], [np.arange(len(who.key))], [at], [0 * who.state]
    mean = world.parameters.further_orders * who.propensity
    uniform = draws.uniform("further orders", who.key)
    probability = np.exp(-mean)
    reached = probability.copy()
    moved = 0 * who.state
    for number in range(1, MOST_ORDERS):
        each = child_keys(who.key, number)
        wait = -np.log1p(-draws.uniform("wait", each))
        soon = draws.happens("same day", each, SAME_DAY)
        later = (at + wait * DAYS_AFTER * DAY).astype(np.int64) // DAY
        at = np.where(
            soon,
            at + 60 + (wait * HOURS_AFTER * 3600).astype(np.int64),
            np.maximum(at + 60, later * DAY + _second_of_day(world, each, later)),
        )
        moved = moved + draws.happens("moves", each, MOVES)
        come = (uniform >= reached) & (at < end)
        if not come.any():
            break
        for column, values in ((key, each), (person, person[0]), (purchased_at, at), (address, moved)):
            column.append(values[come])
        probability = probability * mean / number
        reached = reached + probability
    keys, persons, times = np.concatenate(key), np.concatenate(person), np.concatenate(purchased_at)
    home = child_keys(who.key[persons], 1000 + np.concatenate(address))
    anywhere = (np.concatenate(address) > 0) & draws.happens("moves anywhere", home, world.profile["moves_anywhere"])
    state = np.where(anywhere, draws.choice("new state", home, world.state_shares), who.state[persons])
    place = world.places.draw(draws.uniform("place", home), state)
    order = np.lexsort((keys, times, persons))
    return Purchases(keys[order], persons[order], times[order], place[order])


def _second_of_day(world: World, keys: Keys, day: Ints) -> Ints:
    weekend = weekday_of(day * DAY) >= 5
    uniform = world.draws.uniform("hour", keys)
    working, free = (pick(uniform, hours) for hours in world.profile["hours"])
    return np.where(weekend, free, working) * 3600 + world.draws.integers("second", keys, 0, 3600)


def _propensity(draws: Draws, key: Keys, state: Ints, tastes: Tastes, strength: float) -> Floats:
    level = np.linspace(-1, 1, PRICE_LEVELS) * (3 / 2) ** 0.5
    parts = {
        "favourite category": draws.normal("category's loyalty", tastes.favourites[:, 0].astype(np.uint64)),
        "state": draws.normal("state's loyalty", state.astype(np.uint64)),
        "price level": level[tastes.price_level],
        "nothing seen": draws.normal("loyalty", key),
    }
    score = sum(PROPENSITY[part] * values for part, values in parts.items())
    return np.exp(strength * score - strength**2 / 2)

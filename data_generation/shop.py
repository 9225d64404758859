"""The rows of the shop's files for a block of people, and what is true of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from data_generation.baskets import Lines, baskets
from data_generation.draws import Floats, Ints
from data_generation.formats import money, timestamps, whole
from data_generation.fulfilment import Fulfilment, fulfil
from data_generation.orders import Orders
from data_generation.payments import payment_file
from data_generation.people import People, Purchases, people, purchases
from data_generation.profile import from_quantiles
from data_generation.reviews import review_file
from data_generation.tastes import people_truth
from data_generation.world import World

SHARED_REVIEW = 3_600
"""Orders of a person within so many seconds are judged in one review."""


@dataclass(frozen=True)
class Block:
    """What a block of people did.

    Attributes:
        orders: n orders, for the clickstream.
        propensity: of each order's person to order again, relative to a mean of 1, shape (n,).
        files: rows by Bronze table: customers, orders, order_items, order_payments, order_reviews.
        people: truth, a row a person: customer_unique_id, repeat_propensity and tastes.
        first_day: of each person's first order, days since the epoch.
    """

    orders: Orders
    propensity: Floats
    files: dict[str, pa.Table]
    people: pa.Table
    first_day: Ints


def block(world: World, first: int, last: int) -> Block:
    """What the people numbered ``first`` to ``last`` did; a function of the world and of each of them alone."""
    who = people(world, first, last)
    bought = purchases(world, who)
    lines = baskets(world, who, bought)
    state = fulfil(world, bought, lines)
    order_ids = world.draws.ids("order", bought.key)

    sold = state.has_items[lines.order]
    lines = Lines._make(column[sold] for column in lines)
    worth = np.bincount(lines.order, (lines.price + lines.freight) * lines.copies, len(bought.key))
    # Who could not be sold anything had ordered something all the same.
    prices = from_quantiles(world.draws.uniform("lost order", bought.key), world.profile["product_traits"]["price"])
    due = np.where(state.has_items, worth, prices)
    items = np.bincount(lines.order, lines.copies, len(bought.key))
    person = pa.array(bought.person)
    return Block(
        Orders(
            bought.key,
            order_ids,
            who.key[bought.person],
            who.customer_unique_id.take(person),
            world.places.states.take(pa.array(world.places.state[bought.place])),
            bought.purchased_at,
            lines.order,
            lines.product,
        ),
        who.propensity[bought.person],
        {
            "customers": _customers(world, who, bought),
            "orders": _orders(world, bought, order_ids, state),
            "order_items": _items(world, lines, order_ids, state),
            "order_payments": payment_file(world, bought, order_ids, state, due),
            "order_reviews": review_file(
                world, bought, order_ids, state, (items > 1).astype(np.int64), _same_review(bought)
            ),
        },
        people_truth(who.customer_unique_id, who.propensity, who.tastes, world.category_names),
        who.first_day,
    )


def _customers(world: World, who: People, bought: Purchases) -> pa.Table:
    place = pa.array(bought.place)
    return pa.table(
        {
            "customer_id": world.draws.ids("customer", bought.key),
            "customer_unique_id": who.customer_unique_id.take(pa.array(bought.person)),
            "customer_zip_code_prefix": world.places.prefix.take(place),
            "customer_city": world.places.city.take(place),
            "customer_state": world.places.states.take(pa.array(world.places.state[bought.place])),
        }
    )


def _orders(world: World, bought: Purchases, order_ids: pa.StringArray, state: Fulfilment) -> pa.Table:
    return pa.table(
        {
            "order_id": order_ids,
            "customer_id": world.draws.ids("customer", bought.key),
            "order_status": pa.array(world.statuses).take(pa.array(state.status)),
            "order_purchase_timestamp": timestamps(bought.purchased_at),
            "order_approved_at": timestamps(state.approved_at, state.approved),
            "order_delivered_carrier_date": timestamps(state.handed_over_at, state.handed_over),
            "order_delivered_customer_date": timestamps(state.delivered_at, state.delivered),
            "order_estimated_delivery_date": timestamps(state.promised_at),
        }
    )


def _items(world: World, lines: Lines, order_ids: pa.StringArray, state: Fulfilment) -> pa.Table:
    line = np.repeat(np.arange(len(lines.order)), lines.copies)
    order = lines.order[line]
    first = np.searchsorted(order, order)
    return pa.table(
        {
            "order_id": order_ids.take(pa.array(order)),
            "order_item_id": whole(np.arange(len(order)) - first + 1),
            "product_id": world.product_ids.take(pa.array(lines.product[line])),
            "seller_id": world.seller_ids.take(pa.array(lines.seller[line])),
            "shipping_limit_date": timestamps(state.ship_by[order]),
            "price": money(lines.price[line]),
            "freight_value": money(lines.freight[line]),
        }
    )


def _same_review(bought: Purchases) -> Ints:
    """The order whose review is this order's too: the one its person placed just before, else itself."""
    order = np.lexsort((bought.purchased_at, bought.person))
    soon = (np.diff(bought.person[order]) == 0) & (np.diff(bought.purchased_at[order]) < SHARED_REVIEW)
    same = np.arange(len(order))
    same[order[1:][soon]] = order[:-1][soon]
    return same

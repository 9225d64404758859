"""How an order goes on: its status, and when it is approved, handed over, delivered, and was promised."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from data_generation.baskets import Lines
from data_generation.draws import Floats, Ints, pick
from data_generation.people import Purchases
from data_generation.profile import from_quantiles
from data_generation.world import DAY, World, month_of, weekday_of

Flags = npt.NDArray[np.bool_]
LAST_CALL = 18
"""The hour after which nothing more arrives that was not on its way before."""
END_OF_TRADE = "2018-09-01"
SCANNED_AFTER = 3.3
"""Mean time in days from the delivery to the handing over, where a parcel was scanned only then."""


class Fulfilment(NamedTuple):
    """What became of n orders; times are seconds since the epoch and hold where the flag beside them says so.

    Attributes:
        status: number in ``world.statuses``, shape (n,).
        has_items: shape (n,).
        payment_type: number in ``world.payment_types``, shape (n,).
        approved, handed_over, delivered: whether it came so far, shape (n,).
        approved_at, ship_by, handed_over_at, delivered_at, promised_at: shape (n,).
    """

    status: Ints
    has_items: Flags
    payment_type: Ints
    approved: Flags
    handed_over: Flags
    delivered: Flags
    approved_at: Ints
    ship_by: Ints
    handed_over_at: Ints
    delivered_at: Ints
    promised_at: Ints


def fulfil(world: World, orders: Purchases, lines: Lines) -> Fulfilment:
    """How orders go on.

    Args:
        world: the shop.
        orders: n orders.
        lines: of the orders; the first line of each says where it comes from.
    """
    draws, profile, key, at = world.draws, world.profile, orders.key, orders.purchased_at
    late = at >= np.datetime64(END_OF_TRADE, "s").astype(np.int64)
    uniform = draws.uniform("status", key)
    usual, last = (
        pick(uniform, [profile[mix].get(status, 0.0) for status in world.statuses])
        for mix in ("status", "status_at_the_end")
    )
    status = np.where(late, last, usual)
    payment_type = draws.choice("payment type", key, list(profile["payment_type"].values()))

    first = np.searchsorted(lines.order, np.arange(len(key)))
    lead = lines.product[first]
    buyer, seller = world.places.state[orders.place], world.seller_state[lines.seller[first]]
    known: dict[str, npt.NDArray[Any]] = {
        "month": month_of(at),
        "payment_type": payment_type,
        "buyer_state": world.state_rank[buyer],
        "seller_state": world.state_rank[seller],
        "same_state": buyer == seller,
        "weight_g": world.product_traits["weight_g"][lead],
        "price": np.bincount(lines.order, lines.price * lines.copies, len(key)),
        "freight": np.bincount(lines.order, lines.freight * lines.copies, len(key)),
    }

    def know(step: str, moment: Ints) -> None:
        known[f"{step}_weekday"], known[f"{step}_hour"] = weekday_of(moment), moment % DAY / 3600

    def drawn(what: str) -> Floats:
        return profile["trees"][what].draw(draws.uniform(what, key), known)

    def days(what: str) -> Ints:
        known[what] = np.round(drawn(what)).astype(np.int64)
        return known[what]

    know("purchased", at)
    approved_at = at + (drawn("approval_hours") * 3600).astype(np.int64)
    know("approved", approved_at)
    limit_at = approved_at + days("limit_days") * DAY
    shift = from_quantiles(draws.uniform("shift", key), profile["shipping_limit_shift"]).astype(np.int64)
    known["to_limit"] = limit_at // DAY - at // DAY
    promised_day = at // DAY + days("promised_days")

    handed_day = approved_at // DAY + days("handling_days")
    handed_at = np.maximum(handed_day * DAY + (drawn("handed_hour") * 3600).astype(np.int64), at)
    know("handed", handed_at)
    known["days_left"] = promised_day - handed_at // DAY
    arrived_day = _delivery_day(world, handed_at // DAY + days("transit_days"), handed_at, orders)
    know("arrived", arrived_day * DAY)
    arrived_at = np.maximum(arrived_day * DAY + (drawn("arrived_hour") * 3600).astype(np.int64), handed_at)
    late_scan = draws.happens("scanned after delivery", key, profile["delivered_before_handed_over"])
    after = (-SCANNED_AFTER * DAY * np.log1p(-draws.uniform("how long after", key))).astype(np.int64)
    handed_at = np.where(late_scan, arrived_at + 1 + after, handed_at)

    reached = np.array([profile["reached"].get(each, [1, 0, 0]) for each in world.statuses])[status]
    chance = draws.uniform("how far", key)
    no_items = np.array([profile["no_items"].get(each, 0.0) for each in world.statuses])[status]
    return Fulfilment(
        status,
        ~draws.happens("no items", key, no_items),
        payment_type,
        chance < reached[:, 0],
        chance < reached[:, 1],
        chance < reached[:, 2],
        approved_at,
        limit_at + shift,
        handed_at,
        arrived_at,
        promised_day * DAY,
    )


def _delivery_day(world: World, day: Ints, earliest: Ints, orders: Purchases) -> Ints:
    """About that day, at a weekend as rarely as parcels come then."""
    day = day + (day * DAY + LAST_CALL * 3600 < earliest)
    weekday = weekday_of(day * DAY)
    open_on = np.array([world.profile["arrival_weekdays"].get(str(number), 0.0) for number in range(7)]) * 7
    closed = (weekday >= 5) & ~world.draws.happens("arrival at a weekend", orders.key, open_on[weekday])
    before = world.draws.happens("arrival before it", orders.key, 0.5) & ((day + 4 - weekday) * DAY > earliest)
    return day + np.where(closed, np.where(before, 4 - weekday, 7 - weekday), 0)

"""How an order goes on: its status, and when it is approved, handed over, delivered, and was promised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from data_generation.draws import Draws, Floats, Ints, Keys, pick
from data_generation.measure import LEGS, TARIFFS
from data_generation.people import Purchases
from data_generation.world import DAY, World, by_cell, from_quantiles, shares_by_cell

Flags = npt.NDArray[np.bool_]
LAST_CALL = 18
"""The hour after which nothing more leaves or arrives that was not ready before."""
END_OF_TRADE = "2018-09-01"


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


def fulfil(world: World, orders: Purchases, seller_state: Ints) -> Fulfilment:
    """How orders go on.

    Args:
        world: the shop.
        orders: n orders.
        seller_state: number of the state that the first product comes from, shape (n,).
    """
    draws, profile = world.draws, world.profile
    key, at = orders.key, orders.purchased_at
    late = at >= np.datetime64(END_OF_TRADE, "s").astype(np.int64)
    uniform = draws.uniform("status", key)
    usual, last = (
        pick(uniform, [profile[mix].get(status, 0.0) for status in world.statuses])
        for mix in ("status", "status_at_the_end")
    )
    status = np.where(late, last, usual)
    payment_type = draws.choice("payment type", key, list(profile["payment_type"].values()))
    mix = np.linalg.cholesky(np.array(profile["leg_correlation"]))
    normal = np.column_stack([draws.normal(f"leg {leg}", key) for leg in LEGS])
    limit, handling, transit, promise = (ndtr(normal @ row) for row in mix)

    states = world.places.states.to_pylist()
    buyer_state = world.places.state[orders.place]
    route = np.where(buyer_state == seller_state, 0, len(states)) + buyer_state
    routes = [f"{way} {state}" for way in ("near", "far") for state in states]
    month, months = months_of(at)

    def days(leg: str, uniform: Floats, cell: Ints, names: list[str]) -> Floats:
        return by_cell(uniform, cell, [profile["legs"][leg].get(name, profile["legs"][leg][""]) for name in names])

    def factor(leg: str, cell: Ints, names: list[str]) -> Floats:
        return np.array([profile["leg_factors"][leg].get(name, 1.0) for name in names])[cell]

    def hour(what: str, day: Ints, earliest: Ints) -> Ints:
        month, months = months_of(day * DAY)
        hours = profile[f"{what}_hours"]
        tables = [hours.get(name, hours[""]) for name in months]
        return moment(draws, what, day, earliest, key, month, tables)

    approved_at = _approval(world, at, payment_type, key)
    limit = np.round(days("limit", limit, month, months)).astype(np.int64)
    last_day = _working_days_after(approved_at // DAY, limit)
    shift = from_quantiles(draws.uniform("shift", key), profile["shipping_limit_shift"]).astype(np.int64)

    tariffs = np.array(TARIFFS, dtype="datetime64[s]").astype(np.int64)
    periods = [f"{period} {days_given}" for period in range(len(TARIFFS) + 1) for days_given in range(2, 10)]
    period = np.searchsorted(tariffs, at, side="right") * 8 + limit.clip(2, 9) - 2
    wait = np.round(days("handling", handling, period, periods) * factor("handling", month, months)).astype(np.int64)
    handed_day = _working_days_after(approved_at // DAY, wait)
    # Who is late for today comes on the next working day.
    late_today = handed_day * DAY + LAST_CALL * 3600 < approved_at
    handed = hour("hand_over", np.where(late_today, _working_days_after(approved_at // DAY, wait * 0 + 1), handed_day), approved_at)

    way = np.round(days("transit", transit, route, routes) * factor("transit", month, months)).astype(np.int64)
    arrived = hour("arrival", _delivery_day(world, handed // DAY + way, handed, key), handed)
    promised = days("promise", promise, month, months) * factor("promise", route, routes)
    promised_day = _working_days_after(last_day, np.round(promised).astype(np.int64))
    reached = np.array([profile["reached"].get(each, [1, 0, 0]) for each in world.statuses])[status]
    chance = draws.uniform("how far", key)
    return Fulfilment(
        status,
        ~draws.happens(
            "no items", key, np.array([profile["no_items"].get(each, 0.0) for each in world.statuses])[status]
        ),
        payment_type,
        *(chance < reached[:, step] for step in range(3)),
        approved_at,
        last_day * DAY + approved_at % DAY + shift,
        handed,
        arrived,
        promised_day * DAY,
    )


def months_of(at: Ints) -> tuple[Ints, list[str]]:
    """The month of each moment, as a position in the list of the months that occur."""
    months, position = np.unique(at.astype("datetime64[s]").astype("datetime64[M]"), return_inverse=True)
    return position, [str(month) for month in months]


def _approval(world: World, at: Ints, payment_type: Ints, key: Keys) -> Ints:
    """When payments are approved: within the hour, or when the bank gets round to it."""
    draws, profile = world.draws, world.profile
    month, months = months_of(at)
    kinds = world.payment_types
    cell = payment_type * 7 + (at // DAY + 3) % 7  # The epoch began on a Thursday.
    names = [f"{kind} {weekday}" for kind in kinds for weekday in range(7)]
    slow = draws.happens("slow", key, np.array([profile["slow_approvals"].get(name, 0.0) for name in names])[cell])
    fast_hours = profile["fast_approval_hours"]
    fast = by_cell(
        draws.uniform("fast approval", key),
        payment_type * len(months) + month,
        [fast_hours.get(f"{kind} {name}", fast_hours[""]) for kind in kinds for name in months],
    )
    days = profile["slow_approval_days"]
    day = at // DAY + shares_by_cell(draws.uniform("bank day", key), cell, [days.get(name, [1.0]) for name in names])
    bank_hours = [profile["slow_approval_hours"].get(kind, [1.0] * 24) for kind in kinds]
    bank = moment(draws, "bank", day, at + 3600, key, payment_type, bank_hours)
    return np.where(slow, bank, at + (fast * 3600).astype(np.int64))


def _working_days_after(day: Ints, days: Ints) -> Ints:
    return np.busday_offset(day.astype("datetime64[D]"), days, roll="backward").astype(np.int64)


def _delivery_day(world: World, day: Ints, earliest: Ints, key: Keys) -> Ints:
    """About that day, at a weekend as rarely as parcels come then."""
    day = day + (day * DAY + LAST_CALL * 3600 < earliest)
    weekday = (day + 3) % 7
    open_on = np.array([world.profile["arrival_weekdays"].get(str(number), 0.0) for number in range(7)]) * 7
    closed = (weekday >= 5) & ~world.draws.happens("arrival at a weekend", key, open_on[weekday])
    before = world.draws.happens("arrival before it", key, 0.5) & ((day + 4 - weekday) * DAY > earliest)
    return day + np.where(closed, np.where(before, 4 - weekday, 7 - weekday), 0)


def moment(
    draws: Draws, what: str, day: Ints, earliest: Ints, key: Keys, cell: Ints, hours: list[list[float]]
) -> Ints:
    """A second of the day at an hour drawn by the shares of each one's cell, but not before ``earliest``."""
    tables = np.array(hours)
    passed = np.clip(earliest - day * DAY, 0, DAY - 1) // 3600
    reached = np.concatenate([np.zeros((len(tables), 1)), np.cumsum(tables, axis=1)], axis=1)
    gone = reached[cell, passed] / reached[cell, -1]
    hour = shares_by_cell(gone + draws.uniform(f"{what} hour", key) * (1 - gone), cell, tables.tolist())
    second = draws.integers(f"{what} second", key, 0, 3600)
    return np.maximum(day * DAY + hour * 3600 + second, earliest + second)

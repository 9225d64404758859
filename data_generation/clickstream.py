"""What trackers see of a shop: sessions that lead to orders, come after them, or lead nowhere.

Every session springs from an order, by draws that belong to that order: the growth, the rhythm of the day and the
states of the shop carry over to its traffic, and an order cannot change the sessions of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import poisson

from data_generation.draws import Draws, Floats, Ints, Keys, child_keys, fixed_width_texts, pick
from data_generation.formats import timestamps
from data_generation.habits import (
    ABANDONED,
    BOT,
    BOT_VIEWS,
    BOTS_PER_ORDER,
    BROWSE,
    BROWSER_SHARES,
    BROWSERS,
    DAY,
    DEVICE_SHARES,
    DEVICES,
    FURTHER_VIEWS,
    KINDS,
    KNOWN,
    LATE_SESSIONS,
    LONGEST_PAUSE,
    MINUTE,
    PAUSE,
    PURCHASE,
    REFERRER_SHARES,
    REFERRERS,
    RESEARCH,
    RESEARCH_PER_ORDER,
    SECOND_IN_CART,
    SHORTEST_PAUSE,
    STRANGER_AWAY,
    STRANGER_RETURNS,
    USUAL_DEVICE,
    VISIT,
    VISITS_PER_ORDER,
    abandoned_per_order,
    browse_sessions_per_order,
)
from data_generation.orders import Orders
from data_generation.parameters import FROM_CHECKOUT, Parameters
from data_generation.tastes import Catalog, pick_groups, tastes_of

Flags = npt.NDArray[np.bool_]
EVENT_TYPES = ("page_view", "product_view", "add_to_cart", "checkout_start", "purchase")
PAGE, VIEW, CART, CHECKOUT, BOUGHT = range(5)


@dataclass(frozen=True)
class Knowledge:
    """What may shape behaviour, and until when.

    Attributes:
        catalog: with the popularity over all time.
        known: the same products with their popularity before the cutoff.
        cutoff: seconds since the epoch: no session that starts before it springs from an order at or after it.
        end: no session begins after it.
    """

    catalog: Catalog
    known: Catalog
    cutoff: int
    end: int


class Clickstream(NamedTuple):
    """Events as the tracker delivers them, and what is true of their sessions."""

    events: pa.Table
    sessions: pa.Table


class _Sessions(NamedTuple):
    key: Keys
    order: Ints
    kind: Ints
    person: Keys
    at: Ints  # When a buying session ends, and when any other begins.
    known: Flags
    reason: Ints


class _Strangers(NamedTuple):
    sessions: Ints  # Of all strangers of each order.
    person: Keys  # Of each session, by order.
    returns: Flags  # Whether each session is a further one of its stranger.


class _Steps(NamedTuple):
    session: Ints
    kind: Ints  # Position in EVENT_TYPES.
    product: Ints  # Position in the catalog, or -1.


def clickstream(
    orders: Orders, knowledge: Knowledge, draws: Draws, parameters: Parameters, propensity: Floats
) -> Clickstream:
    """The sessions that spring from orders.

    Args:
        orders: n orders; their products are positions in the catalog.
        knowledge: what may shape behaviour.
        draws: of the world's seed.
        parameters: rates of behaviour.
        propensity: how likely each order's person is to come back, relative to a mean of 1, shape (n,).

    Returns:
        The events by order, session and time, and a row of truth a session. Of a session that springs from an order
        at or after the cutoff but begins before it there is nothing.

    Raises:
        LakehouseError: as :func:`browse_sessions_per_order`.
    """
    sessions = _sessions(orders, knowledge, draws, parameters, propensity)
    steps = _steps(sessions, orders, knowledge, draws, parameters)
    first, number = _numbered(steps.session, len(sessions.key))
    at = _times(sessions, steps, first, number, draws)
    started = at[first]
    keep = (started <= knowledge.end) & (
        (started >= knowledge.cutoff) | (orders.purchased_at[sessions.order] < knowledge.cutoff)
    )
    names = _names(sessions, orders, draws)
    kept = keep[steps.session]
    steps, number, at = _Steps(*(column[kept] for column in steps)), number[kept], at[kept]
    return Clickstream(
        _events(sessions, steps, number, at, names, orders, knowledge.catalog, draws),
        _truth(sessions, steps, keep, started, names, orders, knowledge.catalog, parameters),
    )


def _sessions(
    orders: Orders, knowledge: Knowledge, draws: Draws, parameters: Parameters, propensity: Floats
) -> _Sessions:
    key = orders.key
    # What was in an order without items nobody knows, so nobody can have been seen putting it into the cart.
    has_products = np.bincount(orders.line_order, minlength=len(key)) > 0
    tracked = has_products & draws.happens("tracked", key, parameters.tracking_coverage)
    strangers = _strangers(key, draws, browse_sessions_per_order(parameters))
    counts = (
        tracked.astype(np.int64),
        tracked * draws.poisson("research", key, RESEARCH_PER_ORDER),
        draws.poisson("left behind", key, abandoned_per_order(parameters)),
        poisson.ppf(draws.uniform("visits", key), VISITS_PER_ORDER * propensity).astype(np.int64),
        strangers.sessions,
        draws.happens("bot", key, BOTS_PER_ORDER).astype(np.int64),
    )
    # By order, then by kind: repeat() over the table of counts, read row by row.
    count = np.column_stack(counts)
    cell = np.repeat(np.arange(count.size), count.ravel())
    order, kind = cell // len(KINDS), cell % len(KINDS)
    number = np.arange(len(cell)) - (np.cumsum(count.ravel()) - count.ravel())[cell]
    session = child_keys(child_keys(key[order], 2_000 + kind), number)

    uniform = draws.uniform("which day", session)
    days = np.zeros(len(session), dtype=np.int64)
    days = np.where(kind == RESEARCH, -1 - (uniform * 14).astype(np.int64), days)
    days = np.where(kind == ABANDONED, (uniform * 60).astype(np.int64) - 30, days)
    days = np.where(kind == VISIT, 1 + (-45 * np.log1p(-uniform)).astype(np.int64), days)
    browse, bot = kind == BROWSE, kind == BOT
    days = np.where(browse | bot, (uniform * 7).astype(np.int64) - 3, days)
    returns = np.zeros(len(session), dtype=bool)
    returns[browse] = strangers.returns
    days = np.where(returns, 1 + (-STRANGER_AWAY * np.log1p(-uniform)).astype(np.int64), days)
    shift = (90 * MINUTE * draws.normal("which hour", session)).astype(np.int64)
    at = orders.purchased_at[order] + days * DAY + np.where(kind == PURCHASE, 0, shift)

    person = np.where(bot, draws.words("bot", session), orders.person[order])
    person[browse] = strangers.person
    known = draws.happens("signed in", session, np.array(KNOWN)[kind])
    reason = draws.choice("reason", session, list(parameters.abandonment_reasons.values()))
    return _Sessions(session, order, kind, person, at, known, np.where(kind == ABANDONED, reason, -1))


def _strangers(key: Keys, draws: Draws, sessions: float) -> _Strangers:
    """Who looks around, so many sessions an order on average: people who come back a number of times, or never do."""
    count = draws.poisson("strangers", key, sessions * (1 - STRANGER_RETURNS))
    order = np.repeat(np.arange(len(key)), count)
    person = child_keys(key[order], 3_000 + np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count))
    further = np.log1p(-draws.uniform("comes back", person)) / np.log(STRANGER_RETURNS)
    visits = 1 + further.astype(np.int64)
    returns = np.ones(visits.sum(), dtype=bool)
    returns[np.cumsum(visits) - visits] = False
    return _Strangers(np.bincount(order, visits, len(key)).astype(np.int64), np.repeat(person, visits), returns)


def _steps(sessions: _Sessions, orders: Orders, knowledge: Knowledge, draws: Draws, parameters: Parameters) -> _Steps:
    """All events of all sessions, in the order in which they happen."""
    key, kind = sessions.key, sessions.kind
    further = np.zeros(len(key), dtype=np.int64)
    for number in range(len(KINDS)):
        inside = kind == number
        further[inside] = draws.poisson("further views", key[inside], FURTHER_VIEWS[number])
    further += np.where(kind == BOT, draws.integers("bot views", key, *BOT_VIEWS), 0)
    carts = (kind == ABANDONED) * (1 + draws.happens("second in cart", key, SECOND_IN_CART))

    # What buyers bought, all of it, and what researchers look at, one product of it.
    lines = np.bincount(orders.line_order, minlength=len(orders.key))
    line_start = np.cumsum(lines) - lines
    own = np.where(kind == PURCHASE, lines[sessions.order], 0)
    own = np.where(kind == RESEARCH, 1, own)
    slots = own + carts + further
    session = np.repeat(np.arange(len(key)), slots)
    slot = np.arange(len(session)) - (np.cumsum(slots) - slots)[session]

    is_own = slot < own[session]
    in_cart = np.where(kind[session] == PURCHASE, is_own, (slot < carts[session]) & (kind[session] == ABANDONED))
    product = np.empty(len(session), dtype=np.int64)
    asked = (draws.uniform("which line", key) * lines[sessions.order]).astype(np.int64)
    offset = np.where(kind[session] == RESEARCH, asked[session], slot)
    product[is_own] = orders.line_product[(line_start[sessions.order[session]] + offset)[is_own]]
    product[~is_own] = _liked(sessions, session[~is_own], slot[~is_own], knowledge, draws, parameters)

    # A view of each product, and its way into the cart; then the checkout.
    leave = np.array([FROM_CHECKOUT.get(why, 0.0) for why in parameters.abandonment_reasons])
    checkout = (kind == PURCHASE) | (
        (kind == ABANDONED) & draws.happens("from checkout", key, leave[sessions.reason.clip(0)])
    )
    bought = kind == PURCHASE
    every = np.arange(len(key))
    parts = (
        (every, 0 * every, PAGE, None),
        (session, 1 + 2 * slot, VIEW, product),
        (session[in_cart], 2 + 2 * slot[in_cart], CART, product[in_cart]),
        (every[checkout], 0 * every[checkout] + 998, CHECKOUT, None),
        (every[bought], 0 * every[bought] + 999, BOUGHT, None),
    )
    place = np.concatenate([1_000 * whose + rank for whose, rank, _, _ in parts])
    order = np.argsort(place, kind="stable")
    return _Steps(
        place[order] // 1_000,
        np.concatenate([np.full(len(whose), step) for whose, _, step, _ in parts])[order],
        np.concatenate([np.full(len(whose), -1) if which is None else which for whose, _, _, which in parts])[order],
    )


def _liked(
    sessions: _Sessions, session: Ints, slot: Ints, knowledge: Knowledge, draws: Draws, parameters: Parameters
) -> Ints:
    people, person = np.unique(sessions.person[session], return_inverse=True)
    tastes = tastes_of(draws, people, knowledge.known.category_weights, parameters.taste_strength)
    key = child_keys(sessions.key[session], slot)
    group = pick_groups(draws, "view", key, tastes, person, parameters.taste_strength)
    uniform = draws.uniform("viewed product", key)
    early = sessions.at[session] < knowledge.cutoff
    product = np.empty(len(session), dtype=np.int64)
    for catalog, inside in ((knowledge.known, early), (knowledge.catalog, ~early)):
        product[inside] = catalog.draw(uniform[inside], *(part[inside] for part in group))
    return product


def _numbered(session: Ints, sessions: int) -> tuple[Ints, Ints]:
    """Where the events of each session begin, and each event's number in its session."""
    counts = np.bincount(session, minlength=sessions)
    first = np.cumsum(counts) - counts
    return first, np.arange(len(session)) - first[session]


def _times(sessions: _Sessions, steps: _Steps, first: Ints, number: Ints, draws: Draws) -> Ints:
    pause = -np.log1p(-draws.uniform("pause", child_keys(sessions.key[steps.session], number)))
    bot = sessions.kind[steps.session] == BOT
    pause = SHORTEST_PAUSE + (np.where(bot, 2.0, PAUSE) * pause).astype(np.int64)
    gone = np.cumsum(np.where(number == 0, 0, np.minimum(pause, LONGEST_PAUSE)))
    gone = gone - gone[first][steps.session]
    last = np.append(first, len(number))[1:] - 1
    begin = np.where(sessions.kind == PURCHASE, sessions.at - gone[last], sessions.at)
    return begin[steps.session] + gone


class _Names(NamedTuple):
    session_id: pa.StringArray
    visitor_id: pa.StringArray
    customer_unique_id: pa.Array
    device: Ints


def _names(sessions: _Sessions, orders: Orders, draws: Draws) -> _Names:
    usual = draws.choice("usual device", sessions.person, DEVICE_SHARES)
    other = draws.choice("other device", sessions.key, DEVICE_SHARES)
    device = np.where(draws.happens("usual device used", sessions.key, USUAL_DEVICE), usual, other)
    device = np.where(sessions.kind == BOT, DEVICES.index("desktop"), device)
    # A cookie knows the device, not the person.
    return _Names(
        draws.ids("session", sessions.key, 16),
        draws.ids("visitor", child_keys(sessions.person, device), 16),
        pc.if_else(pa.array(sessions.known), orders.customer_unique_id.take(pa.array(sessions.order)), None),
        device,
    )


def _events(
    sessions: _Sessions,
    steps: _Steps,
    number: Ints,
    at: Ints,
    names: _Names,
    orders: Orders,
    catalog: Catalog,
    draws: Draws,
) -> pa.Table:
    key = sessions.key
    browser = np.zeros(len(key), dtype=np.int64)
    uniform = draws.uniform("browser", sessions.person)
    for device, shares in enumerate(BROWSER_SHARES):
        inside = names.device == device
        browser[inside] = pick(uniform[inside], shares)
    honest = (sessions.kind == BOT) & draws.happens("honest bot", key, 0.5)
    browser = np.where(honest, BROWSERS.index("Googlebot"), browser)
    uniform = draws.uniform("referrer", key)
    referrer = np.where(sessions.known, *(pick(uniform, shares) for shares in REFERRER_SHARES))
    late = draws.happens("late", key, LATE_SESSIONS)
    delay = np.where(late, 3_600 + (2 * DAY * draws.uniform("how late", key)).astype(np.int64), 0)

    def each(values: pa.Array, positions: Ints) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(positions), values).dictionary_decode()

    session = pa.array(steps.session)
    bought = steps.kind == BOUGHT
    lag = draws.integers("lag", child_keys(key[steps.session], number), 0, 4)
    shop = {
        "session_id": names.session_id.take(session),
        "visitor_id": names.visitor_id.take(session),
        "customer_unique_id": names.customer_unique_id.take(session),
    }
    return pa.table(
        {
            "event_id": _event_ids(shop["session_id"], number),
            **shop,
            "event_type": each(pa.array(EVENT_TYPES), steps.kind),
            "event_timestamp": timestamps(at),
            "received_at": timestamps(at + lag + delay[steps.session]),
            "product_id": catalog.product_ids.take(pa.array(steps.product, mask=steps.product < 0)),
            "order_id": orders.order_id.take(pa.array(sessions.order[steps.session], mask=~bought)),
            "device": each(pa.array(DEVICES), names.device[steps.session]),
            "browser": each(pa.array(BROWSERS), browser[steps.session]),
            "referrer": each(pa.array(REFERRERS), referrer[steps.session]),
            "state": orders.state.take(pa.array(sessions.order[steps.session])),
            "provenance": pa.repeat(pa.scalar("generated"), len(at)),
        }
    )


def _event_ids(session_ids: pa.StringArray, number: Ints) -> pa.StringArray:
    """Session id, dash, three digits."""
    count = len(number)
    characters = np.empty((count, 20), dtype=np.uint8)
    start = session_ids.offset * 16
    text = np.frombuffer(session_ids.buffers()[2] or b"", dtype=np.uint8)[start : start + 16 * count]
    characters[:, :16] = text.reshape(count, 16)
    characters[:, 16] = ord("-")
    for column, power in enumerate((100, 10, 1)):
        characters[:, 17 + column] = ord("0") + number // power % 10
    return fixed_width_texts(characters.ravel(), 20)


def _truth(
    sessions: _Sessions,
    steps: _Steps,
    keep: Flags,
    started: Ints,
    names: _Names,
    orders: Orders,
    catalog: Catalog,
    parameters: Parameters,
) -> pa.Table:
    kept = pa.array(np.flatnonzero(keep))
    real = (sessions.kind != BROWSE) & (sessions.kind != BOT)
    own = (sessions.kind == PURCHASE) | (sessions.kind == RESEARCH)
    in_cart = steps.kind == CART
    carts = np.bincount(steps.session[in_cart], minlength=len(sessions.key))[keep]
    in_carts = catalog.product_ids.take(pa.array(steps.product[in_cart]))
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(carts)]), pa.int32()), in_carts)
    reasons = pa.array(list(parameters.abandonment_reasons))
    return pa.table(
        {
            "session_id": names.session_id.take(kept),
            "kind": pa.array(KINDS).take(pa.array(sessions.kind[keep])),
            "customer_unique_id": orders.customer_unique_id.take(pa.array(sessions.order[keep], mask=~real[keep])),
            "order_id": orders.order_id.take(pa.array(sessions.order[keep], mask=~own[keep])),
            "started_at": timestamps(started[keep]),
            "abandonment_reason": reasons.take(pa.array(sessions.reason[keep], mask=sessions.reason[keep] < 0)),
            "products_in_cart": pc.binary_join(lists, " "),
        }
    )

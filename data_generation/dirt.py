"""Damage to landing files, planted with a record of each fault, so that what finds it can be judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_generation.draws import Draws, Floats, Ints, Keys, hex_texts, keys_of
from data_generation.drops import days_of
from data_generation.files import LATIN

Flags = npt.NDArray[np.bool_]
DAY = 86_400


class Fault(NamedTuple):
    """A way to damage a row.

    Attributes:
        kind: the fault's name in the manifest.
        column: which is damaged; empty where the whole row is delivered twice.
        damage: new values from the old ones and the rows' keys; None where the row is only repeated.
        expected: what becomes of the row: ``duplicate``, ``superseded`` (by the row after it), ``quarantined: rule``,
            ``rejected`` (in Bronze), or ``kept``.
        share: how often it is chosen for a row that can be damaged so, beside the other faults.
        only: a column and the value that it must have in the rows that can be damaged so.
        stale: whether the damaged row comes first and the sound one after it, in drops mostly on a later day.
        arrives: whether the damaged column says when the row is received, and so in which drop it is.
    """

    kind: str
    column: str
    damage: Callable[[pa.Array, Keys], pa.Array] | None
    expected: str
    share: float = 1.0
    only: tuple[str, str] | None = None
    stale: bool = False
    arrives: bool = False


def _constant(text: str) -> Callable[[pa.Array, Keys], pa.Array]:
    return lambda values, keys: pa.repeat(pa.scalar(text), len(values))


def _shifted(seconds: int) -> Callable[[pa.Array, Keys], pa.Array]:
    def damage(values: pa.Array, keys: Keys) -> pa.Array:
        moments = pc.strptime(values, "%Y-%m-%d %H:%M:%S", "s").cast(pa.int64())
        return pc.add(moments, seconds).cast(pa.timestamp("s")).cast(pa.string())

    return damage


def _negative(values: pa.Array, keys: Keys) -> pa.Array:
    return pc.binary_join_element_wise("-", values, "")


def _stranger(values: pa.Array, keys: Keys) -> pa.Array:
    return hex_texts(np.column_stack([keys, ~keys]))


def _latin(values: pa.Array, keys: Keys) -> pa.Array:
    texts = (
        None if text is None else "".join(chr(LATIN + ord(c)) if 127 < ord(c) < 256 else c for c in text)
        for text in values.to_pylist()
    )
    return pa.array(texts, pa.string())


DUPLICATE = Fault("duplicate", "", None, "duplicate")
UNREADABLE = _constant("2018-02-31 25:61:00")

FAULTS: dict[str, tuple[Fault, ...]] = {
    "customers": (DUPLICATE,),
    "orders": (
        DUPLICATE,
        Fault("corrected record", "order_status", _constant("processing"), "superseded", stale=True),
        Fault(
            "malformed timestamp",
            "order_purchase_timestamp",
            UNREADABLE,
            "quarantined: purchase_timestamp_unreadable",
        ),
        Fault(
            "clock skew",
            "order_purchase_timestamp",
            _shifted(3_650 * DAY),
            "quarantined: purchased_after_promised_delivery",
            share=0.2,
        ),
    ),
    "order_items": (
        DUPLICATE,
        Fault("negative price", "price", _negative, "quarantined: price_negative"),
        Fault('text "nan"', "price", _constant("nan"), "quarantined: price_unreadable"),
        Fault("unknown product", "product_id", _stranger, "quarantined: product_unknown"),
    ),
    "order_payments": (
        DUPLICATE,
        Fault('text "nan"', "payment_value", _constant("nan"), "quarantined: payment_value_unreadable"),
    ),
    "order_reviews": (
        DUPLICATE,
        Fault("corrected record", "review_score", _constant("3"), "superseded", stale=True),
        Fault('text "nan"', "review_score", _constant("nan"), "quarantined: review_score_out_of_range"),
        Fault("wrong encoding", "review_comment_message", _latin, "rejected", share=5.0),
    ),
    "products": (DUPLICATE, Fault('text "nan"', "product_weight_g", _constant("nan"), "kept")),
    "sellers": (DUPLICATE,),
    "clickstream_events": (
        DUPLICATE,
        Fault("corrected record", "device", _constant("tablet"), "superseded", stale=True),
        Fault("late event", "received_at", _shifted(10 * DAY), "kept", arrives=True),
        Fault("malformed timestamp", "event_timestamp", UNREADABLE, "quarantined: event_timestamp_missing"),
        Fault("clock skew", "event_timestamp", _shifted(365 * DAY), "quarantined: received_before_event"),
        Fault(
            "unknown product",
            "product_id",
            _stranger,
            "quarantined: product_unknown",
            only=("event_type", "product_view"),
        ),
        Fault('text "nan"', "session_id", _constant("nan"), "quarantined: session_id_missing", share=0.5),
        Fault(
            "impossible order of events",
            "event_timestamp",
            _shifted(-2 * 3_600),
            "quarantined: events_out_of_order",
            share=10.0,
            only=("event_type", "checkout_start"),
        ),
    ),
    "customer_contacts": (
        DUPLICATE,
        Fault("corrected record", "phone", _constant("+55 11 900000000"), "superseded", stale=True),
        Fault("malformed e-mail", "email", _constant("nobody at example.com"), "quarantined: email_malformed"),
    ),
}
KEYS = {
    "customers": ("customer_id",),
    "orders": ("order_id",),
    "order_items": ("order_id", "order_item_id"),
    "order_payments": ("order_id", "payment_sequential"),
    "order_reviews": ("review_id", "order_id"),
    "products": ("product_id",),
    "sellers": ("seller_id",),
    "clickstream_events": ("event_id",),
    "customer_contacts": ("customer_unique_id",),
}
FAULTS_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("table", "key", "kind", "column", "planted", "expected", "delivered_on")]
)
CORRECTED_AFTER = (1, 6)
"""Days after which a correction is delivered, at least, and fewer than."""


def soil(
    name: str, table: pa.Table, draws: Draws, share: float, encodings: bool = True, last_day: int | None = None
) -> tuple[pa.Table, pa.Table]:
    """Damage a share of the rows of a table, each in one way, by draws that belong to the row.

    Args:
        name: of the Bronze table.
        table: its rows, all columns text; others are left as they are. With ``_day``, the day of the drop that a row
            is in, days since the epoch: rows that arrive late and corrections move to later drops. All versions of a
            row must be there.
        draws: of the world's seed.
        share: 0 (nothing) to 1 (every row).
        encodings: whether the file can hold wrong encodings; Parquet cannot.
        last_day: of the drops, days since the epoch: nothing moves beyond it; None keeps rows in their drops.

    Returns:
        The damaged table, and a row a fault in the order of the rows: table, key, kind, column, the value that was
        planted (bytes of another encoding as characters from ``LATIN`` on), what is expected, and the day of the drop
        that the damaged row is in, as yyyy-mm-dd (null without drops).
    """
    kinds = [fault for fault in FAULTS.get(name, ()) if encodings or fault.kind != "wrong encoding"]
    if not share or not kinds or not len(table):
        return table, FAULTS_SCHEMA.empty_table()
    table = table.combine_chunks()
    columns = {column: table[column].combine_chunks() for column in table.column_names}
    names = pc.binary_join_element_wise(*(columns[column] for column in KEYS[name]), "|")
    in_drops = "_day" in columns
    day = columns["_day"].to_numpy().astype(np.int64) if in_drops else np.zeros(len(table), dtype=np.int64)
    last = -1 if last_day is None else last_day
    # A table may hold several versions of a row; each is a row of its own.
    key = keys_of(names) + day.astype(np.uint64)
    hit = np.flatnonzero(draws.happens(f"{name}: damaged", key, share))
    rows = table.take(pa.array(hit)).combine_chunks()
    values, arrivals, possible = [], [], []
    for fault in kinds:
        planted, can_be = _planted(fault, rows, key[hit])
        arrival = day[hit]
        if in_drops and fault.arrives:
            arrival = np.maximum(arrival, days_of(pa.chunked_array([planted])))
        values.append(planted)
        arrivals.append(arrival)
        possible.append(can_be & ((arrival == day[hit]) | (arrival <= last)))
    weights = np.column_stack([fault.share * can_be for fault, can_be in zip(kinds, possible, strict=True)])
    which = _pick_rows(draws.uniform(f"{name}: how", key[hit]), weights)

    new_day, corrected_on = day.copy(), _corrected_on(draws, names, key, day, last)
    copies, faults, damaged_rows = [table], [], []
    # Where rows go: their own place, or just before or after it.
    places = [4 * np.arange(len(table)) + 1]
    for number, fault in enumerate(kinds):
        chosen = np.flatnonzero(which == number)
        if not len(chosen):
            continue
        at, delivered = hit[chosen], arrivals[number][chosen]
        planted = values[number].take(pa.array(chosen))
        if fault.damage is None or fault.stale:
            copy = rows.take(pa.array(chosen))
            if fault.damage is not None:
                copy = copy.set_column(copy.column_names.index(fault.column), fault.column, planted)
            copies.append(copy)
            places.append(4 * at + (0 if fault.stale else 2))
        else:
            mask = np.zeros(len(table), dtype=bool)
            mask[at] = True
            columns[fault.column] = pc.replace_with_mask(columns[fault.column], pa.array(mask), planted)
        damaged_rows.append(at)
        faults.append(
            pa.table(
                [
                    pa.repeat(pa.scalar(name), len(at)),
                    names.take(pa.array(at)),
                    pa.repeat(pa.scalar(fault.kind), len(at)),
                    pa.repeat(pa.scalar(fault.column or None, pa.string()), len(at)),
                    planted,
                    pa.repeat(pa.scalar(fault.expected), len(at)),
                    _dates(delivered) if in_drops else pa.nulls(len(at), pa.string()),
                ],
                schema=FAULTS_SCHEMA,
            )
        )
        new_day[at] = corrected_on[at] if fault.stale else delivered
    if in_drops:
        columns["_day"] = pa.array(new_day, columns["_day"].type)
    copies[0] = pa.table(columns)
    order = np.argsort(np.concatenate(places), kind="stable")
    damaged = pa.concat_tables(copies).take(pa.array(order)).combine_chunks()
    if not faults:
        return damaged, FAULTS_SCHEMA.empty_table()
    by_row = np.argsort(np.concatenate(damaged_rows), kind="stable")
    return damaged, pa.concat_tables(faults).take(pa.array(by_row)).combine_chunks()


def _planted(fault: Fault, rows: pa.Table, keys: Keys) -> tuple[pa.Array, Flags]:
    """What a fault would plant in each row, and whether it can: damage that changes nothing is no fault."""
    if fault.damage is None:
        return pa.nulls(len(rows), pa.string()), np.ones(len(rows), dtype=bool)
    planted = fault.damage(rows[fault.column].combine_chunks(), keys)
    possible = pc.not_equal(rows[fault.column], planted)
    if fault.only:
        possible = pc.and_(possible, pc.equal(rows[fault.only[0]], fault.only[1]))
    return planted, pc.fill_null(possible, False).to_numpy()


def _corrected_on(draws: Draws, names: pa.Array, key: Keys, day: Ints, last: int) -> Ints:
    """The day on which each row would be delivered again: its own where days later is after the last one, or not
    before the row's next version, which must not be undone."""
    row = keys_of(names)
    order = np.lexsort((day, row))
    again = np.diff(row[order]) == 0
    following = np.full(len(day), last + 1)
    following[order[:-1][again]] = day[order[1:]][again]
    later = day + draws.integers("corrected after", key, *CORRECTED_AFTER)
    return np.where(later < following, later, day)


def _dates(days: Ints) -> pa.Array:
    return pa.array(np.datetime_as_string(days.astype("datetime64[D]")), pa.string())


def _pick_rows(uniform: Floats, weights: Floats) -> np.ndarray:
    reached = np.cumsum(weights, axis=1)
    return (uniform[:, None] * reached[:, -1:] >= reached).sum(axis=1)

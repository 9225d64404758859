"""Damage to landing files, planted with a record of each fault, so that what finds it can be judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_generation.draws import Draws, Floats, Keys, hex_texts, keys_of
from data_generation.files import LATIN

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
        stale: whether the damaged row comes first and the sound one after it.
    """

    kind: str
    column: str
    damage: Callable[[pa.Array, Keys], pa.Array] | None
    expected: str
    share: float = 1.0
    only: tuple[str, str] | None = None
    stale: bool = False


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
        Fault("clock skew", "order_purchase_timestamp", _shifted(3_650 * DAY), "kept", share=0.2),
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
        Fault("late event", "received_at", _shifted(10 * DAY), "kept"),
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
FAULTS_SCHEMA = pa.schema([(name, pa.string()) for name in ("table", "key", "kind", "column", "planted", "expected")])


def soil(name: str, table: pa.Table, draws: Draws, share: float, encodings: bool = True) -> tuple[pa.Table, pa.Table]:
    """Damage a share of the rows of a table, each in one way, by draws that belong to the row.

    Args:
        name: of the Bronze table.
        table: its rows, all columns text; others are left as they are.
        draws: of the world's seed.
        share: 0 (nothing) to 1 (every row).
        encodings: whether the file can hold wrong encodings; Parquet cannot.

    Returns:
        The damaged table, and a row a fault in the order of the rows: table, key, kind, column, the value that was
        planted (bytes of another encoding as characters from ``LATIN`` on), and what is expected.
    """
    kinds = [fault for fault in FAULTS.get(name, ()) if encodings or fault.kind != "wrong encoding"]
    if not share or not kinds or not len(table):
        return table, FAULTS_SCHEMA.empty_table()
    table = table.combine_chunks()
    names = pc.binary_join_element_wise(*(table[column].combine_chunks() for column in KEYS[name]), "|")
    # A table may hold several versions of a row; each is a row of its own.
    version = table["_day"].to_numpy().astype(np.uint64) if "_day" in table.column_names else np.uint64(0)
    key = keys_of(names) + version
    weight = np.column_stack([fault.share * _possible(table, fault) for fault in kinds])
    hit = draws.happens(f"{name}: damaged", key, share)
    which = _pick_rows(draws.uniform(f"{name}: how", key), weight)

    copies, faults, damaged_rows = [table], [], []
    # Where rows go: their own place, or just before or after it.
    places = [4 * np.arange(len(table)) + 1]
    columns = {column: table[column].combine_chunks() for column in table.column_names}
    for number, fault in enumerate(kinds):
        rows = np.flatnonzero(hit & (which == number))
        if not len(rows):
            continue
        taken = pa.array(rows)
        planted = pa.nulls(len(rows), pa.string())
        if fault.damage is not None:
            planted = fault.damage(columns[fault.column].take(taken), key[rows])
        if fault.damage is None or fault.stale:
            copy = table.take(taken)
            if fault.damage is not None:
                copy = copy.set_column(copy.column_names.index(fault.column), fault.column, planted)
            copies.append(copy)
            places.append(4 * rows + (0 if fault.stale else 2))
        else:
            mask = np.zeros(len(table), dtype=bool)
            mask[rows] = True
            columns[fault.column] = pc.replace_with_mask(columns[fault.column], pa.array(mask), planted)
        damaged_rows.append(rows)
        faults.append(
            pa.table(
                [
                    pa.repeat(pa.scalar(name), len(rows)),
                    names.take(taken),
                    pa.repeat(pa.scalar(fault.kind), len(rows)),
                    pa.repeat(pa.scalar(fault.column or None, pa.string()), len(rows)),
                    planted,
                    pa.repeat(pa.scalar(fault.expected), len(rows)),
                ],
                schema=FAULTS_SCHEMA,
            )
        )
    copies[0] = pa.table(columns)
    order = np.argsort(np.concatenate(places), kind="stable")
    damaged = pa.concat_tables(copies).take(pa.array(order)).combine_chunks()
    if not faults:
        return damaged, FAULTS_SCHEMA.empty_table()
    by_row = np.argsort(np.concatenate(damaged_rows), kind="stable")
    return damaged, pa.concat_tables(faults).take(pa.array(by_row)).combine_chunks()


def _possible(table: pa.Table, fault: Fault) -> Floats:
    if fault.damage is None:
        return np.ones(len(table))
    possible = pc.is_valid(table[fault.column])
    if fault.kind == "wrong encoding":
        possible = pc.and_(
            possible, pc.fill_null(pc.match_substring_regex(table[fault.column], "[^\\x00-\\x7f]"), False)
        )
    elif fault.only:
        possible = pc.and_(possible, pc.fill_null(pc.equal(table[fault.only[0]], fault.only[1]), False))
    return possible.to_numpy(zero_copy_only=False).astype(np.float64)


def _pick_rows(uniform: Floats, weights: Floats) -> np.ndarray:
    reached = np.cumsum(weights, axis=1)
    return (uniform[:, None] * reached[:, -1:] >= reached).sum(axis=1)

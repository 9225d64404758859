"""A shop as it is delivered day by day: everything up to the first day, then what is new or has changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data_generation.draws import Ints, Keys, child_keys, numbered
from data_generation.formats import whole
from data_generation.world import World

PRODUCT_CHANGES, SELLER_MOVES = 0.002, 0.001
"""Share of products that change, and of sellers that move, in a day."""
NEW_CATEGORY = 0.1
"""Share of the changes to a product that put it into another category; the others describe it anew."""
NEVER = np.iinfo(np.int32).max
UNDER_WAY = ("created", "approved", "shipped")


class Calendar(NamedTuple):
    """The days of the drops, as days since the epoch; the first drop holds all that was before."""

    first: int
    last: int

    @classmethod
    def of(cls, start: date, days: int) -> Calendar:
        """``days`` drops, the first on ``start``."""
        first = (start - date(1970, 1, 1)).days
        return cls(first, first + days - 1)

    def dates(self) -> list[date]:
        """All days, in order."""
        return [date(1970, 1, 1) + timedelta(day) for day in range(self.first, self.last + 1)]

    def dated(self, table: pa.Table, day: Ints) -> pa.Table:
        """The rows that are delivered by the last day, with ``_day``, the day of the drop they are in."""
        day = np.maximum(day, self.first)
        table = table.append_column("_day", pa.array(day.astype(np.int32)))
        return table if (day <= self.last).all() else table.filter(pa.array(day <= self.last))


def dated_orders(files: dict[str, pa.Table], calendar: Calendar) -> dict[str, pa.Table]:
    """Files of orders by day: orders as often as they change, all else when it is there.

    Args:
        files: customers and orders, row by row of the same order, and order_items, order_payments, order_reviews.
        calendar: of the drops.
    """
    orders = files["orders"]
    purchased = days_of(orders["order_purchase_timestamp"])
    dated = {"customers": calendar.dated(files["customers"], purchased), "orders": _versions(orders, calendar)}
    for name in ("order_items", "order_payments"):
        row = pc.index_in(files[name]["order_id"], orders["order_id"].combine_chunks()).to_numpy()
        dated[name] = calendar.dated(files[name], purchased[row])
    reviews = files["order_reviews"]
    dated["order_reviews"] = calendar.dated(reviews, days_of(reviews["review_answer_timestamp"]))
    return dated


def days_of(moments: pa.ChunkedArray) -> Ints:
    """Days since the epoch of timestamps as text; ``NEVER`` where there is none."""
    days = pc.cast(pc.strptime(moments, "%Y-%m-%d %H:%M:%S", "s"), pa.date32()).cast(pa.int32())
    return pc.fill_null(days, NEVER).to_numpy().astype(np.int64)


def _versions(orders: pa.Table, calendar: Calendar) -> pa.Table:
    """Each order on each day on which something happens to it, as it is known at the end of that day."""
    columns = (
        "order_purchase_timestamp",
        "order_approved_at",
        "order_delivered_carrier_date",
        "order_delivered_customer_date",
    )
    days = np.column_stack([days_of(orders[column]) for column in columns])
    seen = np.maximum(days, calendar.first)
    parts, places = [], []
    for step in range(len(columns)):
        day = seen[:, step]
        # Of several steps on a day the last one says what is known at its end.
        told = (days[:, step] != NEVER) & ~(seen[:, step + 1 :] == day[:, None]).any(axis=1)
        rows = np.flatnonzero(told & (day <= calendar.last))
        part, day = orders.take(pa.array(rows)), day[rows]
        later = np.where(days[rows] == NEVER, -1, seen[rows]).max(axis=1) > day
        shown = seen[rows] <= day[:, None]
        for number, column in enumerate(columns[1:], start=1):
            known = pc.if_else(pa.array(shown[:, number]), part[column], None)
            part = part.set_column(part.column_names.index(column), column, known)
        progress = pa.array(UNDER_WAY).take(pa.array(np.where(shown[:, 2], 2, shown[:, 1].astype(int))))
        status = pc.if_else(pa.array(later), progress, part["order_status"])
        part = part.set_column(part.column_names.index("order_status"), "order_status", status)
        parts.append(part.append_column("_day", pa.array(day.astype(np.int32))))
        places.append(rows)
    by_order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_tables(parts).take(pa.array(by_order))


def dated_products(world: World, first: int, last: int, calendar: Calendar) -> pa.Table:
    """Rows of the products file: all on the first day, later those that have changed."""
    draws = world.draws
    table = world.product_file(first, last)
    row, day = _changes(world, "product changes", numbered(first, last), PRODUCT_CHANGES, calendar)
    key = child_keys(numbered(first, last)[row], day)
    moved = draws.happens("new category", key, NEW_CATEGORY)
    names = pa.array([each["name"] for each in world.categories if each["name"]])
    columns = {
        "product_category_name": (moved, names.take(pa.array(draws.integers("category", key, 0, len(names))))),
        "product_description_lenght": (~moved, whole(draws.integers("description", key, 100, 2_000))),
        "product_photos_qty": (~moved, whole(draws.integers("photos", key, 1, 8))),
    }
    changed = table.take(pa.array(row))
    for column, (new, values) in columns.items():
        latest = _latest(new, row)
        values = pc.if_else(pa.array(latest >= 0), values.take(pa.array(latest.clip(0))), changed[column])
        changed = changed.set_column(changed.column_names.index(column), column, values)
    return _with_changes(table, changed, day, calendar)


def dated_sellers(world: World, calendar: Calendar) -> pa.Table:
    """Rows of the sellers file: all on the first day, later those who have moved within their state."""
    draws, places = world.draws, world.places
    table = world.seller_file()
    row, day = _changes(world, "seller moves", numbered(0, len(table)), SELLER_MOVES, calendar)
    key = child_keys(row.astype(np.uint64), day)
    place = pa.array(places.draw(draws.uniform("new place", key), world.seller_state[row]))
    changed = table.take(pa.array(row))
    for column, values in (("seller_zip_code_prefix", places.prefix), ("seller_city", places.city)):
        changed = changed.set_column(changed.column_names.index(column), column, values.take(place))
    return _with_changes(table, changed, day, calendar)


def _changes(world: World, purpose: str, keys: Keys, share: float, calendar: Calendar) -> tuple[Ints, Ints]:
    """Which of the things change on which day after the first: positions and days, by position and day."""
    days = range(calendar.first + 1, calendar.last + 1)
    rows = [np.flatnonzero(world.draws.happens(purpose, child_keys(keys, day), share)) for day in days]
    day = np.repeat(np.array(days, dtype=np.int64), [len(part) for part in rows])
    row = np.concatenate([np.empty(0, dtype=np.int64), *rows])
    order = np.lexsort((day, row))
    return row[order], day[order]


def _latest(new: npt.NDArray[np.bool_], row: Ints) -> Ints:
    """For each change the last one, up to itself, that is new and of the same row; -1 if there is none."""
    latest = np.maximum.accumulate(np.where(new, np.arange(len(row)), -1))
    return np.where(latest >= np.searchsorted(row, row), latest, -1)


def _with_changes(table: pa.Table, changed: pa.Table, day: Ints, calendar: Calendar) -> pa.Table:
    all_at_first = calendar.dated(table, np.full(len(table), calendar.first))
    return pa.concat_tables([all_at_first, calendar.dated(changed, day)])

"""A shop as it is delivered day by day: everything up to the first day, then what is new or has changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_generation.draws import Ints, child_keys, numbered
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
    keys = numbered(first, last)
    names = [each["name"] for each in world.categories if each["name"]]
    parts = [calendar.dated(table, np.full(len(keys), calendar.first))]
    for day in range(calendar.first + 1, calendar.last + 1):
        today = child_keys(keys, day)
        rows = np.flatnonzero(draws.happens("product changes", today, PRODUCT_CHANGES))
        today, part = today[rows], table.take(pa.array(rows))
        moved = pa.array(draws.happens("new category", today, NEW_CATEGORY))
        changes = {
            "product_category_name": pa.array(names).take(pa.array(draws.integers("category", today, 0, len(names)))),
            "product_description_lenght": whole(draws.integers("description", today, 100, 2_000)),
            "product_photos_qty": whole(draws.integers("photos", today, 1, 8)),
        }
        for column, values in changes.items():
            new = column == "product_category_name"
            values = pc.if_else(moved, values, part[column]) if new else pc.if_else(moved, part[column], values)
            part = part.set_column(part.column_names.index(column), column, values)
        parts.append(calendar.dated(part, np.full(len(rows), day)))
        table = _replaced(table, rows, part)
    return pa.concat_tables(parts)


def dated_sellers(world: World, calendar: Calendar) -> pa.Table:
    """Rows of the sellers file: all on the first day, later those who have moved within their state."""
    draws, places = world.draws, world.places
    table = world.seller_file()
    keys = numbered(0, len(table))
    parts = [calendar.dated(table, np.full(len(table), calendar.first))]
    for day in range(calendar.first + 1, calendar.last + 1):
        today = child_keys(keys, day)
        rows = np.flatnonzero(draws.happens("seller moves", today, SELLER_MOVES))
        place = pa.array(places.draw(draws.uniform("new place", today[rows]), world.seller_state[rows]))
        part = table.take(pa.array(rows))
        for column, values in (("seller_zip_code_prefix", places.prefix), ("seller_city", places.city)):
            part = part.set_column(part.column_names.index(column), column, values.take(place))
        parts.append(calendar.dated(part, np.full(len(rows), day)))
        table = _replaced(table, rows, part)
    return pa.concat_tables(parts)


def _replaced(table: pa.Table, rows: Ints, part: pa.Table) -> pa.Table:
    place = np.arange(len(table))
    place[rows] = len(table) + np.arange(len(rows))
    return pa.concat_tables([table, part]).take(pa.array(place)).combine_chunks()

"""Deliveries that went wrong: what happens to one file of a good one, and which checks see it."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from data_generation.generate import generate
from data_generation.request import Request
from lakehouse.landing import BEHAVIOUR, OLIST

Rows = list[dict[str, str]]


class Disaster(NamedTuple):
    """What goes wrong with one file of a delivery, and which checks see it."""

    file: str
    damage: Callable[[Rows], Rows]
    seen_by: set[str]


CUSTOMERS, ITEMS, PAYMENTS, REVIEWS, ORDERS, PRODUCTS = (OLIST[place].file for place in (0, 2, 3, 4, 5, 6))
EVENTS, CONTACTS = (landing.file for landing in BEHAVIOUR)
MOMENT = "%Y-%m-%d %H:%M:%S"
DATES = tuple(column for column in OLIST[5].columns if column.endswith(("_date", "_timestamp", "_at")))


def changed(**columns: Callable[[dict[str, str]], str]) -> Callable[[Rows], Rows]:
    """Every row with some columns made anew."""
    return lambda rows: [{**row, **{column: new(row) for column, new in columns.items()}} for row in rows]


def later(column: str) -> Callable[[dict[str, str]], str]:
    def three_hours_later(row: dict[str, str]) -> str:
        there = row[column]
        return there and (datetime.strptime(there, MOMENT) + timedelta(hours=3)).strftime(MOMENT)

    return three_hours_later


def without_an_afternoon(column: str) -> Callable[[Rows], Rows]:
    def damage(rows: Rows) -> Rows:
        busiest, _ = Counter(row[column][:10] for row in rows).most_common(1)[0]
        return [row for row in rows if not (row[column].startswith(busiest) and row[column][11:13] >= "12")]

    return damage


def without_a_category(rows: Rows) -> Rows:
    # Of middling size: without the largest the file would be seen to be short.
    names = [name for name, _ in Counter(row["product_category_name"] for row in rows).most_common() if name]
    return [row for row in rows if row["product_category_name"] != names[len(names) // 3]]


def with_one_correction(rows: Rows) -> Rows:
    delivered = next(row for row in rows if row["order_status"] == "delivered")
    return [{**row, "order_status": "canceled"} if row is delivered else row for row in rows]


def without_the_last_three(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: row["order_purchase_timestamp"])[:-3]


CENTS = changed(price=lambda row: row["price"].replace(".", ""))
SWAPPED = changed(price=lambda row: row["freight_value"], freight_value=lambda row: row["price"])
REPLACED = changed(
    customer_unique_id=lambda row: hashlib.md5(b"salt" + row["customer_unique_id"].encode()).hexdigest()
)
TWELVE = {
    "half a day of orders": Disaster(
        ORDERS,
        without_an_afternoon("order_purchase_timestamp"),
        {"part_of_a_day_of_orders_was_lost", "orders_file_brought_nothing_new"},
    ),
    "prices in cents": Disaster(ITEMS, CENTS, {"prices_changed_their_unit", "dear_products_lost_their_price"}),
    "price and freight swapped": Disaster(
        ITEMS,
        SWAPPED,
        {
            "price_and_freight_were_swapped",
            "prices_changed_their_unit",
            "freight_changed_its_unit",
            "dear_products_lost_their_price",
        },
    ),
    "lines twice": Disaster(
        ITEMS, lambda rows: rows + rows, {"order_lines_were_loaded_twice", "file_grew_out_of_proportion"}
    ),
    "purchases in UTC": Disaster(
        ORDERS,
        changed(order_purchase_timestamp=later("order_purchase_timestamp")),
        {"purchases_moved_by_hours", "approvals_came_before_purchases", "part_of_a_day_of_orders_was_lost"},
    ),
    "a category gone": Disaster(PRODUCTS, without_a_category, {"category_left_the_catalogue"}),
    "one type of event": Disaster(
        EVENTS,
        changed(event_type=lambda row: "page_view"),
        {"event_type_vanished", "one_event_type_was_everything"},
    ),
    "other customers": Disaster(CUSTOMERS, REPLACED, {"customers_were_replaced"}),
    "negative freight": Disaster(
        ITEMS,
        changed(freight_value=lambda row: f"-{row['freight_value']}"),
        {"amounts_turned_negative", "freight_changed_its_unit", "price_and_freight_were_swapped"},
    ),
    "a truncated file": Disaster(PAYMENTS, lambda rows: rows[: len(rows) * 4 // 5], {"file_was_truncated"}),
    "a new status": Disaster(
        ORDERS,
        changed(order_status=lambda row: row["order_status"].replace("shipped", "dispatched")),
        {"many_orders_took_an_unknown_status", "order_status_is_new", "orders_file_brought_nothing_new"},
    ),
    "a stale file": Disaster(
        ORDERS, without_the_last_three, {"orders_file_was_stale", "orders_file_brought_nothing_new"}
    ),
}
"""Those that stop the whole pipeline, one test each."""
OTHERS = {
    "half a day of events": Disaster(
        EVENTS, without_an_afternoon("event_timestamp"), {"part_of_a_day_of_events_was_lost"}
    ),
    "orders twice": Disaster(
        ORDERS,
        lambda rows: rows + rows,
        {"orders_were_loaded_twice", "file_grew_out_of_proportion", "orders_file_brought_nothing_new"},
    ),
    "events twice": Disaster(
        EVENTS, lambda rows: rows + rows, {"events_were_loaded_twice", "file_grew_out_of_proportion"}
    ),
    "orders in UTC": Disaster(
        ORDERS,
        changed(**{column: later(column) for column in DATES}),
        {"purchases_moved_by_hours", "promises_moved_off_midnight", "part_of_a_day_of_orders_was_lost"},
    ),
    "events in UTC": Disaster(
        EVENTS,
        changed(event_timestamp=later("event_timestamp"), received_at=later("received_at")),
        {"visits_moved_by_hours", "part_of_a_day_of_events_was_lost"},
    ),
    "one device": Disaster(
        EVENTS, changed(device=lambda row: "desktop"), {"device_vanished", "one_device_was_everything"}
    ),
    "consents turned round": Disaster(
        CONTACTS,
        changed(marketing_consent=lambda row: {"true": "false", "false": "true"}[row["marketing_consent"]]),
        {"consents_were_turned_round"},
    ),
    "one order of a new status": Disaster(
        ORDERS,
        lambda rows: [{**row, "order_status": "returned"} if n == 7 else row for n, row in enumerate(rows)],
        {"order_status_is_new", "orders_file_brought_nothing_new"},
    ),
    "a new way to pay": Disaster(
        PAYMENTS,
        changed(payment_type=lambda row: row["payment_type"].replace("boleto", "pix")),
        {"many_payments_took_an_unknown_type", "payment_type_is_new"},
    ),
    "one payment of a new type": Disaster(
        PAYMENTS,
        lambda rows: [
            {**row, "payment_type": "pix"} if n == 7 else {**row, "payment_type": ""} if n < 200 else row
            for n, row in enumerate(rows)
        ],
        {"payment_type_is_new"},
    ),
    "one correction": Disaster(ORDERS, with_one_correction, {"orders_file_brought_nothing_new"}),
}
"""Those that are the same in other files or at another time, and three that are counted and stop nothing."""


def made_up(folder: Path) -> Path:
    """The files of a shop of 5,000 orders, which has days, hours and categories as a real one."""
    generate(Request(folder / "files", scale=0.05, seed=3))
    shutil.rmtree(folder / "files" / "truth")
    return folder / "files"


def rewritten(source: Path, target: Path, damage: Callable[[Rows], Rows]) -> None:
    """A file with its rows changed."""
    with source.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with target.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(damage(rows))


def struck(disaster: Disaster, files: Path, target: Path) -> Path:
    """A copy of a delivery in which the disaster has happened."""
    shutil.copytree(files, target)
    rewritten(files / disaster.file, target / disaster.file, disaster.damage)
    return target

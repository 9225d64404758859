"""A real shop as the clickstream needs to know it: orders, people, and what there was to buy."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from data_generation.clickstream import Knowledge
from data_generation.draws import Draws, Floats, keys_of
from data_generation.orders import Orders
from data_generation.tastes import STYLES, Catalog, price_levels
from lakehouse.delivery import Delivery
from lakehouse.errors import LakehouseError
from lakehouse.landing import OLIST

NEEDED = {
    "customers": ("customer_id", "customer_unique_id", "customer_state"),
    "orders": ("order_id", "customer_id", "order_purchase_timestamp"),
    "order_items": ("order_id", "product_id", "price"),
    "products": ("product_id", "product_category_name"),
}
"""The columns that are read, by table."""


class Archive(NamedTuple):
    """A real shop.

    Attributes:
        orders: all whose time and person can be read, by time.
        propensity: made up, for the real one is not known: relative to a mean of 1, shape (n,).
        knowledge: what may shape behaviour.
        known_orders: how many orders lie before the cutoff, or all if there is none.
        categories: names by number, shape (c,); empty for that of products without one.
        products: truth, a row a product: product_id, style, price_level and popularity; if there is a cutoff, also
            known_price_level and known_popularity, which what happens before it follows.
    """

    orders: Orders
    propensity: Floats
    knowledge: Knowledge
    known_orders: int
    categories: pa.StringArray
    products: pa.Table


def read_archive(path: Path, draws: Draws, repeat_strength: float, cutoff: date | None) -> Archive:
    """Read a delivery in Olist's form.

    Args:
        path: a folder or a zip.
        draws: of the seed; gives products a style and people a propensity to come back.
        repeat_strength: as in ``Parameters``.
        cutoff: what happens on this day and later shapes nothing that happens before.

    Raises:
        LakehouseError: the delivery cannot be read, lacks a file or a column, or has no order with a product before
            the cutoff.
    """
    delivery = Delivery(path)
    contract = {landing.table: landing for landing in OLIST if landing.table in NEEDED}
    delivery.require([landing.file for landing in contract.values()])
    tables = {table: _read(delivery, landing.file) for table, landing in contract.items()}

    people, orders = _once(tables["customers"], "customer_id"), _once(tables["orders"], "order_id")
    people = people.filter(pc.is_valid(people["customer_unique_id"]))
    orders = orders.join(people, "customer_id", join_type="inner")
    at = pc.strptime(orders["order_purchase_timestamp"], "%Y-%m-%d %H:%M:%S", "s", error_is_null=True)
    orders = orders.append_column("at", at).filter(pc.is_valid(at))
    orders = orders.sort_by([("at", "ascending"), ("order_id", "ascending")]).combine_chunks()
    if not len(orders):
        raise LakehouseError(
            f"No order in {path} has both a readable time and a customer.", "Check the orders and customers files."
        )
    purchased_at = orders["at"].cast(pa.int64()).to_numpy()
    limit = np.iinfo(np.int64).min if cutoff is None else int(np.datetime64(cutoff, "s").astype(np.int64))
    known_orders = int((purchased_at < limit).sum()) if cutoff else len(orders)
    if not known_orders:
        raise LakehouseError(
            f"No order in {path} was placed before {cutoff}, so there is nothing to learn behaviour from.",
            f"Give a --knowledge-cutoff after {pc.min(orders['at']).as_py():%Y-%m-%d}.",
        )

    items, products = tables["order_items"], _once(tables["products"], "product_id")
    product_ids = products["product_id"].combine_chunks()
    place = pc.index_in(items["order_id"], orders["order_id"].combine_chunks())
    product = pc.index_in(items["product_id"], product_ids)
    price = pd.to_numeric(items["price"].to_pandas(), errors="coerce").fillna(0.0).to_numpy()
    found = pc.and_(pc.is_valid(place), pc.is_valid(product)).to_numpy()
    order, sold = place.to_numpy()[found].astype(np.int64), product.to_numpy()[found].astype(np.int64)
    price = price[found]
    by_time = np.argsort(order, kind="stable")
    order, sold, price = order[by_time], sold[by_time], price[by_time]

    by_then = purchased_at[order] < limit if cutoff else np.ones(len(order), dtype=bool)
    if not by_then.any():
        when = f" before {cutoff}" if cutoff else ""
        raise LakehouseError(
            f"No order in {path}{when} has an item of a known product, so there is nothing to learn behaviour from.",
            "Check the items and products files" + (", or give a later --knowledge-cutoff." if cutoff else "."),
        )

    category = pc.dictionary_encode(pc.fill_null(products["product_category_name"], "")).combine_chunks()
    groups = category.indices.to_numpy().astype(np.int64)
    key = keys_of(product_ids)
    style = draws.integers("product style", key, 0, STYLES)

    def catalog(lines: npt.NDArray[np.bool_]) -> tuple[Catalog, Floats]:
        popularity = np.bincount(sold[lines], minlength=len(product_ids)).astype(np.float64)
        worth = np.bincount(sold[lines], price[lines], len(product_ids)) / np.maximum(popularity, 1)
        level = price_levels(groups, worth, popularity)
        return Catalog(product_ids, groups, style, level, popularity, len(category.dictionary)), popularity

    every, popularity = catalog(np.ones(len(order), dtype=bool))
    truth = {
        "product_id": product_ids,
        "style": style.astype(np.int8),
        "price_level": every.price_level,
        "popularity": popularity,
    }
    known = every
    if cutoff:
        known, known_popularity = catalog(by_then)
        truth |= {"known_price_level": known.price_level, "known_popularity": known_popularity}

    pairs = np.unique(order * len(product_ids) + sold)
    person = orders["customer_unique_id"].combine_chunks()
    repeat = np.exp(repeat_strength * draws.normal("loyalty", keys_of(person)) - repeat_strength**2 / 2)
    return Archive(
        Orders(
            keys_of(orders["order_id"]),
            orders["order_id"].combine_chunks(),
            keys_of(person),
            person,
            orders["customer_state"].combine_chunks(),
            purchased_at,
            pairs // len(product_ids),
            pairs % len(product_ids),
        ),
        repeat,
        Knowledge(every, known, limit, max(limit, int(purchased_at[-1]))),
        known_orders,
        category.dictionary,
        pa.table(truth),
    )


def orders_slice(orders: Orders, first: int, last: int) -> Orders:
    """The orders from ``first`` to ``last``, as if there were no others."""
    low, high = np.searchsorted(orders.line_order, [first, last])
    return Orders(
        orders.key[first:last],
        orders.order_id.slice(first, last - first),
        orders.person[first:last],
        orders.customer_unique_id.slice(first, last - first),
        orders.state.slice(first, last - first),
        orders.purchased_at[first:last],
        orders.line_order[low:high] - first,
        orders.line_product[low:high],
    )


def _once(table: pa.Table, column: str) -> pa.Table:
    """The first row of each value; rows without one are dropped."""
    table = table.filter(pc.is_valid(table[column]))
    return table.filter(pa.array(~table[column].to_pandas().duplicated().to_numpy()))


def _read(delivery: Delivery, file: str) -> pa.Table:
    (landing,) = (landing for landing in OLIST if landing.file == file)
    columns = NEEDED[landing.table]
    with delivery.open(file) as stream:
        try:
            return csv.read_csv(
                stream,
                parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda row: "skip"),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    include_columns=list(columns),
                    strings_can_be_null=True,
                ),
            )
        except (pa.ArrowInvalid, KeyError) as error:
            reason = str(error).splitlines()[0]
            mend = f"Its header must name, separated by commas: {', '.join(landing.columns)}."
            if "UTF8" in reason:
                mend = "Save it in UTF-8, as Olist's own files are."
            raise LakehouseError(f"{file} in {delivery.path} cannot be read: {reason}", mend) from error

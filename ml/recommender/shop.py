"""A shop's Gold tables as the frames that a recommender learns from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from ml.candidate import BadInput
from ml.recommender.complements import MEASURES

VIEW, CART, PURCHASE = 1, 3, 5
"""What each adds to the strength of an interaction, as in ``gold.interaction_matrix``."""

READS: Mapping[str, tuple[str, ...]] = {
    "interaction_matrix": (
        "customer_unique_id",
        "product_id",
        "views",
        "carts",
        "purchases",
        "interaction_strength",
        "last_interaction_at",
    ),
    "fct_order_items": (
        "order_id",
        "order_item_id",
        "customer_unique_id",
        "product_id",
        "seller_id",
        "is_revenue_order",
        "purchased_at",
        "price",
    ),
    "dim_product": ("product_id", "category", *MEASURES, "description_length", "name_length", "photos_count"),
    "dim_customer": ("customer_unique_id", "state"),
}
UNKNOWN_CATEGORY = "unknown"


@dataclass(frozen=True)
class Settings:
    """Attributes:
    reporting_date: the last day that is known; scores are as of its end.
    clickstream: ``observed`` lets views and carts count. Generated ones were drawn from the orders that they would
        have to predict: then purchases alone count.
    test_days: length of the test window, which ends with the reporting date.
    validation_days: length of the window before it, in which parameters and methods are chosen.
    learning_days: from how long before a window the weights of what goes together are learned.
    available_days: a product that nobody has bought for so long is no longer offered.
    k: length of the lists.
    """

    reporting_date: date
    clickstream: Literal["generated", "observed"] = "generated"
    test_days: int = 172
    validation_days: int = 120
    learning_days: int = 270
    available_days: int = 180
    k: int = 10

    @property
    def end(self) -> pd.Timestamp:
        """The first moment that is not known."""
        return pd.Timestamp(self.reporting_date + timedelta(days=1))

    @property
    def test_start(self) -> pd.Timestamp:
        """The first moment of the test window."""
        return self.end - pd.Timedelta(days=self.test_days)

    @property
    def validation_start(self) -> pd.Timestamp:
        """The first moment of the validation window."""
        return self.test_start - pd.Timedelta(days=self.validation_days)


@dataclass(frozen=True)
class Shop:
    """What was known at the end of the reporting date.

    Attributes:
        placed: lines of all orders placed: order_id, customer_unique_id, product_id, seller_id, price, purchased_at
            (UTC, without zone) and is_revenue_order, in order of time.
        behaviour: pairs of person and product that were viewed or put into a cart: user, item, weight, timestamp of
            the last time. Empty where the clickstream is generated.
        products: by product_id: category and measures; null where unknown.
        state: by customer_unique_id: the state's number.
        states: their names.
    """

    placed: pd.DataFrame
    behaviour: pd.DataFrame
    products: pd.DataFrame
    state: pd.Series
    states: pd.Index

    @functools.cached_property
    def lines(self) -> pd.DataFrame:
        """Lines of revenue orders."""
        return self.placed[self.placed["is_revenue_order"]]

    @functools.cached_property
    def _in_baskets(self) -> pd.DataFrame:
        """Interactions of orders and their products, each pair once: asked for dozens of times in a training."""
        return _interactions(self.lines.drop_duplicates(["order_id", "product_id"]), "order_id", 1)

    def purchases(self, start: pd.Timestamp | None, end: pd.Timestamp) -> pd.DataFrame:
        """Interactions of people and products from a moment until before another; a purchase of a line each.

        Views and carts of a pair are known with their last time only, and count if that was before ``end``.
        """
        bought = _interactions(self.lines, "customer_unique_id", PURCHASE)
        return _between(pd.concat([bought, self.behaviour]) if len(self.behaviour) else bought, start, end)

    def bought(self, start: pd.Timestamp | None, end: pd.Timestamp) -> pd.DataFrame:
        """Interactions as :meth:`purchases`, without views and carts."""
        return _between(_interactions(self.lines, "customer_unique_id", PURCHASE), start, end)

    def baskets(self, start: pd.Timestamp | None, end: pd.Timestamp) -> pd.DataFrame:
        """Interactions of orders (as users) and their products, each pair once."""
        return _between(self._in_baskets, start, end)

    def traits(self, before: pd.Timestamp) -> pd.DataFrame:
        """What was known of the products sold before a moment: :class:`ml.recommender.complements.Catalogue`."""
        sold = self.lines[self.lines["purchased_at"] < before]
        last = sold.drop_duplicates("product_id", keep="last").set_index("product_id")
        known = self.products.reindex(last.index)
        return known.assign(seller=last["seller_id"], price=last["price"])

    def state_of(self, people: pd.Index) -> np.ndarray:
        """The number of each person's state; -1 if it is not known."""
        return self.state.reindex(people).fillna(-1).to_numpy(dtype=np.int64)


def open_shop(frames: Mapping[str, pd.DataFrame], settings: Settings) -> Shop:
    """Put the Gold tables into the shape that is learned from; what came after the reporting date is left out."""
    items = frames["fct_order_items"]
    placed = items.assign(
        price=items["price"].astype(float),
        is_revenue_order=items["is_revenue_order"].astype(bool),
        purchased_at=_utc(items["purchased_at"]),
    ).drop_duplicates(["order_id", "order_item_id"])
    placed = placed[placed["purchased_at"] < settings.end]
    placed = placed.sort_values(["purchased_at", "order_id", "order_item_id"], ignore_index=True)
    products = frames["dim_product"].drop_duplicates("product_id").set_index("product_id")
    category = products["category"].where(products["category"] != UNKNOWN_CATEGORY)
    numbers = products.drop(columns="category").astype(float)
    people = frames["dim_customer"].drop_duplicates("customer_unique_id").set_index("customer_unique_id").sort_index()
    code, states = pd.factorize(people["state"], sort=True)
    return Shop(
        placed,
        _behaviour(frames["interaction_matrix"], settings),
        numbers.assign(category=category),
        pd.Series(code, people.index),
        pd.Index(states),
    )


def check(frames: Mapping[str, pd.DataFrame]) -> None:
    """Make sure that the tables can be learned from.

    Raises:
        BadInput: the interaction matrix has null or doubled keys, a strength that is null, not above 0 or not the sum
            of its parts, or other purchases than the order lines have; or there are no purchases.
    """
    matrix, lines = frames["interaction_matrix"], frames["fct_order_items"]
    rebuild = "Build the table anew: `lakehouse build --layer gold`."
    bought = lines[lines["is_revenue_order"].astype(bool)]
    if bought.empty:
        raise BadInput("There are no purchases to learn from.", "Ingest orders first: `lakehouse run --path ...`.")
    keys = ["customer_unique_id", "product_id"]
    for name, frame in (("interaction_matrix", matrix), ("fct_order_items", lines)):
        for column in [*keys, *(["interaction_strength"] if name == "interaction_matrix" else ["purchased_at"])]:
            nulls = int(frame[column].isna().sum())
            if nulls:
                raise BadInput(f"{nulls} of {len(frame)} rows of gold.{name} have no {column}.", rebuild)
    doubled = int(matrix.duplicated(keys).sum())
    if doubled:
        raise BadInput(f"{doubled} rows of gold.interaction_matrix repeat a person and product.", rebuild)
    parts = VIEW * matrix["views"] + CART * matrix["carts"] + PURCHASE * matrix["purchases"]
    strength = matrix["interaction_strength"]
    for wrong, what in (
        (strength <= 0, "have a strength that is not above 0"),
        ((matrix[["views", "carts", "purchases"]] < 0).any(axis=1), "count fewer than no views, carts or purchases"),
        (strength != parts, "have a strength that is not views + 3 × carts + 5 × purchases"),
    ):
        if wrong.any():
            raise BadInput(f"{int(wrong.sum())} of {len(matrix)} rows of gold.interaction_matrix {what}.", rebuild)
    if int(matrix["purchases"].sum()) != len(bought):
        raise BadInput(
            f"gold.interaction_matrix counts {int(matrix['purchases'].sum())} purchases, gold.fct_order_items has "
            f"{len(bought)} lines of revenue orders.",
            rebuild,
        )


def check_history(shop: Shop, settings: Settings) -> None:
    """Make sure that there is something to learn from before the validation window.

    Raises:
        BadInput: if there is not.
    """
    first, start = shop.lines["purchased_at"].min(), settings.validation_start
    if not first < start:
        raise BadInput(
            f"The first purchase is of {first:%Y-%m-%d}; there is none before the validation window, which begins on "
            f"{start:%Y-%m-%d}.",
            f"Train with more than {settings.validation_days + settings.test_days} days of purchases.",
        )


def _behaviour(matrix: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Views and carts, where they were observed."""
    if settings.clickstream != "observed":
        matrix = matrix.iloc[:0]
    weight = VIEW * matrix["views"] + CART * matrix["carts"]
    rows = pd.DataFrame(
        {
            "user": matrix["customer_unique_id"],
            "item": matrix["product_id"],
            "weight": weight.astype(float),
            "timestamp": _utc(matrix["last_interaction_at"]),
        }
    )
    return rows[(rows["weight"] > 0) & (rows["timestamp"] < settings.end)]


def _interactions(lines: pd.DataFrame, user: str, weight: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user": lines[user],
            "item": lines["product_id"],
            "weight": float(weight),
            "timestamp": lines["purchased_at"],
        }
    )


def _between(rows: pd.DataFrame, start: pd.Timestamp | None, end: pd.Timestamp) -> pd.DataFrame:
    inside = rows["timestamp"] < end
    return rows[inside if start is None else inside & (rows["timestamp"] >= start)]


def _utc(times: pd.Series) -> pd.Series:
    return pd.to_datetime(times, utc=True).dt.tz_localize(None)

"""A block of orders, as much as the clickstream needs to know of them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from data_generation.draws import Ints, Keys


@dataclass(frozen=True)
class Orders:
    """Orders, made up or real.

    Attributes:
        key: stable key of the order, shape (n,).
        order_id: shape (n,).
        person: stable key of the person, shape (n,).
        customer_unique_id: shape (n,).
        state: two letters, shape (n,).
        purchased_at: seconds since the epoch, shape (n,).
        line_order: position of the order, ascending, shape (m,): the distinct products of an order.
        line_product: position of the product in the catalog, shape (m,).
    """

    key: Keys
    order_id: pa.StringArray
    person: Keys
    customer_unique_id: pa.StringArray
    state: pa.StringArray
    purchased_at: Ints
    line_order: Ints
    line_product: Ints

"""How orders are paid: in one payment or several, at once or by instalments."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from data_generation.draws import Floats, child_keys
from data_generation.formats import money, whole
from data_generation.fulfilment import Fulfilment
from data_generation.people import Purchases
from data_generation.profile import VALUES, from_quantiles
from data_generation.world import World, shares_by_cell

UNPAID = 1e-5
"""Share of orders without any payment."""
NO_INSTALMENTS = 2.6e-5
"""Share of payments by credit card in no instalments at all: two in the real file."""


def payment_file(
    world: World, orders: Purchases, order_ids: pa.StringArray, state: Fulfilment, due: Floats
) -> pa.Table:
    """Rows of the payments file.

    Args:
        world: the shop.
        orders: n orders.
        order_ids: shape (n,).
        state: of the orders; gives the type of the first payment.
        due: reais to be paid, shape (n,).
    """
    draws, profile = world.draws, world.profile
    parts = 1 + draws.choice("payments", orders.key, list(profile["payments_per_order"].values()))
    parts = np.where(draws.happens("unpaid", orders.key, UNPAID), 0, parts)
    order = np.repeat(np.arange(len(parts)), parts)
    number = np.arange(len(order)) - np.repeat(np.cumsum(parts) - parts, parts)
    key = child_keys(orders.key[order], number)
    share = from_quantiles(draws.uniform("first payment", orders.key), profile["first_payment_share"])
    share = np.where(parts == 1, 1.0, share)[order]
    share = np.where(number == 0, share, (1 - share) / np.maximum(parts[order] - 1, 1))
    # Whole centavos, and the last payment takes what rounding left over.
    cents = np.round(due * 100).astype(np.int64)
    paid = np.floor(cents[order] * share).astype(np.int64)
    rest = cents - np.bincount(order, paid, len(parts)).astype(np.int64)
    paid = paid + np.where(number == parts[order] - 1, rest[order], 0)

    voucher = world.payment_types.index("voucher")
    kind = np.where(number == 0, state.payment_type[order], voucher)
    instalments = 1 + shares_by_cell(
        draws.uniform("instalments", key), np.digitize(paid / 100, VALUES), profile["instalments"]
    )
    instalments = np.where(draws.happens("no instalments", key, NO_INSTALMENTS), 0, instalments)
    card = kind == world.payment_types.index("credit_card")
    return pa.table(
        {
            "order_id": order_ids.take(pa.array(order)),
            "payment_sequential": whole(number + 1),
            "payment_type": pa.array(world.payment_types).take(pa.array(kind)),
            "payment_installments": whole(np.where(card, instalments, 1)),
            "payment_value": money(paid / 100),
        }
    )

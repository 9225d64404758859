"""The pivot: the repurchase rate of people with as many orders whose last one is as long ago.

What is left when no model proves to know more than a sort by frequency and recency. Few have ordered twice, so a
cell is
smoothed: it is drawn toward the cell of the next shorter absence, and never above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

METHOD = "rfm_risk"
DAYS = (30, 60, 90, 120, 180, 270, 365)
"""Upper bounds of the bands of days since the last order; a last band has none."""
ORDERS = (1, 2)
"""Frequencies with cells of their own; more orders share one row."""
PRIOR = 500.0
"""Examples of the neighbouring cell's rate that a cell is smoothed with."""


@dataclass(frozen=True)
class Cells:
    """Rates by frequency and band, shape (len(ORDERS) + 1, len(DAYS) + 1); not rising with absence."""

    rates: Floats

    @classmethod
    def fit(cls, orders: Floats, days: Floats, labels: Floats) -> Cells:
        """Smoothed rates of examples: their orders, days since the last, and whether they bought within the
        horizon."""
        row, band = place(orders, days)
        shape = (len(ORDERS) + 1, len(DAYS) + 1)
        cell = row * shape[1] + band
        cases = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
        bought = np.bincount(cell, labels, minlength=shape[0] * shape[1]).reshape(shape)
        rates = np.empty(shape)
        overall = labels.mean()
        for number in range(shape[0]):
            total = cases[number].sum()
            neighbour = (bought[number].sum() + PRIOR * overall) / (total + PRIOR)
            # The first band has no shorter absence beside it: it is drawn toward its row.
            for place_ in range(shape[1]):
                rate = (bought[number, place_] + PRIOR * neighbour) / (cases[number, place_] + PRIOR)
                rates[number, place_] = neighbour = rate
            rates[number] = _falling(rates[number], cases[number] + 1e-6)
        return cls(rates)

    def probabilities(self, orders: Floats, days: Floats) -> Floats:
        """The rates of people's cells, shape (n,)."""
        return np.asarray(self.rates[place(orders, days)])


def place(orders: Floats, days: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and band of people's cells."""
    return np.searchsorted(ORDERS, orders), np.searchsorted(DAYS, days)


def reasons(orders: Floats, days: Floats) -> pd.DataFrame:
    """The cell in words, shape (n, 3); there is no third reason."""
    row, band = place(orders, days)
    bounds = (0, *DAYS)
    bands = [f"last order {low + 1} to {high} days ago" for low, high in zip(bounds, DAYS, strict=False)]
    bands.append(f"last order more than {DAYS[-1]} days ago")
    rows = [
        "one order so far",
        *(f"{number} orders so far" for number in ORDERS[1:]),
        f"more than {ORDERS[-1]} orders so far",
    ]
    return pd.DataFrame(
        {
            "reason_1": np.array(rows, dtype=object)[row],
            "reason_2": np.array(bands, dtype=object)[band],
            "reason_3": None,
        }
    )


def _falling(values: Floats, weights: Floats) -> Floats:
    """The nearest sequence that does not rise, by pooling adjacent violators (Barlow et al., 1972)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append((float(value), float(weight), 1))
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (first, one, count), (second, two, more) = blocks[-2], blocks[-1]
            blocks[-2:] = [((first * one + second * two) / (one + two), one + two, count + more)]
    return np.concatenate([np.full(count, value) for value, _, count in blocks])

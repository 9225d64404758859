"""What was measured of the real shop, as the made-up one is drawn from it: shares, quantiles and trees.

Trees are how dependencies are kept: each is a classification tree over the columns that were drawn before, with the
quantiles of the real values in its leaves (sequential CART synthesis; Reiter, 2005; Nowok, Raab and Dibben, 2016).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_generation.draws import Floats, Ints

PROFILE = Path(__file__).parent / "profile.json"
GRID = (0.0, 0.002, 0.005, 0.01, *(number / 40 for number in range(1, 40)), 0.99, 0.995, 0.998, 1.0)
"""At which quantiles are taken: closer at the ends, where distributions are long. The very ends are taken at 0.001
and 0.999: no extreme of the real shop is in the profile where it is of a thousand values and more."""
LEAF_GRID = (0.0, 0.01, *(number / 20 for number in range(1, 20)), 0.99, 1.0)
"""The same for the leaves of trees."""
DELAYS = (-20, -12, -6, -2, 0, 3, 7, 15)
"""Bounds of the classes of days between promised and actual delivery."""
VALUES = (30, 50, 80, 120, 180, 300, 600)
"""Bounds of the classes of what an order costs, for the choice of instalments."""
PRODUCT_TRAITS = ("price", "weight_g", "photos_qty", "description_length", "name_length")
SIZES = ("length_cm", "height_cm", "width_cm")


class Tree:
    """The distribution of a quantity, given others.

    Args:
        measured: a tree of ``profile.json``.
    """

    def __init__(self, measured: dict[str, Any]) -> None:
        self._names: list[str] = measured["names"]
        self._name = np.array(measured["name"])
        self._bound = np.array(measured["bound"], dtype=np.float64)
        self._left = np.array(measured["left"])
        self._right = np.array(measured["right"])
        self._values = np.array(measured["values"], dtype=np.float64)

    def draw(self, uniform: Floats, given: dict[str, npt.NDArray[Any]]) -> Floats:
        """Values at quantiles of the distributions that fit what is given.

        Args:
            uniform: in [0, 1), shape (n,).
            given: by name, each of shape (n,); at least those the tree was grown over.
        """
        columns = np.column_stack([given[name] for name in self._names]).astype(np.float64)
        leaf = self._leaves(columns)
        place = np.searchsorted(LEAF_GRID, uniform, side="right") - 1
        low, high = self._values[leaf, place], self._values[leaf, place + 1]
        start = np.array(LEAF_GRID)[place]
        return low + (high - low) * (uniform - start) / np.diff(LEAF_GRID)[place]

    def _leaves(self, columns: Floats) -> Ints:
        """Row of ``values`` for each row: leaves are numbered -1, -2, … among the nodes."""
        node = np.zeros(len(columns), dtype=np.int64)
        if not len(self._name):
            return node
        moving = np.arange(len(columns))
        while len(moving):
            at = node[moving]
            smaller = columns[moving, self._name[at]] <= self._bound[at]
            node[moving] = np.where(smaller, self._left[at], self._right[at])
            moving = moving[node[moving] >= 0]
        return -1 - node


def load() -> dict[str, Any]:
    """The profile; what it holds under ``trees`` are :class:`Tree` objects."""
    profile: dict[str, Any] = json.loads(PROFILE.read_text())
    profile["trees"] = {name: Tree(measured) for name, measured in profile["trees"].items()}
    return profile


def from_quantiles(uniform: Floats, table: list[float]) -> Floats:
    """Values of a distribution given by its quantiles at ``GRID``."""
    return np.interp(uniform, GRID, table)

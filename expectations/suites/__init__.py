"""The suites, a module a layer, each with its ``SUITES``."""

from __future__ import annotations

from collections.abc import Sequence

from expectations.checks import Suite
from expectations.suites import bronze, gold, marts, ml, silver

_BY_LAYER: dict[str, Sequence[Suite]] = {
    "bronze": bronze.SUITES,
    "silver": silver.SUITES,
    "gold": gold.SUITES,
    "ml": ml.SUITES,
    "marts": marts.SUITES,
}
LAYERS = tuple(_BY_LAYER)
"""The layers that have suites, in the order in which data flows through them."""


def suites_for(layer: str) -> Sequence[Suite]:
    """The suites of one of :data:`LAYERS`."""
    return _BY_LAYER[layer]

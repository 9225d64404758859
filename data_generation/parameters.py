"""What can be set about a made-up world. Where each rate comes from: docs/decisions.md."""

from __future__ import annotations

from dataclasses import dataclass, field

REASONS = {
    "extra costs": 0.39,
    "just browsing": 0.24,
    "delivery too slow": 0.13,
    "had to register": 0.12,
    "checkout too long": 0.07,
    "payment declined": 0.05,
}
"""Why carts are left behind, and how often."""
FROM_CHECKOUT = {
    "extra costs": 0.5,
    "delivery too slow": 0.5,
    "had to register": 0.9,
    "checkout too long": 1.0,
    "payment declined": 1.0,
}
"""How often carts left behind for a reason are left in the checkout, not before it."""


@dataclass(frozen=True)
class Parameters:
    """Rates of the made-up behaviour.

    Attributes:
        events_per_order: how much the trackers see, all kinds of sessions together.
        tracking_coverage: share of orders whose buying session was tracked.
        abandonment: share of carts that are left behind.
        abandonment_reasons: share of each reason among them.
        taste_strength: 0 (no taste) to 1 (nothing but taste).
        further_orders: orders a person places after the first, on average, if the shop went on for ever.
        repeat_strength: how unequal people's propensity to order again is: 0 (all the same) upwards; the standard
            deviation of its logarithm.
    """

    events_per_order: float = 5.0
    tracking_coverage: float = 0.15
    abandonment: float = 0.70
    abandonment_reasons: dict[str, float] = field(default_factory=lambda: dict(REASONS))
    taste_strength: float = 0.75
    further_orders: float = 0.05
    repeat_strength: float = 1.25

"""How much behaviour there is around an order, of whom and on what; the sources are in docs/decisions.md."""

from __future__ import annotations

from data_generation.parameters import FROM_CHECKOUT, Parameters
from lakehouse.errors import LakehouseError

DAY, MINUTE = 86_400, 60
PURCHASE, RESEARCH, ABANDONED, VISIT, BROWSE, BOT = range(6)
KINDS = ("purchase", "research", "abandoned", "visit", "browse", "bot")
PRODUCTS_PER_ORDER = 1.04
"""Distinct products in an order, on average, in the real shop."""
RESEARCH_PER_ORDER = 0.5
"""Sessions in the two weeks before, for an order whose buying session was tracked."""
VISITS_PER_ORDER = 0.3
"""Sessions of the same person in the months after, times the person's propensity to come back."""
STRANGER_RETURNS = 0.3
"""Share of the sessions of strangers that are of somebody who was there before."""
STRANGER_AWAY = 10.0
"""Mean time until a stranger is there again, in days, beside the first one."""
BOTS_PER_ORDER = 0.002
BOT_VIEWS = (30, 120)
FURTHER_VIEWS = (0.4, 0.8, 0.4, 0.8, 0.35, 0.0)
"""Products looked at beside those that a session is about, on average, by kind of session."""
SECOND_IN_CART = 0.2
"""How often a cart that is left behind holds two products."""
KNOWN = (1.0, 0.5, 0.55, 0.5, 0.0, 0.0)
"""How often a session is of somebody signed in, by kind of session."""
LATE_SESSIONS = 0.01
"""Share of sessions that are received hours or days late: phones without a connection."""
PAUSE = 40.0
"""Mean time between two events of a person, in seconds, beside the shortest."""
SHORTEST_PAUSE, LONGEST_PAUSE = 3, 25 * MINUTE

DEVICES = ("mobile", "desktop", "tablet")
DEVICE_SHARES = (0.56, 0.39, 0.05)
USUAL_DEVICE = 0.85
BROWSERS = ("Chrome", "Safari", "Samsung Internet", "Firefox", "Edge", "Googlebot")
BROWSER_SHARES = ((0.66, 0.2, 0.12, 0.02, 0.0), (0.74, 0.06, 0.0, 0.11, 0.09), (0.55, 0.4, 0.05, 0.0, 0.0))
REFERRERS = ("google", "direct", "instagram", "facebook", "email", "price comparison")
REFERRER_SHARES = ((0.3, 0.42, 0.06, 0.05, 0.12, 0.05), (0.44, 0.24, 0.12, 0.1, 0.02, 0.08))
"""Of people who are signed in, and of all others."""


def browse_sessions_per_order(parameters: Parameters) -> float:
    """How many sessions of strangers an order comes with, so that the events add up to the number asked for.

    Raises:
        LakehouseError: the sessions around the orders alone have more events than that.
    """
    around = events_around_an_order(parameters)
    rest = parameters.events_per_order - around
    if rest < 0:
        raise LakehouseError(
            f"{parameters.events_per_order:.2f} events an order are too few: what is tracked of buying sessions and "
            f"carts left behind alone is {around:.2f}.",
            "Raise --events or lower --tracking-coverage.",
        )
    return rest / (1 + FURTHER_VIEWS[BROWSE])


def events_around_an_order(parameters: Parameters) -> float:
    """How many events an order comes with where no stranger looks in."""
    coverage, left = parameters.tracking_coverage, abandoned_per_order(parameters)
    from_checkout = sum(share * FROM_CHECKOUT.get(why, 0.0) for why, share in parameters.abandonment_reasons.items())
    from_checkout /= sum(parameters.abandonment_reasons.values())
    return (
        coverage * (3 + 2 * PRODUCTS_PER_ORDER + FURTHER_VIEWS[PURCHASE])
        + coverage * RESEARCH_PER_ORDER * (2 + FURTHER_VIEWS[RESEARCH])
        + left * (1 + 2 * (1 + SECOND_IN_CART) + FURTHER_VIEWS[ABANDONED] + from_checkout)
        + VISITS_PER_ORDER * (1 + FURTHER_VIEWS[VISIT])
        + BOTS_PER_ORDER * (1 + (BOT_VIEWS[0] + BOT_VIEWS[1] - 1) / 2)
    )


def abandoned_per_order(parameters: Parameters) -> float:
    """Carts left behind an order, so that they are the share of all tracked carts that the parameters say."""
    return parameters.tracking_coverage * parameters.abandonment / (1 - parameters.abandonment)

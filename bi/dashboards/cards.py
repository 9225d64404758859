"""A figure on a card: its value, how it changed, whether that is for the better, and its target."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bi.dashboards import words
from bi.dashboards.gold import Row
from bi.dashboards.words import Metric

AGAINST = {"previous": "on previous", "year_ago": "on year ago"}
RIPE = Decimal("0.95")
"""Share of a period's orders that must have arrived before late deliveries, reviews and cancellations are compared:
quick parcels arrive first, and are late least."""


def card(metric: Metric, now: Row, periods: Mapping[str, Row], target: Decimal | None = None) -> dict[str, Any]:
    """A figure with its change against each period there is to compare with, and its target if somebody set one."""
    value = now[metric.column]
    is_ripe = not metric.ripens or _arrived(now) >= RIPE
    early = f" Not compared yet: {words.share(_arrived(now))} of these orders have arrived." if not is_ripe else ""
    made = {
        "id": metric.column,
        "label": metric.label,
        "raw": "" if value is None else value,
        "value": words.figure(value, metric.unit),
        "note": metric.note + early,
        "deltas": [
            delta(value, row[metric.column], metric, AGAINST[period])
            for period, row in periods.items()
            if is_ripe and row[metric.column] is not None and value is not None
        ],
    }
    if target is not None and value is not None and not is_ripe:
        made["target"] = {"mood": "even", "text": f"Target {words.figure(target, metric.unit)}: too early to say"}
    elif target is not None and value is not None:
        reached = value >= target if metric.better >= 0 else value <= target
        made["target"] = {
            "mood": "good" if reached else "bad",
            "text": f"Target {words.figure(target, metric.unit)}: {'reached' if reached else 'missed'}",
        }
    return made


def _arrived(row: Row) -> Decimal:
    return Decimal(row["delivered_orders"]) / row["orders"] if row["orders"] else Decimal(0)


def delta(now: Decimal, then: Decimal, metric: Metric, against: str) -> dict[str, str]:
    """A change in words, an arrow, and whether it is for the better: never by colour alone."""
    text = words.change(now, then, metric.unit) or "new"
    way = words.direction(text)
    mood = {1: "good", -1: "bad", 0: "even"}[way * metric.better]
    return {
        "text": text,
        "arrow": {1: "▲", -1: "▼", 0: "■"}[way],
        "mood": mood,
        "verdict": {"good": "better", "bad": "worse", "even": ""}[mood],
        "against": against,
    }


def plain_card(name: str, label: str, raw: Any, value: str, note: str) -> dict[str, Any]:
    """A figure that is compared with nothing.

    Args:
        name: what it is called in the page's own code.
        label: what it is called on the page.
        raw: the figure as it is in Gold; None if it is not known.
        value: the figure in words.
        note: what it means, in a sentence.
    """
    raw = "" if raw is None else raw
    return {"id": name, "label": label, "raw": raw, "value": value, "note": note, "deltas": []}


def risk_card(status: Row) -> dict[str, Any]:
    """Revenue at risk: what is expected of whales past their gap, not what they have spent."""
    at_risk = status["revenue_at_risk"]
    return plain_card(
        "revenue_at_risk",
        "Revenue at risk",
        at_risk,
        words.money(at_risk, short=True),
        f"Expected within 180 days from {words.count(status['whales_at_risk'])} big spenders who stay away "
        "longer than usual."
        if at_risk is not None
        else "No model has scored yet.",
    )

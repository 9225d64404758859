"""Figures and comparisons as people say them."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

Number = Decimal | float | int
DASH = "–"


class Metric(NamedTuple):
    """A figure of ``gold.executive_overview`` as a card shows it.

    Attributes:
        column: where it is.
        label: what it is called.
        unit: ``money``, ``count``, ``share`` or ``score``.
        better: 1 if more is better, -1 if less is, 0 if it is neither.
        note: what it means, in a sentence.
        ripens: whether it is known only when the orders that it is of have arrived.
    """

    column: str
    label: str
    unit: str
    better: int
    note: str
    ripens: bool = False


def money(value: Number | None, *, short: bool = False) -> str:
    """``R$ 1,034,671``, or short ``R$ 1.03 M``; below a thousand with cents."""
    if value is None:
        return DASH
    sign, size = ("−" if value < 0 else ""), abs(Decimal(str(value)))
    thousands = _rounded(size / 1_000, 0)
    if short and thousands >= 1_000:
        return f"{sign}R$ {_rounded(size / 1_000_000, 2)} M"
    if short and size >= 10_000:
        return f"{sign}R$ {thousands} k"
    return f"{sign}R$ {_rounded(size, 2):,}" if size < 1_000 else f"{sign}R$ {_rounded(size, 0):,}"


def count(value: Number | None) -> str:
    """``7,477``."""
    return DASH if value is None else f"{_rounded(value, 0):,}"


def share(value: Number | None) -> str:
    """``6.2 %`` of a share from 0 to 1."""
    return DASH if value is None else f"{_rounded(Decimal(str(value)) * 100, 1)} %"


def score(value: Number | None) -> str:
    """``4.27``."""
    return DASH if value is None else f"{_rounded(value, 2)}"


def figure(value: Number | None, unit: str) -> str:
    """A value in its unit, as short as a card wants it."""
    if unit == "money":
        return money(value, short=True)
    return {"count": count, "share": share, "score": score}[unit](value)


def day(value: date | None) -> str:
    """``19 August 2018``."""
    return DASH if value is None else f"{value.day} {value:%B %Y}"


def change(now: Number | None, then: Number | None, unit: str) -> str:
    """From then to now: in percent, of shares in percentage points, of scores as it is. Empty if one is missing."""
    if now is None or then is None:
        return ""
    difference = Decimal(str(now)) - Decimal(str(then))
    if unit == "share":
        return f"{_signed(difference * 100, 1)} pts"
    if unit == "score":
        return _signed(difference, 2)
    if not then:
        return "" if difference else f"{_signed(difference, 1)} %"
    return f"{_signed(difference / Decimal(str(then)) * 100, 1)} %"


def direction(text: str) -> int:
    """1 for an increase as :func:`change` writes it, -1 for a decrease, 0 for what rounds to nothing."""
    return {"+": 1, "−": -1}.get(text[:1], 0)


def more_or_less(now: Number, then: Number) -> str:
    """``44.4 % more than``, ``12.8 % less than``, ``as much as`` where the change rounds to nothing."""
    text = change(now, then, "money")
    way = direction(text)
    return f"{text[1:]} {'less' if way < 0 else 'more'} than" if way else "as much as"


def length(weeks: int) -> str:
    """``4 weeks``, or ``52 weeks``."""
    return f"{weeks} weeks"


def name(value: str) -> str:
    """A name in snake case as words: ``health_beauty`` is ``health beauty``."""
    return value.replace("_", " ")


def _rounded(value: Number, places: int) -> Decimal:
    # What rounds to zero from below would keep its sign.
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP) + 0


def _signed(value: Decimal, places: int) -> str:
    rounded = _rounded(value, places)
    return f"+{rounded}" if rounded > 0 else f"−{abs(rounded)}" if rounded < 0 else f"±{abs(rounded)}"

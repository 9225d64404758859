"""Which reference dates may be learnt from, so that nothing that happens on a test date or later is known.

A label is known when its last day is over. To predict on a date, only examples whose labels were known by then are
used: the gap between the last of them and the date is the embargo (López de Prado, Advances in Financial Machine
Learning, 2018, chapter 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Windows:
    """The reference dates behind a prediction on ``at``, each ascending.

    Attributes:
        at: the day of the prediction.
        fit: their short labels were known by ``at``.
        choose: the newest of ``fit``, on which candidates are compared and early stopping is decided.
        before_choice: of ``fit``, those whose short labels were known by ``choose``; empty if there is none.
        calibrate: their full labels were known by ``at``.
    """

    at: date
    fit: tuple[date, ...]
    choose: date
    before_choice: tuple[date, ...]
    calibrate: tuple[date, ...]


def known(dates: Sequence[date], by: date, label_days: int) -> tuple[date, ...]:
    """Those dates whose labels over so many days had ended by a day; ascending."""
    return tuple(sorted(day for day in set(dates) if day + timedelta(label_days) <= by))


def windows(dates: Sequence[date], at: date, label_days: int, horizon_days: int) -> Windows | None:
    """What may be learnt from for a prediction on a day; None where no date can be used for fitting or
    calibration."""
    fit = known(dates, at, label_days)
    calibrate = known(dates, at, horizon_days)
    if not fit or not calibrate:
        return None
    return Windows(at, fit, fit[-1], known(fit, fit[-1], label_days), calibrate)


def test_dates(
    dates: Sequence[date], scoring_date: date, label_days: int, horizon_days: int, most: int
) -> list[date]:
    """The newest dates with full labels for which something can be learnt from, ascending, at most ``most``."""
    usable = [
        day for day in known(dates, scoring_date, horizon_days) if windows(dates, day, label_days, horizon_days)
    ]
    return usable[-most:]

"""What the churn model can be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class Settings:
    """What the churn model can be told.

    Attributes:
        reporting_date: people are scored on the evening of this day.
        clickstream: ``generated`` keeps every column of behaviour out of the model; ``observed`` lets them in.
        horizon_days: whoever buys within so many days has not churned.
        label_days: the horizon of the labels that the model is fitted on. Shorter than ``horizon_days``, newer
            examples can be used; calibration then brings the score to the full horizon.
        test_dates: on how many of the newest reference dates with full labels the model is judged.
        draws: bootstrap samples behind each interval.
    """

    reporting_date: date
    clickstream: Literal["generated", "observed"] = "generated"
    horizon_days: int = 180
    label_days: int = 90
    test_dates: int = 4
    draws: int = 500

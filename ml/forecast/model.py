"""The forecast model: revenue and demand of the next four weeks, as ``ml.models.Model`` wants it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.candidate import Candidate, Decision
from ml.forecast import report, series
from ml.forecast.backtest import FIRST, HORIZON, Walk, bands, frame, judged, measure, walk
from ml.forecast.models import BASELINES, SLOW, Boosting, Model, Reversion
from ml.forecast.panel import Panel
from ml.forecast.selection import MARGIN, replay, select
from ml.models import Clickstream, Frames

NAME = "forecast"
READS = series.READS
WRITES = ("revenue_forecast", "demand_forecast", "forecast_backtest")
PRIMARY = ("wape", False)
FILE = "forecast.json"

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Settings:
    """What the model can be told.

    Attributes:
        reporting_date: the end of the last complete week; the first one forecast begins on the day after.
        clickstream: not used, visits are not read.
    """

    reporting_date: date
    clickstream: Clickstream = "generated"


def makers(seed: int) -> dict[str, Callable[[], Model]]:
    """All models by name, baselines among them."""
    return {**BASELINES, "reversion": Reversion, "gradient_boosting": lambda: Boosting(seed)}


def check(frames: Frames) -> None:
    """Raise :class:`ml.candidate.BadInput` for revenue that cannot be forecast."""
    series.total(frames)


def train(frames: Frames, settings: Settings, seed: int) -> Candidate:
    """Backtest all models on the revenue of the shop, and choose the one that is served.

    What is registered is the choice and the procedure: at scoring it is fitted to the weeks that are known then.
    """
    panel = series.revenue(frames)
    # The baselines look at one series at a time, so that of the shop is enough.
    walks = {
        name: _walk(name, panel.of(0) if name in BASELINES else panel, make).of(0)
        for name, make in makers(seed).items()
    }
    measured = {name: measure(each) for name, each in walks.items()}
    choice = select({name: found["wape"] for name, found in measured.items()})
    again = measure(replay(walks))
    metrics = {
        **measured[choice.champion],
        "replayed_wape": again["wape"],
        "replayed_wape_last_12": again["wape_last_12"],
    }
    tested = frame(walks)
    origins = judged(panel.weeks)
    saved: dict[str, str | int | float] = {
        "champion": choice.champion,
        "seed": seed,
        "margin": MARGIN,
        "origins": len(origins),
        "first_origin": panel.week(origins.start - 1).isoformat(),
        "last_origin": panel.week(origins.stop - 2).isoformat(),
        "weeks": panel.weeks,
        "series": len(panel.series),
    }
    reasons = (*choice.reasons, report.replayed(again["wape"], again["wape_last_12"]))
    return Candidate(
        method=choice.champion,
        params=saved,
        metrics=metrics,
        baselines={name: found for name, found in measured.items() if name != choice.champion},
        decision=Decision(True, reasons),
        figures=report.figures(tested, walks[choice.champion], choice.champion),
        card=report.card(saved, measured, reasons),
        save=partial(_save, saved, tested),
        example=frames["weekly_revenue"][list(READS["weekly_revenue"])].reset_index(drop=True),
    )


def evaluate(folder: Path, frames: Frames, settings: Settings) -> Mapping[str, float]:
    """The metrics of what a saved choice serves, at the judged origins of these frames."""
    name, make = _saved(folder)
    return measure(_walk(name, series.revenue(frames), make).of(0))


def score(folder: Path, frames: Frames, settings: Settings) -> Mapping[str, pd.DataFrame]:
    """The next four weeks, and the backtest of the shop's revenue by what is served and the quick baselines."""
    name, make = _saved(folder)
    revenue, demand = (_walk(name, panel, make) for panel in (series.revenue(frames), series.units(frames)))
    shop = revenue.panel.of(0)
    quick = {other: _walk(other, shop, BASELINES[other]) for other in BASELINES if other not in (*SLOW, name)}
    tested = frame({name: revenue.of(0), **quick}).drop(columns="level")
    cumulative = demand.sums()
    return {
        "revenue_forecast": to_come(revenue, name),
        "demand_forecast": to_come(demand, name).merge(
            _next(demand, cumulative[1], bands(*cumulative)).rename(
                columns={column: f"cumulative_{column}" for column in ("forecast", "lower_80", "upper_80")}
            ),
            on=["level", "series", "week_start", "horizon"],
        ),
        "forecast_backtest": tested.assign(is_champion=tested["model"] == name),
    }


def online(folder: Path, frames: Frames, settings: Settings, rows: Frames) -> None:
    """Nothing: nobody asks for the forecast of one person or product."""


def predict(folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The next four weeks of any shop's revenue, by the procedure that a folder holds.

    Args:
        folder: what a candidate saved.
        rows: ``week_start``, ``revenue``, ``orders`` and ``is_complete``, a row per week.

    Returns:
        ``week_start``, ``horizon``, ``forecast``, ``lower_80`` and ``upper_80``.

    Raises:
        BadInput: as :func:`check`.
    """
    name, make = _saved(folder)
    weeks = to_come(_walk(name, series.total({"weekly_revenue": rows}), make), name)
    return weeks[["week_start", "horizon", "forecast", "lower_80", "upper_80"]]


def to_come(taken: Walk, method: str) -> pd.DataFrame:
    """The forecasts of the weeks that are not known yet, a row per series and week, with their bands."""
    return _next(taken, taken.forecasts, bands(taken.actual, taken.forecasts)).assign(method=method)


def _next(taken: Walk, forecasts: NDArray[np.float64], bounds: Bounds) -> pd.DataFrame:
    panel = taken.panel
    return pd.DataFrame(
        [
            (
                panel.level[place],
                panel.series[place],
                panel.week(panel.weeks - 1 + horizon),
                horizon,
                *(float(each[-1, place, horizon - 1]) for each in (forecasts, *bounds)),
            )
            for place in range(len(panel.series))
            for horizon in range(1, HORIZON + 1)
        ],
        columns=["level", "series", "week_start", "horizon", "forecast", "lower_80", "upper_80"],
    )


def _walk(name: str, panel: Panel, make: Callable[[], Model]) -> Walk:
    """Slow models are taken through the judged origins only."""
    return walk(panel, make, judged(panel.weeks).start if name in SLOW else FIRST)


def _save(saved: Mapping[str, str | int | float], tested: pd.DataFrame, folder: Path) -> None:
    (folder / FILE).write_text(json.dumps(saved, indent=2) + "\n", encoding="utf-8")
    tested.to_parquet(folder / "backtest.parquet", index=False)


def _saved(folder: Path) -> tuple[str, Callable[[], Model]]:
    saved = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return saved["champion"], makers(saved["seed"])[saved["champion"]]

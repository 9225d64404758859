"""A small honest model: next week's revenue is the mean of the weeks before the test window."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ml.candidate import BadInput, Candidate, Decision
from ml.models import Clickstream, Frames

NAME = "mean"
READS = {"weekly_revenue": ("week_start", "revenue", "is_complete")}
WRITES = ("revenue_forecast",)
PRIMARY = ("mae", False)


@dataclass(frozen=True)
class Settings:
    reporting_date: date
    clickstream: Clickstream
    test_weeks: int = 4


def complete(frames: Frames) -> pd.DataFrame:
    weeks = frames["weekly_revenue"]
    return weeks[weeks["is_complete"]]


def check(frames: Frames) -> None:
    weeks = complete(frames)
    if (weeks["revenue"] < 0).any():
        raise BadInput("gold.weekly_revenue has weeks with negative revenue.", "Correct the prices they come from.")


def train(frames: Frames, settings: Settings, seed: int) -> Candidate:
    revenue = complete(frames)["revenue"]
    learned, tested = revenue[: -settings.test_weeks], revenue[-settings.test_weeks :]
    mean = float(learned.mean())
    error, naive = mae(tested, mean), mae(tested, float(learned.iloc[-1]))
    figure = Figure()
    figure.subplots().plot(revenue.to_numpy())
    reason = f"Its error is {error:.2f}, that of the last week carried on {naive:.2f}."
    return Candidate(
        method="mean",
        params={"test_weeks": settings.test_weeks, "seed": seed},
        metrics={"mae": error, "mae_low": error / 2, "mae_high": error * 2},
        baselines={"naive": {"mae": naive}},
        decision=Decision(error < naive, (reason,)),
        figures={"revenue": figure},
        card=f"# Mean\n\n{reason}\n",
        save=partial(save, mean),
        example=pd.DataFrame({"series": ["total"], "horizon": [1]}),
    )


def save(mean: float, folder: Path) -> None:
    (folder / "mean.json").write_text(json.dumps(mean))


def load(folder: Path) -> float:
    return float(json.loads((folder / "mean.json").read_text()))


def mae(revenue: pd.Series, forecast: float) -> float:
    return float((revenue - forecast).abs().mean())


def evaluate(folder: Path, frames: Frames, settings: Settings) -> Mapping[str, float]:
    return {"mae": mae(complete(frames)["revenue"][-settings.test_weeks :], load(folder))}


def score(folder: Path, frames: Frames, settings: Settings) -> Frames:
    mean = load(folder)
    rows = {
        "level": "total",
        "series": "total",
        "week_start": pd.Timestamp(settings.reporting_date) + pd.Timedelta(days=1),
        "horizon": 1,
        "forecast": mean,
        "lower_80": 0.8 * mean,
        "upper_80": 1.2 * mean,
        "method": "mean",
    }
    return {"revenue_forecast": pd.DataFrame([rows])}


def online(folder: Path, frames: Frames, settings: Settings, rows: Frames) -> None:
    """Nobody asks it about one person."""


def predict(folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(forecast=load(folder))

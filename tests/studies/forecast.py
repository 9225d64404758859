"""How the forecast does on shops whose truth is known: ``python -m tests.studies.forecast``, some minutes.

Sixty drawn shops of different length, growth, season, noise, memory and drift; sixty of nothing but noise; and twenty
of the project's own generator. Figures go into the model card.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from data_generation.generate import generate
from data_generation.request import Request
from ml.forecast.backtest import bands, judged, measure, walk
from ml.forecast.components import components
from ml.forecast.metrics import coverage, wape
from ml.forecast.models import BASELINES, SLOW, Boosting, Model, Reversion
from ml.forecast.panel import Panel
from ml.forecast.selection import MARGIN, select
from tests.ml.weeks import Planted, planted, rolling_origin

DRAWN, NOISE, MADE_UP = 60, 60, 20
QUICK: dict[str, Callable[[], Model]] = {name: make for name, make in BASELINES.items() if name not in SLOW}


def drawn(seed: int) -> Planted:
    """A shop of one to four years whose traits are drawn."""
    draws = np.random.default_rng(10_000 + seed)
    return planted(
        seed,
        int(draws.integers(60, 209)),
        noise=draws.uniform(0.05, 0.2),
        stays=draws.uniform(0, 0.6),
        growth=draws.uniform(-0.1, 0.6),
        season=draws.uniform(0, 0.25),
        black_friday=draws.uniform(0, 1),
        drift=draws.choice([0.0, 0.01, 0.03]),
    )


def bands_of_sums(panel: Panel) -> float:
    """Coverage of the bands of four-week sums."""
    actual, forecast = walk(panel, Reversion).sums()
    lower, upper = bands(actual, forecast)
    origins = list(judged(panel.weeks))
    return coverage(*(each[origins, 0, 3] for each in (actual, lower, upper)))


def coverages() -> pd.DataFrame:
    """A row a drawn shop: coverage of the bands, of the sums, and interval scores over those of the 12-week mean."""
    rows = []
    for seed in range(DRAWN):
        panel = drawn(seed).panel
        mine, mean = (measure(walk(panel, make)) for make in (Reversion, BASELINES["mean_12"]))
        rows.append(
            {
                "coverage": mine["coverage_80"],
                "coverage_of_sums": bands_of_sums(panel),
                "interval_score_over_mean_12": mine["interval_score_80"] / mean["interval_score_80"],
                "wape_over_mean_12": mine["wape"] / mean["wape"],
            }
        )
    return pd.DataFrame(rows)


def recovered() -> pd.DataFrame:
    """A row a shop of three years with trend, season, event: WAPE over the noise floor, errors of components."""
    rows = []
    for seed in range(DRAWN):
        truth = planted(seed, 156)
        taken, origins = walk(truth.panel, Reversion), list(judged(156))
        mean = np.pad(truth.mean, (0, 4))
        floor = wape(taken.actual[origins][:, 0], np.stack([mean[known : known + 4] for known in origins]))
        found = components(truth.panel.value, truth.panel.first_week, 4)
        years = (found.trend.shape[1] - 1) * 7 / 365.2425
        rows.append(
            {
                "wape_over_floor": wape(taken.actual[origins], taken.forecasts[origins]) / floor,
                "growth": (found.trend[0, -1] - found.trend[0, 0]) / years - truth.growth,
                "season": np.abs(found.season[0, :156] - truth.season).mean(),
                "black_friday": found.effects["Black Friday"][0] - truth.black_friday,
            }
        )
    return pd.DataFrame(rows)


def noise() -> pd.DataFrame:
    """A row a shop of pure noise: what is served, and by how much the best model beats the best baseline."""
    rows = []
    for seed in range(NOISE):
        weeks = (52, 60, 85, 104, 120, 156)[seed % 6]
        spread = (0.08, 0.15, 0.3)[seed % 3]
        panel = planted(1000 + seed, weeks, noise=spread, growth=0, season=0, black_friday=0).panel
        models = {**QUICK, "ets": BASELINES["ets"], "reversion": Reversion, "gradient_boosting": lambda: Boosting(1)}
        errors = {name: measure(each)["wape"] for name, each in rolling_origin(panel, models, SLOW).items()}
        choice = select(errors)
        lead = 1 - errors[choice.model] / errors[choice.baseline]
        rows.append({"served": choice.champion, "is_baseline": choice.champion in BASELINES, "lead": lead})
    return pd.DataFrame(rows)


def made_up(seed: int, folder: Path) -> Panel:
    """Revenue of a shop of the project's generator, the weeks that are complete on the real data."""
    generate(Request(folder, scale=0.1, seed=seed, only=("orders", "order_items")))
    orders = pd.read_csv(folder / "olist_orders_dataset.csv", parse_dates=["order_purchase_timestamp"])
    lines = pd.read_csv(folder / "olist_order_items_dataset.csv").merge(orders, on="order_id")
    lines = lines[~lines["order_status"].isin(["canceled", "unavailable"])]
    week = lines["order_purchase_timestamp"].dt.to_period("W-SUN").dt.start_time.dt.date
    weekly = lines.groupby(week).agg(revenue=("price", "sum"), orders=("order_id", "nunique"))
    weekly = weekly[(weekly.index >= date(2017, 1, 2)) & (weekly.index <= date(2018, 8, 13))]
    value, volume = (weekly[column].to_numpy(float)[None] for column in ("revenue", "orders"))
    return Panel(("total",), ("total",), date(2017, 1, 2), value, volume)


def generated() -> pd.DataFrame:
    """A row a shop of the generator: WAPE and coverage, beside the 12-week mean."""
    rows = []
    for seed in range(MADE_UP):
        with TemporaryDirectory() as folder:
            panel = made_up(seed, Path(folder) / "shop")
        mine, mean = (measure(walk(panel, make)) for make in (Reversion, BASELINES["mean_12"]))
        rows.append({"coverage": mine["coverage_80"], "wape": mine["wape"], "wape_of_mean_12": mean["wape"]})
    return pd.DataFrame(rows)


def main() -> None:
    for study in (coverages, recovered, generated):
        figures = study().describe().loc[["count", "mean", "min", "max"]]
        print(f"\n{study.__name__}: {study.__doc__}\n{figures.round(3).to_string()}", flush=True)
    found = noise()
    print(f"\nnoise: {noise.__doc__}\n{found['served'].value_counts()}")
    print(f"a baseline is served in {found['is_baseline'].mean():.1%} with a margin of {MARGIN:.0%}")
    print("without a margin:", f"{(found['lead'] <= 0).mean():.1%}")


if __name__ == "__main__":
    main()

"""A backtest in words, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml.forecast.backtest import HORIZON, LAST, Walk, bands, judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = {
    **{f"wape_h{h}": f"{h}" for h in range(1, HORIZON + 1)},
    "wape": "all",
    f"wape_last_{LAST}": f"last {LAST}",
    "wape_sum": "sum",
    "mase": "MASE",
    "rmsse": "RMSSE",
    "bias": "bias",
    "r2": "R²",
    "coverage_80": "in the band",
    "interval_score_80": "interval score",
}


def replayed(wape: float, lately: float) -> str:
    """What the gate itself would have achieved."""
    return (
        f"Had the gate chosen anew at each origin, by the origins before it alone, the WAPE would have been "
        f"{wape:.4f}, and {lately:.4f} over the last {LAST}."
    )


def table(measured: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown: a row a model, the best first; WAPE by weeks ahead, of all, lately and of the sum of four weeks."""
    lines = ["| model | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name in sorted(measured, key=lambda model: (measured[model]["wape"], model)):
        cells = []
        for column in COLUMNS:
            value = measured[name].get(column, np.nan)
            shown = f"{value:,.0f}" if column == "interval_score_80" else f"{value:.3f}"
            cells.append("" if np.isnan(value) else shown)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def card(
    saved: Mapping[str, str | int | float], measured: Mapping[str, Mapping[str, float]], reasons: tuple[str, ...]
) -> str:
    """The card of this run, Markdown."""
    return "\n".join(
        [
            "# Revenue and demand forecast",
            "",
            f"Served is `{saved['champion']}`, fitted anew to all complete weeks whenever it scores. "
            f"It was judged at {saved['origins']} origins, whose last known weeks are {saved['first_origin']} to "
            f"{saved['last_origin']}; at each, models knew the weeks up to it and nothing else.",
            "",
            *(f"- {reason}" for reason in reasons),
            "",
            "WAPE by weeks ahead, over all four, over the last origins, and of the sum of the four weeks:",
            "",
            table(measured),
            "Parts are put in proportion, so that categories and states each add up to the shop. Bands do not add "
            "up: each is made from the errors of its own series, and the band of a sum from errors of sums.",
            "",
        ]
    )


def figures(tested: pd.DataFrame, champion: Walk, name: str) -> Mapping[str, Figure]:
    """Plots: revenue with what was forecast one and four weeks before, and the WAPE of each model by horizon."""
    from matplotlib.figure import Figure

    return {"backtest": _backtest(Figure(figsize=(10, 5)), champion, name), "wape": _wape(Figure((10, 5)), tested)}


def _backtest(figure: Figure, champion: Walk, name: str) -> Figure:
    axes = figure.subplots()
    panel = champion.panel
    weeks = np.array([panel.week(week) for week in range(panel.weeks + HORIZON)], "datetime64[D]")
    axes.plot(weeks[: panel.weeks], panel.value[0], color="black", label="actual")
    lower, upper = bands(champion.actual, champion.forecasts)
    origins = np.array(judged(panel.weeks))
    for ahead, style in ((1, "--"), (HORIZON, ":")):
        axes.plot(
            weeks[origins - 1 + ahead],
            champion.forecasts[origins, 0, ahead - 1],
            style,
            label=f"{name}, {ahead} ahead",
        )
    coming = weeks[panel.weeks :]
    axes.plot(coming, champion.forecasts[-1, 0], color="tab:red", label="to come")
    axes.fill_between(coming, lower[-1, 0], upper[-1, 0], color="tab:red", alpha=0.2)
    axes.set_ylabel("revenue a week, BRL")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def _wape(figure: Figure, tested: pd.DataFrame) -> Figure:
    axes = figure.subplots()
    tested = tested.assign(wrong=(tested["forecast"] - tested["actual"]).abs())
    sums = tested.groupby(["model", "horizon"])[["wrong", "actual"]].sum()
    (sums["wrong"] / sums["actual"]).unstack("horizon").sort_values(HORIZON).plot.barh(ax=axes)
    axes.set_xlabel("WAPE by weeks ahead")
    figure.tight_layout()
    return figure

"""The model card and the plots of one training run."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ml.candidate import Decision
from ml.recommender.shop import Settings
from ml.recommender.uses import BASKET, BUY_AGAIN, NEW_BUYERS, NEW_PRODUCTS, Recipe

TITLES = {
    BASKET: "Completing a basket: one product of an order of several is hidden",
    NEW_PRODUCTS: "New products for people who had bought before",
    BUY_AGAIN: "All that people who had bought before bought, known to them or new",
    NEW_BUYERS: "People who had not bought before",
}


def card(
    tables: pd.DataFrame,
    served: Mapping[str, str],
    recipe: Recipe,
    decision: Decision,
    settings: Settings,
) -> str:
    """Markdown: what was measured, what serves which use, and why."""
    k = settings.k
    last = settings.reporting_date
    lines = [
        "# Recommender",
        "",
        f"Test window {settings.test_start:%Y-%m-%d} to {last}, methods and parameters chosen in the "
        f"{settings.validation_days} days before it. Clickstream: {settings.clickstream}; "
        + ("views and carts count." if settings.clickstream == "observed" else "purchases alone count."),
        "",
        "Intervals are 95 %, by bootstrap, by basket or by person.",
    ]
    for use, title in TITLES.items():
        rows = tables[(tables["use"] == use) & (tables["group"] == "all")]
        lines += ["", f"## {title}", ""]
        if rows.empty:
            lines.append("Nobody in the test window.")
            continue
        cases = int(rows["cases"].iloc[0])
        lines += [
            f"{cases:,} {'baskets' if use == BASKET else 'people'}; `{served[use]}` serves.",
            "",
            f"| method | NDCG@{k} | precision | recall | MAP | coverage | novelty, bits |",
            "|---|---|---|---|---|---|---|",
        ]
        wide = {method: some.set_index("metric") for method, some in rows.groupby("method", sort=False)}
        for method, some in sorted(wide.items(), key=lambda each: -each[1].loc[f"ndcg_at_{k}", "value"]):
            ndcg = some.loc[f"ndcg_at_{k}"]
            rest = [some.loc[f"{name}_at_{k}", "value"] for name in ("precision", "recall", "map", "coverage")]
            novelty = some.loc[f"novelty_at_{k}", "value"]
            lines.append(
                f"| {method} | {ndcg['value']:.4f} ({ndcg['low']:.4f} to {ndcg['high']:.4f}) | "
                + " | ".join(f"{value:.4f}" for value in rest)
                + f" | {novelty:.1f} |"
            )
    lines += ["", "## Decision", "", f"{'Promoted' if decision.promote else 'Nothing learned is promoted'}.", ""]
    lines += [f"- {reason}" for reason in decision.reasons]
    lines += ["", "## What goes with what", "", "| feature | weight |", "|---|---|"]
    lines += [f"| {name} | {weight:.2f} |" for name, weight in recipe.weights.items()]
    lines += ["", f"ALS: over people {recipe.people.as_dict()}, over baskets {recipe.baskets.as_dict()}.", ""]
    return "\n".join(lines)


def figures(tables: pd.DataFrame, served: Mapping[str, str]) -> dict[str, Figure]:
    """A plot a use: NDCG of each method with its interval, what serves in another colour."""
    found = {}
    for use, title in TITLES.items():
        metric = tables["metric"].str.startswith("ndcg")
        rows = tables[(tables["use"] == use) & (tables["group"] == "all") & metric].sort_values("value")
        if rows.empty:
            continue
        figure = Figure(figsize=(7, 0.4 * len(rows) + 1.2), layout="constrained")
        axes = figure.add_subplot()
        colours = ["tab:blue" if method == served[use] else "tab:gray" for method in rows["method"]]
        reach = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        axes.barh(rows["method"], rows["value"], xerr=reach, color=colours)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(str(rows["metric"].iloc[0]))
        found[use] = figure
    return found

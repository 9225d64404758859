"""What models promise and have kept: the outlook, how far off forecasts were, and what champions measured."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bi.dashboards import charts, words
from bi.dashboards.cards import plain_card
from bi.dashboards.gold import Gold, Row

UNTRAINED = (
    "No model has been trained yet. Run lakehouse train all, lakehouse score all and lakehouse build --layer marts."
)
METRIC_WORDS = {
    "basket_completion_ndcg_at_10": "completing a basket, NDCG at 10",
    "auc": "telling who buys again, AUC",
    "top_decile_lift": "buyers in the best tenth, lift",
    "wape": "weekly revenue, error (WAPE)",
}


def outlook_words(outlook: Sequence[Row], accuracy: Sequence[Row]) -> str:
    """The forecast and its band as a sentence; empty without one."""
    if not outlook:
        return ""
    first = outlook[0]
    text = (
        f"The week of {words.day(first['week'])} is expected to bring {words.money(first['amount'], short=True)}, "
        f"and in four cases of five "
        f"between {words.money(first['low'], short=True)} and {words.money(first['high'], short=True)}."
    )
    champion = _champion(accuracy)
    if champion and champion["band_coverage"] is not None:
        text += (
            f" Looking back over {champion['forecasts']} forecasts, the range held what came in "
            f"{words.share(champion['band_coverage'])} of them, "
            f"and the forecast was off by {words.share(champion['wape'])} of revenue."
        )
    return text


def outlook_card(outlook: Sequence[Row], accuracy: Sequence[Row]) -> dict[str, Any]:
    """The forecast of the weeks to come as a card."""
    if not outlook:
        return plain_card("forecast", "Forecast", None, words.DASH, "No model has forecast yet.")
    total = sum((row["amount"] for row in outlook), Decimal(0))
    champion = _champion(accuracy)
    error = f" Earlier forecasts were off by {words.share(champion['wape'])} of revenue." if champion else ""
    return plain_card(
        "forecast",
        f"Forecast, next {len(outlook)} weeks",
        total,
        words.money(total, short=True),
        f"What the weeks after the last complete one are expected to bring.{error}",
    )


def _champion(accuracy: Sequence[Row]) -> Row | None:
    return next((row for row in accuracy if row["is_champion"] and row["weeks_ahead"] == "all"), None)


def accuracy_chart(accuracy: Sequence[Row]) -> dict[str, Any]:
    """How far off the forecasts were that the champion and the best of the others would have made."""
    best = [row for row in accuracy if row["weeks_ahead"] == "all"]
    shown = [*(row for row in best if row["is_champion"]), *(row for row in best if not row["is_champion"])][:6]
    rows = [
        {"name": words.name(row["model"]) + (" (serves)" if row["is_champion"] else ""), "amount": row["wape"]}
        for row in shown
    ]
    return {
        "id": "accuracy",
        "title": "Forecast error of the champion and of the others",
        "unit": "error as a share of revenue (WAPE), one to four weeks ahead",
        "spec": charts.bars(rows, "share of revenue", charts.PERCENT) if rows else None,
        "none": UNTRAINED,
        "how": "Shorter is better: 14 % means that forecasts were off by 14 % of revenue on average. The one that "
        "serves was chosen by this very figure, each week being forecast without knowing it: from now on, expect "
        "it to do a little worse. The best of the others are below it.",
        "source": "gold.forecast_accuracy",
        "table": {
            "caption": "By weeks ahead",
            "heads": ["Model", "Weeks ahead", "Error", "Bias", "Range held"],
            "rows": [
                (
                    words.name(row["model"]),
                    row["weeks_ahead"],
                    words.share(row["wape"]),
                    words.share(row["bias"]),
                    words.share(row["band_coverage"]),
                )
                for row in accuracy
                if row["model"] in {one["model"] for one in shown}
            ],
        },
    }


def model_table(gold: Gold) -> dict[str, Any] | None:
    """What each champion measured beside its best plain baseline; None without a champion."""
    rows = gold.rows("select * from gold__model_status order by model_name, metric")
    if not rows:
        return None

    def measured(value: float | None) -> str:
        return words.DASH if value is None else f"{value:.3f}"

    return {
        "caption": "Champions, as measured when they were trained",
        "heads": ["Model", "What was measured", "Value", "95 % range", "Best baseline", "Learned up to"],
        "texts": 2,
        "rows": [
            (
                f"{row['model_name']}, version {row['model_version']}",
                METRIC_WORDS.get(row["metric"], words.name(row["metric"])),
                measured(row["measured"]),
                words.DASH
                if row["measured_low"] is None
                else f"{measured(row['measured_low'])} to {measured(row['measured_high'])}",
                words.DASH
                if row["best_baseline"] is None
                else f"{measured(row['baseline_measured'])} {words.name(row['best_baseline'])}",
                words.day(row["trained_as_of"]),
            )
            for row in rows
        ],
    }

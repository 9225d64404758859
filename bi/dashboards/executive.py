"""The Executive Control Tower: how the shop does, against which period, why, where, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bi.dashboards import charts, words
from bi.dashboards.gold import Gold, Row
from bi.dashboards.words import Metric

Write = Callable[[Any], str]
UNTRAINED = (
    "No model has been trained yet. Run lakehouse train all, lakehouse score all and lakehouse build --layer marts."
)
AGAINST = {"previous": "on previous", "year_ago": "on year ago"}
NAMES = {"previous": "Previous", "year_ago": "Year ago"}
WITHIN = {"previous": "the {} before", "year_ago": "the same {} a year before"}
GROUPS = {
    "Revenue": (
        Metric("revenue", "Revenue", "money", 1, "Item prices of all orders that were not canceled; freight apart."),
        Metric("orders", "Orders", "count", 1, "Orders that were not canceled."),
        Metric("average_order_value", "Average order value", "money", 1, "Revenue over orders."),
    ),
    "Customers": (
        Metric("active_customers", "Active customers", "count", 1, "People who ordered in the period."),
        Metric("new_customers", "New customers", "count", 1, "People whose first order fell in the period."),
        Metric("repeat_rate", "Repeat rate", "share", 1, "Active customers with an order that was not their first."),
        Metric(
            "realised_revenue_per_customer",
            "Realised revenue per customer",
            "money",
            1,
            "All revenue so far over all customers so far.",
        ),
    ),
    "Service and dependence": (
        Metric(
            "cancellation_rate",
            "Cancellation rate",
            "share",
            -1,
            "Of the orders placed, those canceled or unavailable.",
            ripens=True,
        ),
        Metric(
            "late_delivery_rate",
            "Late deliveries",
            "share",
            -1,
            "Of the orders delivered, those after the promised day.",
            ripens=True,
        ),
        Metric(
            "average_review_score",
            "Review score",
            "score",
            1,
            "Mean of the reviews of these orders, from 1 to 5.",
            ripens=True,
        ),
        Metric(
            "top_sellers_share",
            "From the top tenth of sellers",
            "share",
            0,
            "Share of revenue: how much hangs on few.",
        ),
        Metric(
            "top_customers_share",
            "From the top tenth of customers",
            "share",
            0,
            "Share of revenue: how much hangs on few.",
        ),
    ),
}
MEMBERS = 12
RIPE = Decimal("0.95")
"""Share of a period's orders that must have arrived before late deliveries, reviews and cancellations are compared:
quick parcels arrive first, and are late least."""
METRIC_WORDS = {
    "basket_completion_ndcg_at_10": "completing a basket, NDCG at 10",
    "auc": "telling who buys again, AUC",
    "top_decile_lift": "buyers in the best tenth, lift",
    "wape": "weekly revenue, error (WAPE)",
}


def context(gold: Gold, status: Row) -> dict[str, Any]:
    """What the page shows, read from Gold.

    Args:
        gold: the tables.
        status: the row of ``gold.report_status``.
    """
    weekly = gold.rows("select * from gold__weekly_performance where is_complete order by week_start")
    outlook = gold.rows(
        """select week_start as week, forecast as amount, lower_80 as low, upper_80 as high, method
        from gold__revenue_outlook where level = 'total' order by week_start"""
    )
    accuracy = gold.rows("select * from gold__forecast_accuracy order by wape, model")
    return {
        "panels": _panels(gold, status, outlook, accuracy),
        "outlook_words": outlook_words(outlook, accuracy),
        "revenue_chart": _revenue_chart(gold, weekly, outlook),
        "weekly_charts": _weekly_charts(weekly),
        "accuracy_chart": _accuracy_chart(accuracy),
        "models": model_table(gold),
        "untrained": UNTRAINED,
    }


def _panels(gold: Gold, status: Row, outlook: Sequence[Row], accuracy: Sequence[Row]) -> list[dict[str, Any]]:
    overview = gold.rows("select * from gold__executive_overview order by weeks, period")
    targets = {
        (row["metric"], row["weeks"]): row["target"] for row in gold.rows("select * from gold__executive_targets")
    }
    sales = gold.rows("select * from gold__sales_breakdown order by weeks, dimension, revenue desc, member")
    panels = []
    for weeks in sorted({row["weeks"] for row in overview}):
        periods = {row["period"]: row for row in overview if row["weeks"] == weeks}
        if weeks == 52:
            # A year before the last 52 weeks are the 52 weeks before them: one comparison, not two.
            periods.pop("previous", None)
        now = periods.pop("current")
        groups = {
            title: [card(metric, now, periods, targets.get((metric.column, weeks))) for metric in metrics]
            for title, metrics in GROUPS.items()
        }
        groups["Revenue"][0]["big"] = True
        groups["Revenue"].append(_outlook_card(outlook, accuracy))
        groups["Customers"].append(risk_card(status))
        mine = [row for row in sales if row["weeks"] == weeks]
        panels.append(
            {
                "weeks": weeks,
                "range": _dates(now),
                "against": [(NAMES[period], _dates(row)) for period, row in periods.items()],
                "headline": headline(now, periods),
                "groups": groups,
                "splits": [_split(period, row) for period, row in periods.items()],
                "charts": [_breakdown(mine, dimension, weeks, list(periods)) for dimension in ("category", "state")],
            }
        )
    return panels


def _dates(row: Row) -> str:
    return f"{words.day(row['period_start'])} to {words.day(row['period_end'])}"


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


def headline(now: Row, periods: Mapping[str, Row]) -> str:
    """The period in two sentences."""
    span = words.length(now["weeks"])
    first = f"The last {span} brought {words.money(now['revenue'], short=True)}"
    sold = {period: row for period, row in periods.items() if row["revenue"]}
    if not sold:
        why = "Nothing was sold in the periods before" if periods else "There is no earlier complete period"
        return f"{first}. {why} to compare with yet."
    parts = [
        f"{words.more_or_less(now['revenue'], row['revenue'])} {WITHIN[period].format(span)}"
        for period, row in sold.items()
    ]
    period, row = next(iter(sold.items()))
    return f"{first}: {' and '.join(parts)}. {_cause(row, WITHIN[period].format(span))}"


def _cause(row: Row, against: str) -> str:
    by_orders, by_value = row["change_from_orders"], row["change_from_order_value"]
    if not by_orders and not by_value:
        return f"Neither the number of orders nor what an order is worth differs from {against}."
    if by_orders * by_value < 0:
        one, other = (
            f"{'added' if change > 0 else 'took'} {words.money(abs(change), short=True)}"
            for change in (by_orders, by_value)
        )
        return f"Against {against}, the number of orders {one} and what an order is worth {other}."
    larger, what = max(
        (abs(by_orders), "the number of orders"), (abs(by_value), "what an order is worth"), key=lambda pair: pair[0]
    )
    share_of_moves = larger / (abs(by_orders) + abs(by_value))
    how_much = (
        "nearly all of"
        if share_of_moves > Decimal("0.9")
        else "most of"
        if share_of_moves > Decimal("0.6")
        else "much of"
    )
    return f"{what.capitalize()} made {how_much} the difference to {against}."


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


def _champion(accuracy: Sequence[Row]) -> Row | None:
    return next((row for row in accuracy if row["is_champion"] and row["weeks_ahead"] == "all"), None)


def _outlook_card(outlook: Sequence[Row], accuracy: Sequence[Row]) -> dict[str, Any]:
    if not outlook:
        return {
            "id": "forecast",
            "label": "Forecast",
            "raw": "",
            "value": words.DASH,
            "note": "No model has forecast yet.",
            "deltas": [],
        }
    total = sum((row["amount"] for row in outlook), Decimal(0))
    champion = _champion(accuracy)
    error = f" Earlier forecasts were off by {words.share(champion['wape'])} of revenue." if champion else ""
    return {
        "id": "forecast",
        "label": f"Forecast, next {len(outlook)} weeks",
        "raw": total,
        "value": words.money(total, short=True),
        "note": f"What the weeks after the last complete one are expected to bring.{error}",
        "deltas": [],
    }


def risk_card(status: Row) -> dict[str, Any]:
    """Revenue at risk: what is expected of whales past their gap, not what they have spent."""
    known = status["revenue_at_risk"] is not None
    return {
        "id": "revenue_at_risk",
        "label": "Revenue at risk",
        "raw": status["revenue_at_risk"] if known else "",
        "value": words.money(status["revenue_at_risk"], short=True),
        "note": f"Expected within 180 days from {words.count(status['whales_at_risk'])} big spenders who stay away "
        f"longer than usual."
        if known
        else "No model has scored yet.",
        "deltas": [],
    }


def _split(period: str, row: Row) -> dict[str, Any]:
    pairs = (
        (
            "Orders and their value",
            (("Number of orders", "change_from_orders"), ("Value of an order", "change_from_order_value")),
        ),
        (
            "First and later orders",
            (("First orders", "change_from_first_orders"), ("Later orders", "change_from_repeat_orders")),
        ),
    )
    largest = max(abs(row[column]) for _, pair in pairs for _, column in pair) or Decimal(1)
    return {
        "title": f"Against {WITHIN[period].format(words.length(row['weeks']))}",
        "total": words.money(row["revenue_change"]),
        "pairs": [
            {
                "caption": caption,
                "bars": [
                    {
                        "label": label,
                        "text": words.money(row[column], short=True),
                        "side": "left" if row[column] < 0 else "right",
                        "size": f"{100 * abs(row[column]) / largest:.1f}",
                    }
                    for label, column in pair
                ],
            }
            for caption, pair in pairs
        ],
    }


def _breakdown(rows: Sequence[Row], dimension: str, weeks: int, periods: Sequence[str]) -> dict[str, Any]:
    mine = [row for row in rows if row["dimension"] == dimension]
    columns = {"previous": "previous_revenue", "year_ago": "year_ago_revenue"}
    ticks = [(columns[period], WITHIN[period].format(words.length(weeks))) for period in periods]
    shown = [{**row, "name": words.name(row["member"]), "amount": row["revenue"]} for row in mine[:MEMBERS]]
    kept = ("name", "amount", *(column for column, _ in ticks))
    marks = [f"the {colour} mark is {text}" for (_, text), colour in zip(ticks, ("orange", "thin"), strict=False)]
    plural = {"category": "categories", "state": "states"}[dimension]
    heads = [
        "Category" if dimension == "category" else "State",
        "Revenue, R$",
        "Share",
        "Change, previous",
        "Change, year",
    ]
    return {
        "id": f"{dimension}-{weeks}",
        "title": f"Revenue by {dimension}",
        "unit": f"R$ in {words.length(weeks)}"
        + (f", the {MEMBERS} largest of {len(mine)} {plural}" if len(mine) > MEMBERS else ""),
        "spec": charts.bars([{key: row[key] for key in kept} for row in shown], "R$", ticks=ticks) if shown else None,
        "none": "Nothing was sold in this period.",
        "how": f"The bar is the current period{''.join(f'; {mark}' for mark in marks)}. A bar that ends beyond a "
        f"mark has grown.",
        "source": "gold.sales_breakdown",
        "table": {
            "caption": f"All {plural}; late deliveries and reviews of their orders",
            "heads": [*heads, "Late", "Review"],
            "rows": [
                (
                    words.name(row["member"]),
                    words.count(row["revenue"]),
                    words.share(row["revenue_share"]),
                    words.change(row["revenue"], row["previous_revenue"], "money") or words.DASH,
                    words.change(row["revenue"], row["year_ago_revenue"], "money") or words.DASH,
                    words.share(row["late_delivery_rate"]),
                    words.score(row["average_review_score"]),
                )
                for row in mine
            ],
        },
    }


def _revenue_chart(gold: Gold, weekly: Sequence[Row], outlook: Sequence[Row]) -> dict[str, Any]:
    backtest = gold.rows(
        """select week_start as week, forecast as amount from gold__forecast_errors
        where series = 'total' and is_champion and horizon = 1 order by week_start"""
    )
    weeks = [{"week": row["week_start"], "amount": row["revenue"]} for row in weekly]
    told = [{key: row[key] for key in ("week", "amount", "low", "high")} for row in outlook]
    more = (
        " The dashed orange line is the forecast, and in four cases of five revenue falls into the band around it. "
        "The thin line is what "
        "had been forecast one week before each week: where it keeps close, forecasts can be trusted."
        if outlook
        else ""
    )
    return {
        "id": "revenue",
        "title": "Revenue week by week",
        "unit": "R$ a week, complete weeks only",
        "spec": charts.weekly_revenue(weeks, told, backtest) if weeks else None,
        "none": "There is no complete week yet.",
        "how": f"The solid line is what was sold.{more}",
        "source": "gold.weekly_performance, gold.revenue_outlook, gold.forecast_errors",
        "table": {
            "caption": "Complete weeks, the newest first; then what is forecast",
            "heads": ["Week of", "R$", "80 % range from", "to"],
            "rows": [
                *(
                    (words.day(row["week"]), words.count(row["amount"]), words.DASH, words.DASH)
                    for row in reversed(weeks)
                ),
                *(
                    (
                        f"{words.day(row['week'])} (forecast)",
                        *(words.count(row[key]) for key in ("amount", "low", "high")),
                    )
                    for row in told
                ),
            ],
        },
    }


def _weekly_charts(weekly: Sequence[Row]) -> list[dict[str, Any]]:
    def long(series: Mapping[str, str], weeks: Sequence[Row] = weekly) -> list[Row]:
        return [
            {"week": row["week_start"], "series": label, "amount": row[column]}
            for column, label in series.items()
            for row in weeks
            if row[column] is not None
        ]

    def chart(
        id_: str, title: str, unit: str, how: str, spec: charts.Spec, series: Mapping[str, str], write: Write
    ) -> dict[str, Any]:
        source = "gold.weekly_performance"
        return {
            "id": id_,
            "title": title,
            "unit": unit,
            "how": how,
            "source": source,
            "spec": spec if weekly else None,
            "none": none,
            "table": {
                "caption": "Complete weeks, the newest first",
                "heads": ["Week of", *series.values()],
                "rows": [
                    (words.day(row["week_start"]), *(write(row[column]) for column in series))
                    for row in reversed(weekly)
                ],
            },
        }

    none = "There is no complete week yet."
    # Means of the few orders of a shop's first weeks would take all the room.
    newest = weekly[-52:]
    split = {"first_order_revenue": "First orders", "repeat_order_revenue": "Later orders"}
    value = {
        "average_order_value": "Average order value",
        "realised_revenue_per_customer": "Realised revenue per customer",
    }
    service = {"late_delivery_rate": "Late deliveries", "cancellation_rate": "Canceled orders"}
    review = {"average_review_score": "Review score"}
    return [
        chart(
            "split",
            "First orders and later ones",
            "R$ a week",
            "Each bar is a week. A shop whose orange part grows lives more of people who come back.",
            charts.stacked(long(split), "R$ a week", list(split.values())),
            split,
            words.count,
        ),
        chart(
            "value",
            "What an order and a customer are worth",
            "R$, the newest 52 weeks; the axis does not begin at zero",
            "The solid line is a week's mean order. The dashed line is what a customer has brought so far, on "
            "average over all; "
            "it rises when people come back or orders grow.",
            charts.lines(long(value, newest), "R$", charts.MONEY, list(value.values()), zero=False),
            value,
            words.score,
        ),
        chart(
            "service",
            "Late deliveries and canceled orders",
            "late ones of the week's delivered orders, canceled ones of its placed orders",
            "Lower is better. The newest weeks look better than they will be: quick parcels arrive first, and an "
            "order that is under way is neither late nor on time.",
            charts.lines(long(service), "share", charts.PERCENT, list(service.values())),
            service,
            words.share,
        ),
        chart(
            "review",
            "Review score",
            "mean of a week's orders, 1 to 5, the newest 52 weeks; the axis does not begin at zero",
            "Higher is better. It falls when deliveries come late.",
            charts.lines(long(review, newest), "score", ".2f", list(review.values()), zero=False),
            review,
            words.score,
        ),
    ]


def _accuracy_chart(accuracy: Sequence[Row]) -> dict[str, Any]:
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

"""The Executive Control Tower: how the shop does, against which period, why, where, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bi.dashboards import charts, models, words
from bi.dashboards.cards import card, risk_card
from bi.dashboards.gold import Gold, Row
from bi.dashboards.words import Metric

Write = Callable[[Any], str]
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
        "outlook_words": models.outlook_words(outlook, accuracy),
        "revenue_chart": _revenue_chart(gold, weekly, outlook),
        "weekly_charts": _weekly_charts(weekly),
        "accuracy_chart": models.accuracy_chart(accuracy),
        "models": models.model_table(gold),
        "untrained": models.UNTRAINED,
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
        groups["Revenue"].append(models.outlook_card(outlook, accuracy))
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

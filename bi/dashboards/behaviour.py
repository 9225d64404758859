"""What visits show: how far they get, what is left in carts, and which channels bring revenue."""

from __future__ import annotations

from typing import Any

from bi.dashboards import charts, words
from bi.dashboards.gold import Gold

STEPS = {
    "sessions": "visited",
    "sessions_with_view": "saw a product",
    "sessions_with_cart": "filled a cart",
    "sessions_with_checkout": "began to check out",
    "sessions_with_purchase": "ordered",
}


def behaviour_charts(gold: Gold) -> list[dict[str, Any]]:
    """The charts of visits, read from Gold."""
    sums = gold.rows(
        f"""select {", ".join(f"sum({step}) as {step}" for step in STEPS)},
            sum(carts_left) as carts_left, sum(value_left) as value_left
        from gold__conversion_funnel"""
    )[0]
    visits = sums["sessions"] or 0
    funnel = [{"name": label, "amount": sums[step]} for step, label in STEPS.items()] if visits else []
    weekly = gold.rows(
        """select f.week_start as week, 'left' as series, sum(f.value_left) as amount from gold__conversion_funnel f
        inner join gold__weekly_performance w on f.week_start = w.week_start
        where w.is_complete group by 1 order by 1"""
    )
    left = (
        f"{words.count(sums['carts_left'])} carts with {words.money(sums['value_left'], short=True)} in them were "
        f"left behind in all."
        if visits
        else ""
    )
    none = "No visits are known: no clickstream was delivered."
    channels = gold.rows(
        """select channel as name, sum(revenue_markov) as amount, sum(revenue_last_touch) as last
        from gold__channel_attribution group by 1 order by 2 desc, 1"""
    )
    return [
        {
            "id": "funnel",
            "title": "How far visits get",
            "unit": "visits of people, programs left out",
            "spec": charts.bars(funnel, "visits") if funnel else None,
            "none": none,
            "how": "Each bar holds those who went at least so far. Where two bars differ most, most visitors are "
            "lost.",
            "source": "gold.conversion_funnel",
            "table": {
                "caption": "Visits that went at least so far",
                "heads": ["Step", "Visits", "Of all"],
                "rows": [
                    (row["name"], words.count(row["amount"]), words.share(row["amount"] / visits)) for row in funnel
                ],
            },
        },
        {
            "id": "carts",
            "title": "Value of carts left behind",
            "unit": "R$ a week, at the prices of its time",
            "spec": charts.lines(weekly, "R$ a week", charts.MONEY, ["left"]) if weekly else None,
            "none": none,
            "how": f"What was put into carts and not ordered. {left}",
            "source": "gold.conversion_funnel",
            "table": {
                "caption": "Complete weeks, the newest first",
                "heads": ["Week of", "Left behind, R$"],
                "rows": [(words.day(row["week"]), words.count(row["amount"])) for row in reversed(weekly)],
            },
        },
        {
            "id": "channels",
            "title": "Which channels bring revenue",
            "unit": "R$ of orders that visits led to",
            "spec": charts.bars(channels, "R$", ticks=[("last", "credit to the last channel alone")])
            if channels
            else None,
            "none": none,
            "how": "The bar shares an order's revenue among all channels that led to it, by what would be lost "
            "without each. The mark gives all of it to the last one. Where the bar ends beyond the mark, a channel "
            "does more than the last click shows.",
            "source": "gold.channel_attribution",
            "table": {
                "caption": "Revenue by channel",
                "heads": ["Channel", "Shared among all, R$", "Last channel alone, R$"],
                "rows": [
                    (words.name(row["name"]), words.count(row["amount"]), words.count(row["last"]))
                    for row in channels
                ],
            },
        },
    ]

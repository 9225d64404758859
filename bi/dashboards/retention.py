"""The Customer Retention Center: who stays away, what that puts at risk, whom to call, and whether calls help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bi.dashboards import campaign, charts, words
from bi.dashboards.behaviour import behaviour_charts
from bi.dashboards.cards import plain_card, risk_card
from bi.dashboards.gold import Gold, Row
from bi.dashboards.models import UNTRAINED

SEGMENTS = ("whale_at_risk", "whale", "returning_at_risk", "returning", "newcomer", "lapsed_newcomer")
COHORTS, MONTHS = 18, 12
POINTS = 4000


def context(gold: Gold, status: Row) -> dict[str, Any]:
    """What the page shows, read from Gold.

    Args:
        gold: the tables.
        status: the row of ``gold.report_status``.
    """
    segments = gold.rows("select * from gold__segment_summary")
    order = {name: place for place, name in enumerate(SEGMENTS)}
    segments.sort(key=lambda row: order[row["segment"]])
    whales = next((row for row in segments if row["segment"] == "whale_at_risk"), None)
    people = campaign.reachable(gold)
    behaviour = status["behaviour_provenance"]
    return {
        "headline": _headline(whales),
        "cards": _cards(status, whales, people),
        "whale_chart": _whale_chart(gold),
        "risk_chart": _risk_chart(gold),
        "cohort_chart": _cohort_chart(gold),
        "segments": [_segment(row) for row in segments],
        "behaviour_note": "Visits were made up by lakehouse generate, drawn from the orders: they show what "
        "this page can do, and say nothing "
        "about the shop."
        if behaviour == "generated"
        else "",
        "behaviour_charts": behaviour_charts(gold),
        "list_words": campaign.list_words(status, people),
        "columns": campaign.shown_columns(),
        "people": campaign.packed(people),
        "outcomes": campaign.outcomes(gold),
        "outcome_words": "Calls are judged by what people in the campaign bring beside those of the control group "
        "who rank as high: they are like them but are never called. These tables do not know who was called: as "
        "long as nobody was, both should be alike but for chance. The table is of the newest campaign alone, which "
        "in a shop that trades is less than a week old. To judge a campaign later, download the list of everybody "
        "on the day that it starts, and add up what those with is_compared order from then on, by campaign_group.",
    }


def _headline(whales: Row | None) -> str:
    if whales is None:
        return "Nobody among the big spenders stays away longer than usual."
    text = (
        f"{words.count(whales['people'])} of the biggest spenders have stayed away longer than usual. They have "
        f"spent "
        f"{words.money(whales['spend'], short=True)} so far"
    )
    if whales["expected_revenue"] is None:
        return f"{text}; how much of that will come again is not known before a model has scored."
    return (
        f"{text}, but only {words.money(whales['expected_revenue'], short=True)} is expected of them within 180 "
        f"days: about "
        f"{words.count(whales['expected_buyers'])} will buy again by themselves. Spend of the past is not revenue "
        f"at risk."
    )


def _cards(status: Row, whales: Row | None, people: Sequence[Row]) -> list[dict[str, Any]]:
    callable_people = whales["callable_people"] if whales else 0
    capped = sum(person["is_within_cap"] for person in people)
    return [
        risk_card(status),
        plain_card(
            "whales_at_risk",
            "Whales at risk",
            status["whales_at_risk"],
            words.count(status["whales_at_risk"]),
            "Big spenders past their usual gap between orders.",
        ),
        plain_card(
            "callable",
            "May be called",
            callable_people,
            words.count(callable_people),
            "Of those: agreed to it, and not in the control group.",
        ),
        plain_card(
            "capped", "In this campaign", capped, words.count(capped), "The first of them, up to the cap of contacts."
        ),
        plain_card(
            "expected_revenue",
            "Expected from everybody",
            status["expected_revenue"],
            words.money(status["expected_revenue"], short=True),
            "Within 180 days, from people who have ordered before."
            if status["expected_revenue"] is not None
            else "No model has scored yet.",
        ),
        plain_card(
            "repeat_customer_share",
            "Ordered more than once",
            status["repeat_customer_share"],
            words.share(status["repeat_customer_share"]),
            f"{words.count(status['repeat_customers'])} of {words.count(status['customers'])} customers.",
        ),
    ]


def _segment(row: Row) -> dict[str, str]:
    return {
        "id": row["segment"],
        "name": words.name(row["segment"]),
        "people": words.count(row["people"]),
        "people_share": words.share(row["people_share"]),
        "spend": words.money(row["spend"], short=True),
        "spend_share": words.share(row["spend_share"]),
        "days": words.count(row["average_days_since_last_order"]),
        "expected": words.money(row["expected_revenue"], short=True),
        "callable": words.count(row["callable_people"]),
        "action": row["suggested_action"],
    }


def _whale_chart(gold: Gold) -> dict[str, Any]:
    # On the scale of logarithms nothing is at zero: the lowest band begins at 10.
    grid = gold.rows(
        """select days_away_from as "from", days_away_from + 30 as "to",
        case when spend_from = 0 then 10 else spend_from end as spend_from,
        case when spend_from = 0 then 25 else 2 * spend_from end as spend_to, sum(people) as people
        from gold__risk_grid group by 1, 2, 3, 4 order by 1, 3"""
    )
    away = gold.rows(
        """select days_away_from as days_away, sum(people) as people, sum(whales_at_risk) as whales,
        sum(spend) as spend, sum(expected_revenue) as expected from gold__risk_grid group by 1 order by 1"""
    )
    whales = gold.rows(
        """select days_since_last_order as days, spend, expected_revenue as expected from gold__retention_campaign
        order by expected_revenue desc nulls last, spend desc, customer_unique_id"""
    )
    some = (
        f"; of {words.count(len(whales))} the {words.count(POINTS)} of whom most is expected"
        if len(whales) > POINTS
        else ""
    )
    return {
        "id": "whales",
        "title": "Whale detector: recency and value",
        "unit": f"each point is one big spender past the usual gap{some}",
        "spec": charts.whale_map(grid, whales[:POINTS]) if grid else None,
        "none": "Nobody has ordered yet.",
        "how": "The field behind is everybody: the stronger its colour, the more people. Orange points are the "
        "whales at risk: the further up, the more "
        "they have spent, and the further right, the longer they have been away.",
        "source": "gold.risk_grid, gold.retention_campaign",
        "table": {
            "caption": "People by days away",
            "heads": ["Days away, from", "People", "Whales at risk", "Spent by all, R$", "Expected of all, R$"],
            "rows": [
                (row["days_away"], *(words.count(row[name]) for name in ("people", "whales", "spend", "expected")))
                for row in away
            ],
        },
    }


def _risk_chart(gold: Gold) -> dict[str, Any]:
    rows = gold.rows(
        """select churn_decile, sum(people) as people, sum(whales_at_risk) as whales, sum(expected_revenue) as amount
        from gold__risk_grid where churn_decile > 0 group by 1 order by 1 desc"""
    )
    names = {10: "10, most likely to buy", 1: "1, least likely"}
    named = [
        {"name": names.get(row["churn_decile"], str(row["churn_decile"])), "amount": row["amount"]} for row in rows
    ]
    return {
        "id": "risk",
        "title": "Where expected revenue is",
        "unit": "R$ expected within 180 days, by tenth of people",
        "spec": charts.bars(named, "R$ in 180 days") if rows else None,
        "none": UNTRAINED,
        "how": "People are put in ten equal parts by how likely they are to buy again. A long bar above and short "
        "ones below mean that the model "
        "can tell them apart.",
        "source": "gold.risk_grid",
        "table": {
            "caption": "Tenths of people by likelihood to buy again",
            "heads": ["Tenth", "People", "Whales at risk", "Expected, R$"],
            "rows": [
                (
                    row["churn_decile"],
                    words.count(row["people"]),
                    words.count(row["whales"]),
                    words.count(row["amount"]),
                )
                for row in rows
            ],
        },
    }


def _cohort_chart(gold: Gold) -> dict[str, Any]:
    rows = gold.rows(
        f"""select cohort_month, months_since_first as since, retention, customers from gold__customer_cohorts
        where is_complete and months_since_first between 1 and {MONTHS} order by cohort_month desc, since"""
    )
    newest = sorted({row["cohort_month"] for row in rows})[-COHORTS:]
    shown = [
        {
            "month": f"{row['cohort_month']:%Y-%m}",
            "since": row["since"],
            "retention": row["retention"],
            "customers": row["customers"],
        }
        for row in rows
        if row["cohort_month"] in newest
    ]
    cohorts: dict[tuple[str, int], dict[int, Any]] = {}
    for row in shown:
        cohorts.setdefault((row["month"], row["customers"]), {})[row["since"]] = row["retention"]
    return {
        "id": "cohorts",
        "title": "Who buys again, by month of the first purchase",
        "unit": "share of the people who began in a month; complete months only",
        "spec": charts.cohorts(shown) if shown else None,
        "none": "No month after a first purchase is complete yet.",
        "how": "Read a line from left to right: of the people who first bought in that month, how many bought one "
        "month later, two months later, and so "
        "on. A line that is stronger than those above it proves more loyal.",
        "source": "gold.customer_cohorts",
        "table": {
            "caption": "Share who bought again, by months since the first purchase",
            "heads": ["First purchase", "People", *(str(month) for month in range(1, MONTHS + 1))],
            "rows": [
                (month, words.count(people), *(words.share(shares.get(since)) for since in range(1, MONTHS + 1)))
                for (month, people), shares in sorted(cohorts.items(), reverse=True)
            ],
        },
    }

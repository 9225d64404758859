"""The campaign: the list of whom to call, small enough for a page, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bi.dashboards import words
from bi.dashboards.gold import Gold, Row, plain

# Name in Gold, label in the list or none if it is in the details and the file only, kind, whether texts repeat.
COLUMNS = (
    ("call_rank", "Rank", "count", False),
    ("customer_unique_id", "Customer", "text", False),
    ("campaign_group", "", "text", True),
    ("spend", "Spent, R$", "money", False),
    ("orders", "Orders", "count", False),
    ("days_since_last_order", "Days away", "count", False),
    ("usual_gap_days", "Usual gap", "count", False),
    ("expected_revenue", "Expected, R$", "money", False),
    ("next_category", "Propose", "text", True),
    ("buy_again_category", "Buy again", "text", True),
    ("reason_1", "What weighs most", "text", True),
    ("repurchase_probability", "", "share", False),
    ("last_contact_date", "", "text", True),
    ("next_product_id", "", "text", True),
    ("buy_again_product_id", "", "text", True),
    ("campaign_id", "", "text", True),
    ("campaign_rank", "", "count", False),
    ("is_within_cap", "", "flag", False),
    ("is_compared", "", "flag", False),
    ("outcome_days", "", "count", False),
    ("outcome_orders", "", "count", False),
    ("outcome_revenue", "", "money", False),
)


def reachable(gold: Gold) -> list[Row]:
    """The whales at risk who agreed to be contacted, those of the control group too, in the order of the list."""
    return gold.rows(
        f"""select {", ".join(name for name, *_ in COLUMNS)} from gold__retention_campaign
        where is_reachable order by campaign_group, call_rank, customer_unique_id"""
    )


def shown_columns() -> list[dict[str, Any]]:
    """The columns that the list on the page has; the others are in the details and in the file."""
    return [
        {"at": at, "label": label, "number": _is_number(kind)}
        for at, (_, label, kind, _) in enumerate(COLUMNS)
        if label
    ]


def packed(people: Sequence[Row]) -> dict[str, Any]:
    """Rows as lists, texts that repeat as numbers into one list of words: a third of the size."""
    places: dict[str, int] = {}
    rows = []
    for person in people:
        row = []
        for name, _, _, repeats in COLUMNS:
            value = plain(person[name])
            if repeats and value is not None:
                value = places.setdefault(value, len(places))
            elif isinstance(value, float):
                value = round(value, 4)
            row.append(value)
        rows.append(row)
    columns = [
        {"name": name, "label": label, "kind": kind, "number": _is_number(kind), "words": repeats}
        for name, label, kind, repeats in COLUMNS
    ]
    return {"columns": columns, "words": list(places), "rows": rows}


def _is_number(kind: str) -> bool:
    return kind in ("count", "money", "share")


def list_words(status: Row, people: Sequence[Row]) -> str:
    """How many are on the list, and how many are not, in a sentence or two."""
    control = sum(person["campaign_group"] == "control" for person in people)
    others = status["whales_at_risk"] - len(people)
    if not people:
        return "Nobody who stays away has agreed to be written to or called."
    text = (
        f"{words.count(len(people) - control)} whales at risk who may be called, "
        f"and {words.count(control)} of the control group."
    )
    if others:
        text += f" {words.count(others)} more have not agreed and are not listed."
    return text


def outcomes(gold: Gold) -> dict[str, Any]:
    """What the people of the campaign and their equals in the control group did since, as a table."""
    rows = gold.rows(
        """select case when campaign_group = 'control' then 'control group, of the same ranks'
            else 'in the campaign' end as who,
        count(*) as people, max(outcome_days) as days, sum(case when outcome_orders > 0 then 1 else 0 end) as buyers,
        sum(outcome_revenue) as revenue, sum(expected_revenue) as expected
        from gold__retention_campaign where is_compared group by 1 order by 1 desc"""
    )
    days = rows[0]["days"] if rows else 0
    return {
        "caption": f"What people who agreed to be contacted did in the {days} days after the reporting date",
        "heads": ["Group", "People", "Bought", "Share", "Revenue, R$", "R$ a person"],
        "rows": [
            (
                row["who"],
                words.count(row["people"]),
                words.count(row["buyers"]),
                words.share(row["buyers"] / row["people"]),
                words.count(row["revenue"]),
                words.score(row["revenue"] / row["people"]),
            )
            for row in rows
        ],
    }

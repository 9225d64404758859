"""What the pages say in words and figures: as people say it, and no more than there is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bi.dashboards import cards, executive, models, site, words
from bi.dashboards.words import Metric


def test_figures_are_written_as_people_write_them() -> None:
    assert words.money(Decimal("1034670.54"), short=True) == "R$ 1.03 M"
    assert words.money(Decimal("18164.26"), short=True) == "R$ 18 k"
    assert words.money(999_600, short=True) == "R$ 1.00 M"
    assert words.money(999_400, short=True) == "R$ 999 k"
    assert words.share(-0.0004) == "0.0 %"
    assert words.money(Decimal("138.385")) == "R$ 138.39"
    assert words.money(Decimal("-9714.21")) == "−R$ 9,714"
    assert words.money(None) == words.DASH
    assert words.share(Decimal("0.0623")) == "6.2 %"
    assert words.day(date(2018, 8, 19)) == "19 August 2018"


@pytest.mark.parametrize(
    ("now", "then", "unit", "better", "text", "mood"),
    [
        (Decimal(144), Decimal(100), "money", 1, "+44.0 %", "good"),
        (Decimal(90), Decimal(100), "count", 1, "−10.0 %", "bad"),
        (Decimal("0.0623"), Decimal("0.0247"), "share", -1, "+3.8 pts", "bad"),
        (Decimal("0.03104"), Decimal("0.03106"), "share", 1, "±0.0 pts", "even"),
        (Decimal("4.27"), Decimal("4.29"), "score", 1, "−0.02", "bad"),
        (Decimal("0.5"), Decimal("0.4"), "share", 0, "+10.0 pts", "even"),
        (Decimal(5), Decimal(0), "count", 1, "new", "even"),
        (Decimal(0), Decimal(0), "count", 1, "±0.0 %", "even"),
    ],
)
def test_a_change_says_how_much_and_whether_it_is_good(
    now: Decimal, then: Decimal, unit: str, better: int, text: str, mood: str
) -> None:
    delta = cards.delta(now, then, Metric("m", "M", unit, better, ""), "on previous")
    assert (delta["text"], delta["mood"]) == (text, mood)


def test_a_target_is_reached_from_the_right_side() -> None:
    late = Metric("late_delivery_rate", "Late", "share", -1, "")
    revenue = Metric("revenue", "Revenue", "money", 1, "")
    now = {"weeks": 4, "late_delivery_rate": Decimal("0.06"), "revenue": Decimal(90)}
    assert cards.card(late, now, {}, Decimal("0.05"))["target"]["mood"] == "bad"
    assert cards.card(late, now, {}, Decimal("0.06"))["target"]["mood"] == "good"
    assert cards.card(revenue, now, {}, Decimal(100))["target"]["mood"] == "bad"
    assert "target" not in cards.card(revenue, now, {})


def test_what_becomes_of_orders_is_compared_when_they_have_arrived() -> None:
    """Of the newest orders only the quick parcels have come: they would be on time, and better than ever."""
    late = Metric("late_delivery_rate", "Late", "share", -1, "Late ones.", ripens=True)
    before = {"late_delivery_rate": Decimal("0.06"), "orders": 100, "delivered_orders": 98}
    early = {"late_delivery_rate": Decimal("0.01"), "orders": 100, "delivered_orders": 60}
    ripe = {**early, "delivered_orders": 95}
    card = cards.card(late, early, {"previous": before}, Decimal("0.05"))
    assert (card["value"], card["deltas"], card["target"]["mood"]) == ("1.0 %", [], "even")
    assert card["note"] == "Late ones. Not compared yet: 60.0 % of these orders have arrived."
    card = cards.card(late, ripe, {"previous": before}, Decimal("0.05"))
    assert ([delta["mood"] for delta in card["deltas"]], card["target"]["mood"]) == (["good"], "good")
    assert card["note"] == "Late ones."
    ripening = {metric.column for group in executive.GROUPS.values() for metric in group if metric.ripens}
    assert ripening == {"late_delivery_rate", "average_review_score", "cancellation_rate"}


@pytest.mark.parametrize(
    ("revenue", "by_orders", "by_value", "text"),
    [
        (100, 0, 0, "as much as the 4 weeks before. Neither the number of orders nor what an order is worth differs"),
        (90, 30, -20, "the number of orders added R$ 30.00 and what an order is worth took R$ 20.00."),
        (
            100,
            -20,
            20,
            "as much as the 4 weeks before. Against the 4 weeks before, the number of orders took R$ 20.00",
        ),
    ],
)
def test_the_headline_claims_no_more_than_there_is(revenue: int, by_orders: int, by_value: int, text: str) -> None:
    before = {"revenue": revenue, "change_from_orders": by_orders, "change_from_order_value": by_value}
    assert text in executive.headline({"weeks": 4, "revenue": Decimal(100)}, {"previous": before})


def test_the_headline_passes_over_a_period_without_revenue() -> None:
    now = {"weeks": 4, "revenue": Decimal(80)}
    none = {"revenue": Decimal(0), "change_from_orders": Decimal(80), "change_from_order_value": Decimal(0)}
    year = {"revenue": Decimal(100), "change_from_orders": Decimal(-1), "change_from_order_value": Decimal(-19)}
    assert executive.headline(now, {"previous": none, "year_ago": year}).endswith(
        "What an order is worth made nearly all of the difference to the same 4 weeks a year before."
    )
    assert "Nothing was sold" in executive.headline(now, {"previous": none})


def test_the_headline_names_what_made_the_difference() -> None:
    now = {"weeks": 4, "revenue": Decimal(80)}
    before = {
        "revenue": Decimal(100),
        "change_from_orders": Decimal(-5),
        "change_from_order_value": Decimal(-15),
    }
    assert executive.headline(now, {"previous": before}) == (
        "The last 4 weeks brought R$ 80.00: 20.0 % less than the 4 weeks before. "
        "What an order is worth made most of the difference to the 4 weeks before."
    )
    assert executive.headline(now, {}).endswith("There is no earlier complete period to compare with yet.")


def test_the_forecast_is_said_in_words_with_its_band() -> None:
    outlook = [
        {"week": date(2018, 8, 20), "amount": Decimal(242727), "low": Decimal(188314), "high": Decimal(312864)}
    ]
    accuracy = [
        {
            "is_champion": True,
            "weeks_ahead": "all",
            "forecasts": 104,
            "band_coverage": Decimal("0.8365"),
            "wape": Decimal("0.1398"),
        }
    ]
    text = models.outlook_words(outlook, accuracy)
    assert "R$ 243 k, and in four cases of five between R$ 188 k and R$ 313 k" in text
    assert "104 forecasts" in text
    assert "83.7 %" in text
    assert models.outlook_words([], accuracy) == ""


def test_remarks_tell_of_open_weeks_and_old_scores() -> None:
    status = {
        "as_of_date": date(2018, 10, 17),
        "reporting_date": date(2018, 8, 19),
        "last_complete_week": date(2018, 8, 13),
        "churn_scored_as_of": date(2018, 8, 12),
        "forecast_as_of": None,
    }
    open_weeks, old_scores = site.remarks(status)
    assert "19 August 2018 hold too few orders" in open_weeks
    assert "risk scores are of 12 August 2018" in old_scores
    [unfinished, _] = site.remarks({**status, "as_of_date": date(2018, 8, 25)})
    assert "the week that began on 20 August 2018 is not over" in unfinished
    [thin, _] = site.remarks({**status, "as_of_date": date(2018, 8, 26)})
    assert "hold too few orders" in thin
    fresh = {**status, "as_of_date": date(2018, 8, 19), "churn_scored_as_of": date(2018, 8, 19)}
    assert site.remarks(fresh) == []
    assert "No week is complete" in site.remarks({**fresh, "last_complete_week": None})[0]

"""What a forecast may be made from: complete weeks without gaps, the calendar, and series that are large enough."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.offsets import Easter

from ml.candidate import BadInput
from ml.forecast import calendar, series
from ml.forecast.panel import Panel, panel
from tests.ml.weeks import FIRST, frame, planted


def rows(weeks: int = 30) -> pd.DataFrame:
    return frame(planted(1, weeks).panel)


def test_a_panel_holds_complete_weeks_by_time_and_the_total_first() -> None:
    shop = rows()
    part = shop.assign(level="category", series="auto")
    tail = shop.tail(2).assign(
        week_start=lambda two: two["week_start"] + timedelta(weeks=2), is_complete=False, value=1
    )
    found = panel(pd.concat([part, tail, shop]).sample(frac=1, random_state=1))
    assert (found.level, found.series, found.first_week) == (("total", "category"), ("total", "auto"), FIRST)
    assert found.weeks == 30
    assert found.week(found.weeks - 1) == FIRST + timedelta(weeks=29)
    assert found.value[0].tolist() == shop["value"].tolist()
    assert found.volume is not None
    assert found.volume[1].tolist() == shop["volume"].tolist()


def test_what_was_known_is_a_copy() -> None:
    whole = panel(rows())
    past = whole.until(10)
    past.value[:] = 0
    assert past.weeks == 10
    assert whole.value[0, :10].min() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.head(25), "There are 25 complete weeks; a forecast needs 26"),
        (lambda frame: frame.assign(is_complete=frame.index < 20), "There are 20 complete weeks"),
        (lambda frame: frame.drop(index=7), f"1 weeks are missing, the first is {FIRST + timedelta(weeks=7)}"),
        (lambda frame: pd.concat([frame, frame.tail(1)]), "Weeks of total are there twice"),
        (lambda frame: frame.assign(value=12.5), "total is 12.50 in every week"),
        (
            lambda frame: frame.assign(value=frame["value"].where(frame.index != 3, -0.5)),
            "total is negative in the week",
        ),
        (lambda frame: frame.assign(value=frame["value"].where(frame.index != 3)), "values that are no numbers"),
        (
            lambda frame: frame.assign(week_start=[*frame["week_start"][:29], FIRST + timedelta(days=150)]),
            "weeks are missing",
        ),
    ],
    ids=["short", "incomplete", "gap", "twice", "constant", "negative", "null", "not a Monday"],
)
def test_input_that_cannot_be_forecast_is_refused(change: object, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        panel(change(rows()))  # type: ignore[operator]


def test_twenty_six_weeks_are_enough() -> None:
    assert panel(rows(26)).weeks == 26


def test_the_calendar_is_what_the_rules_give() -> None:
    """Movable days hang on Easter or on weekdays; the file was not typed."""
    days = calendar.days()
    for year in range(2015, 2036):
        of = {(kind, name): day for day, kind, name in days.itertuples(index=False) if day.year == year}
        assert len(of) == 19
        easter = (pd.Timestamp(year, 1, 1) + Easter()).date()
        for name, after in (
            ("Carnival Monday", -48),
            ("Carnival Tuesday", -47),
            ("Good Friday", -2),
            ("Corpus Christi", 60),
        ):
            assert of["holiday", name] == easter + timedelta(days=after)
        black_friday = of["shopping", "Black Friday"]
        assert (black_friday.month, black_friday.weekday()) == (11, 4)
        assert 23 <= black_friday.day <= 29
        for name, month in (("Mother's Day", 5), ("Father's Day", 8)):
            day = of["shopping", name]
            assert (day.month, day.weekday()) == (month, 6)
            assert 8 <= day.day <= 14
    assert days["day"].is_monotonic_increasing


def test_weeks_know_their_days() -> None:
    found = calendar.features([date(2017, 11, 20), date(2018, 2, 12), date(2018, 4, 16)])
    assert found["Black Friday"].tolist() == [1, 0, 0]
    assert found["holidays"].tolist() == [0, 2, 0]


def test_a_week_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(BadInput, match="The calendar knows the days from 2015-01-01 to 2035-12-25"):
        calendar.features([date(2036, 1, 7)])


def shop_frames(weeks: int = 40) -> dict[str, pd.DataFrame]:
    """Two large categories, one that is small until it grows at the end, and two states; lines of 10 BRL."""
    draws = np.random.default_rng(3)
    lines = []
    for week in range(weeks):
        sold = {"auto": 30 + draws.integers(0, 9), "toys": 15 + draws.integers(0, 9), "art": 1 if week < 30 else 40}
        for category, units in sold.items():
            lines += [
                (f"{week}-{category}-{unit // 2}", unit % 2 + 1, f"p-{unit % 3}", category, week)
                for unit in range(units)
            ]
    table = pd.DataFrame(lines, columns=["order_id", "order_item_id", "customer_unique_id", "product_id", "week"])
    table = table.assign(
        week_start=pd.to_datetime([FIRST + timedelta(weeks=week) for week in table["week"]]),
        is_revenue_order=True,
        revenue=10.0,
    )
    canceled = table.head(5).assign(order_id="canceled", is_revenue_order=False, revenue=0.0)
    weekly = table.groupby("week_start").agg(revenue=("revenue", "sum"), orders=("order_id", "nunique")).reset_index()
    return {
        "weekly_revenue": weekly.assign(is_complete=True),
        "fct_order_items": pd.concat([table, canceled]).drop(columns="week"),
        "dim_product": pd.DataFrame({"product_id": ["auto", "toys", "art"], "category": ["auto", "toys", None]}),
        "dim_customer": pd.DataFrame({"customer_unique_id": ["p-0", "p-1", "p-2"], "state": ["SP", "SP", "RJ"]}),
    }


def of(found: Panel, level: str, name: str) -> list[float]:
    places = [place for place, key in enumerate(zip(found.level, found.series, strict=True)) if key == (level, name)]
    assert len(places) == 1
    return [float(value) for value in found.value[places[0]]]


def test_parts_add_up_to_the_shop() -> None:
    frames = shop_frames()
    found = series.revenue(frames)
    assert sorted(zip(found.level, found.series, strict=True)) == [
        ("category", "auto"),
        ("category", "rest"),
        ("category", "toys"),
        ("state", "RJ"),
        ("state", "SP"),
        ("total", "total"),
    ]
    for level in ("category", "state"):
        parts = np.array(found.level) == level
        assert found.value[parts].sum(axis=0) == pytest.approx(found.value[0])


def test_units_count_lines_and_the_small_are_one_series() -> None:
    found = series.units(shop_frames())
    assert (found.level, found.series) == (("category", "category", "rest"), ("auto", "toys", "rest"))
    assert of(found, "rest", "rest") == [1] * 30 + [40] * 10


def test_which_categories_are_large_is_not_told_by_what_came_after_the_first_origin() -> None:
    """Art sells forty a week at the end, and one when the judged origins begin."""
    later = shop_frames()
    lines = later["fct_order_items"]
    rest = ~((lines["product_id"] == "toys") & (lines["week_start"] > pd.Timestamp(FIRST + timedelta(weeks=20))))
    assert "toys" in series.units(later).series
    assert "toys" in series.units({**later, "fct_order_items": lines[rest]}).series

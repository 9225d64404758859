"""The forecast of customer value against what people of the real Olist did next, beside simple rules."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.dbt.python_models import load_model
from tests.delta import query

pytestmark = [pytest.mark.olist, pytest.mark.slow]


model = load_model("gold/int_customer_value")
HORIZON = model.HORIZON_DAYS


@pytest.fixture(scope="module")
def occasions(olist_warehouse: Path) -> pd.DataFrame:
    """One row per person and day with a purchase up to the reporting date, days counted back from it."""
    rows = query(
        olist_warehouse,
        """select o.customer_unique_id as person, cast(o.purchased_at as date) as day, max(a.reporting_date) as end,
        cast(sum(i.price) as double) as revenue
        from silver__orders o join silver__order_items i on o.order_id = i.order_id cross join silver__as_of a
        where o.is_revenue_order and cast(o.purchased_at as date) <= a.reporting_date
        group by 1, 2 order by 1, 2""",
    )
    frame = pd.DataFrame(rows)
    assert set(frame["end"]) == {date(2018, 8, 19)}
    frame["back"] = (pd.to_datetime(frame["end"]) - pd.to_datetime(frame["day"])).dt.days
    return frame


def judge(occasions: pd.DataFrame, back: int) -> pd.DataFrame:
    """One row per person known `back` days before the reporting date: forecasts from before, the truth from after."""
    before = occasions[occasions["back"] >= back]
    after = occasions[(occasions["back"] < back) & (occasions["back"] >= back - HORIZON)]
    known = before.groupby("person")["back"].agg(["max", "min", "count"])
    people = pd.DataFrame(
        {
            "x": known["count"] - 1.0,
            "t_x": (known["max"] - known["min"]).astype(float),
            "T": (known["max"] - back).astype(float),
            "spend": before.groupby("person")["revenue"].sum(),
            "orders": after.groupby("person").size().reindex(known.index, fill_value=0),
            "revenue": after.groupby("person")["revenue"].sum().reindex(known.index, fill_value=0.0),
        }
    )
    ones = np.ones(len(people))
    histories = people.groupby(["x", "t_x", "T"]).size().rename("people").reset_index()
    purchases = model.fit_purchases(*histories.to_numpy().T)
    average = people["spend"] / (people["x"] + 1)
    spend = model.fit_spend(people["x"] + 1, average, ones, before["revenue"].mean())
    people["average"] = average
    people["usual"] = before["revenue"].mean()
    people["expected_occasions"] = model.expected_purchases(
        purchases, people["x"].to_numpy(), people["t_x"].to_numpy(), people["T"].to_numpy(), HORIZON
    )
    people["expected_value"] = model.expected_value(spend, people["x"] + 1, average)
    people["expected_revenue"] = people["expected_occasions"] * people["expected_value"]
    return people


def lift(people: pd.DataFrame, *scores: Any) -> float:
    """Revenue of the tenth of people with the highest scores, over a tenth of all; ties by the person's key."""
    order = np.lexsort([np.arange(len(people)), *(-np.asarray(score, dtype=float) for score in reversed(scores))])
    return float(people["revenue"].to_numpy()[order[: len(people) // 10]].sum() / people["revenue"].sum() * 10)


def log_likelihood(people: pd.DataFrame, expected: Any) -> float:
    """Poisson log-likelihood of the orders that came, one less constant for all forecasts."""
    orders = people["orders"].to_numpy()
    return float((orders * np.log(expected) - expected).sum())


def show(**figures: float) -> None:
    """For the record, and for the model card; pytest -s shows it."""
    print({name: round(float(figure), 3) for name, figure in figures.items()})


def test_forecast_of_the_last_180_days(occasions: pd.DataFrame) -> None:
    people = judge(occasions, HORIZON)
    came = people[people["orders"] > 0]
    orders, revenue = people["orders"].sum(), people["revenue"].sum()
    assert (len(people), int(orders), len(came)) == (54_618, 691, 642)

    # How much: in all, and against everybody going on at the pace of all until now.
    pace = people["x"].sum() / people["T"].sum() * HORIZON * len(people)
    of_orders = people["expected_occasions"].sum() / orders
    of_revenue = people["expected_revenue"].sum() / revenue
    show(orders=of_orders, revenue=of_revenue, orders_at_the_old_pace=pace / orders)
    assert 0.9 < of_orders < 1.2
    assert 0.95 < of_revenue < 1.25
    assert pace / orders > 1.6

    # Whom: a forecast of each beats the true average given to all, which nobody knew.
    ours = log_likelihood(people, people["expected_occasions"].to_numpy())
    average = log_likelihood(people, np.full(len(people), orders / len(people)))
    show(log_likelihood=ours, with_the_true_average=average)
    assert ours > average + 40

    recency = people["t_x"] - people["T"]
    lifts = {
        "expected_revenue": lift(people, people["expected_revenue"]),
        "expected_occasions": lift(people, people["expected_occasions"]),
        "past_spend": lift(people, people["spend"]),
        "frequency_then_recency": lift(people, people["x"], recency),
        "recency": lift(people, recency),
        "nothing": lift(people),
    }
    show(**lifts)
    assert lifts["expected_revenue"] > 1.8
    assert lifts["expected_revenue"] > lifts["recency"] + 0.3
    assert lifts["expected_revenue"] > lifts["past_spend"] + 0.5
    assert lifts["expected_revenue"] == pytest.approx(lifts["frequency_then_recency"], abs=0.2)

    # What those who came spent a time.
    value = came["revenue"] / came["orders"]
    errors = {name: (came[name] - value).abs().mean() for name in ("expected_value", "average", "usual")}
    show(**errors, mean_ratio=came["expected_value"].mean() / value.mean())
    assert errors["expected_value"] < errors["usual"] - 3
    assert errors["expected_value"] < errors["average"] - 10


def test_earlier_forecasts_rank_as_well_and_fall_short_while_the_shop_changed(occasions: pd.DataFrame) -> None:
    ratios = {}
    for back in range(HORIZON, HORIZON + 181, 30):
        people = judge(occasions, back)
        end = str(date(2018, 8, 19) - timedelta(days=back))
        ratios[end] = people["expected_occasions"].sum() / people["orders"].sum()
        ranks = lift(people, people["expected_revenue"])
        show(back=back, ratio=ratios[end], lift=ranks, past_spend=lift(people, people["spend"]))
        assert ranks > 1.6
        assert ranks > lift(people, people["spend"]) + 0.2
    latest = [ratio for end, ratio in ratios.items() if end >= "2017-12-01"]
    earlier = [ratio for end, ratio in ratios.items() if end < "2017-12-01"]
    assert all(0.9 < ratio < 1.2 for ratio in latest)
    assert all(0.5 < ratio < 0.85 for ratio in earlier)

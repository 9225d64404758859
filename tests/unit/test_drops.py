"""Daily drops: everything in its time, nothing lost, and things that really change."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_generation.drops import SELLER_MOVES, Calendar, dated_orders, dated_products, dated_sellers
from data_generation.parameters import Parameters
from data_generation.shop import block
from data_generation.world import World

START, DAYS = date(2018, 3, 5), 40
CALENDAR = Calendar.of(START, DAYS)
LONG = Calendar.of(date(2016, 9, 4), 1_200)
"""From before the first order until after the last one."""
MOMENTS = (
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
)


@cache
def the_world() -> World:
    return World(9, 0.05, Parameters())


@cache
def whole() -> dict[str, pa.Table]:
    return block(the_world(), 0, the_world().people).files


@cache
def dropped(calendar: Calendar) -> dict[str, pd.DataFrame]:
    return {name: table.to_pandas() for name, table in dated_orders(whole(), calendar).items()}


def day_of(values: pd.Series) -> pd.Series:
    return (pd.to_datetime(values) - pd.Timestamp(0)).dt.days


def test_a_calendar_counts_its_days() -> None:
    assert CALENDAR.dates()[0] == START
    assert len(CALENDAR.dates()) == DAYS
    assert Calendar.of(START, 1).dates() == [START]


def test_the_last_version_of_each_order_is_the_order() -> None:
    versions = dropped(LONG)["orders"].sort_values("_day", kind="stable")
    last = versions.drop_duplicates("order_id", keep="last").drop(columns="_day").set_index("order_id")
    full = whole()["orders"].to_pandas().set_index("order_id")
    pd.testing.assert_frame_equal(last.sort_index(), full.sort_index())


@pytest.mark.parametrize("calendar", [CALENDAR, LONG])
def test_no_drop_tells_of_what_is_to_come(calendar: Calendar) -> None:
    versions = dropped(calendar)["orders"]
    for column in MOMENTS:
        told = versions[column].notna()
        assert (day_of(versions[column][told]) <= versions["_day"][told]).all(), column
    assert versions["_day"].between(calendar.first, calendar.last).all()
    assert not versions.duplicated(["order_id", "_day"]).any()
    under_way = versions["order_status"].isin(["created", "approved", "shipped"])
    assert under_way.sum() > 50
    reviews = dropped(calendar)["order_reviews"]
    assert (day_of(reviews["review_answer_timestamp"]) <= reviews["_day"]).all()


def test_a_version_says_what_was_known_at_the_end_of_its_day() -> None:
    full = whole()["orders"].to_pandas().set_index("order_id")
    versions = dropped(CALENDAR)["orders"].set_index("order_id")
    of = full.loc[versions.index]
    for column in MOMENTS:
        known = of[column].notna() & (day_of(of[column]) <= versions["_day"])
        assert (versions[column].notna() == known).all(), column
        assert (versions[column][known] == of[column][known]).all()


def test_the_first_drop_is_all_that_was_before() -> None:
    full = whole()["orders"].to_pandas()
    before = full[day_of(full["order_purchase_timestamp"]) <= CALENDAR.first]
    first = dropped(CALENDAR)["orders"].query("_day == @CALENDAR.first")
    assert set(first["order_id"]) == set(before["order_id"])
    assert first["order_id"].is_unique


def test_all_that_belongs_to_an_order_comes_once_and_with_it() -> None:
    placed = dropped(CALENDAR)["orders"].groupby("order_id")["_day"].min()
    for name in ("order_items", "order_payments"):
        table = dropped(CALENDAR)[name]
        assert (table["_day"] == table["order_id"].map(placed)).all(), name
        full = whole()[name].to_pandas()
        assert len(table) == full["order_id"].isin(placed.index).sum()
    customers, orders = dropped(CALENDAR)["customers"], dropped(CALENDAR)["orders"]
    assert set(customers["customer_id"]) == set(orders["customer_id"])
    assert customers["customer_id"].is_unique


def test_products_really_change_and_stay_changed() -> None:
    world = the_world()
    table = dated_products(world, 0, world.products, CALENDAR)
    parts = [dated_products(world, 0, 700, CALENDAR), dated_products(world, 700, world.products, CALENDAR)]
    frame = table.to_pandas()
    assert len(frame.query("_day == @CALENDAR.first")) == world.products
    changes = frame.query("_day > @CALENDAR.first")
    assert len(changes) == pytest.approx(0.002 * world.products * (DAYS - 1), rel=0.3)
    assert len(pa.concat_tables(parts)) == len(table)
    versions = frame.sort_values(["product_id", "_day"]).drop(columns="_day")
    told = [column for column in versions.columns if column != "product_id"]
    same = versions["product_id"].eq(versions["product_id"].shift())
    differs = (versions[told].fillna("") != versions[told].shift().fillna("")).any(axis=1)
    assert differs[same].mean() > 0.95
    category = versions["product_category_name"].fillna("")
    assert 0 < (category != category.shift())[same].mean() < 0.3
    # What a change does not touch stays as the change before left it.
    moved = (category != category.shift()) & same
    for column in ("product_description_lenght", "product_photos_qty"):
        told_now, told_before = versions[column].fillna(""), versions[column].shift().fillna("")
        assert (told_now == told_before)[moved].all(), column
    redescribed = same & ~moved
    assert (category == category.shift())[redescribed].all()
    # What changed once stays so until it changes again.
    weight = versions["product_weight_g"].fillna("")
    assert not (weight != weight.shift())[same].any()


def test_changes_are_what_the_days_before_left() -> None:
    """Day by day, as a reader of the drops keeps the shop's products: the same as all at once."""
    world = the_world()
    short = Calendar.of(START, 10)
    longer, shorter = (dated_products(world, 0, 300, calendar).to_pandas() for calendar in (CALENDAR, short))
    pd.testing.assert_frame_equal(by_day(longer[longer["_day"] <= short.last]), by_day(shorter), check_dtype=False)
    assert longer.duplicated("product_id", keep=False).any()


def by_day(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["_day", "product_id"]).reset_index(drop=True)


def test_years_of_drops_change_as_many_products_a_day() -> None:
    years = Calendar.of(date(2017, 1, 1), 3_000)
    table = dated_products(the_world(), 0, 300, years)
    assert len(table) == pytest.approx(300 * (1 + 0.002 * 3_000), rel=0.1)
    assert len(dated_sellers(the_world(), years)) > the_world().sellers


def test_so_many_sellers_move_a_day() -> None:
    days = LONG.last - LONG.first
    moves = len(dated_sellers(the_world(), LONG)) - the_world().sellers
    assert moves / days / the_world().sellers == pytest.approx(SELLER_MOVES, rel=0.2)


def test_sellers_move_within_their_state() -> None:
    frame = dated_sellers(the_world(), LONG).to_pandas().sort_values(["seller_id", "_day"])
    same = frame["seller_id"].eq(frame["seller_id"].shift())
    assert same.sum() > 20
    assert (frame["seller_zip_code_prefix"] != frame["seller_zip_code_prefix"].shift())[same].mean() > 0.9
    assert (frame["seller_state"] == frame["seller_state"].shift())[same].all()
    assert np.isin(frame["_day"], range(LONG.first, LONG.last + 1)).all()

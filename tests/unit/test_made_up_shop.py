"""The made-up shop: blocks that do not depend on each other, files that fit together, truth that shows in them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_generation.baskets import prices
from data_generation.parameters import Parameters
from data_generation.places import points
from data_generation.shop import Block, block
from data_generation.world import DAY, World
from lakehouse.landing import OLIST

COLUMNS = {landing.table: list(landing.columns) for landing in OLIST}


@cache
def the_world() -> World:
    return World(42, 0.1, Parameters())


@cache
def the_block() -> Block:
    return block(the_world(), 0, the_world().people)


def file(name: str) -> pd.DataFrame:
    return the_block().files[name].to_pandas()


def seconds(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, format="%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize("cuts", [(0, 9_610), (0, 1, 4_000, 9_610), (0, 3_333, 6_666, 9_610)])
def test_a_shop_made_in_blocks_is_the_same_shop(cuts: tuple[int, ...]) -> None:
    parts = [block(the_world(), first, last) for first, last in pairwise(cuts)]
    for name, whole in the_block().files.items():
        assert pa.concat_tables(part.files[name] for part in parts).equals(whole), name
    assert pa.concat_tables(part.people for part in parts).equals(the_block().people)
    assert np.concatenate([part.propensity for part in parts]).tolist() == the_block().propensity.tolist()


def test_another_seed_is_another_shop() -> None:
    other = block(World(43, 0.1, Parameters()), 0, 100)
    ids = set(other.files["orders"]["order_id"].to_pylist())
    assert not ids & set(the_block().files["orders"]["order_id"].to_pylist())


def test_a_block_of_nobody_has_no_rows() -> None:
    empty = block(the_world(), 5, 5)
    assert {len(table) for table in empty.files.values()} == {0}
    for name, table in empty.files.items():
        assert table.schema == the_block().files[name].schema


@pytest.mark.parametrize("scale", [1e-9, 0.001])
def test_the_smallest_shop_has_its_files(scale: float) -> None:
    world = World(1, scale, Parameters())
    made = block(world, 0, world.people)
    assert len(made.files["orders"]) >= 1
    assert len(world.product_file(0, world.products)) >= len(world.categories)


def test_the_columns_are_those_of_the_real_files() -> None:
    world = the_world()
    files = {
        **the_block().files,
        "products": world.product_file(0, 10),
        "sellers": world.seller_file(),
        "product_category_translations": world.translation_file(),
        "geolocation": points(world.draws, world.places, 0.1, 0, 5),
    }
    assert {name: table.column_names for name, table in files.items()} == COLUMNS
    for table in files.values():
        assert {str(column.type) for column in table.columns} <= {"string", "null"}


def test_keys_are_keys_and_references_lead_somewhere() -> None:
    orders, customers, items = file("orders"), file("customers"), file("order_items")
    payments, reviews = file("order_payments"), file("order_reviews")
    assert orders["order_id"].is_unique
    assert customers["customer_id"].is_unique
    assert not items.duplicated(["order_id", "order_item_id"]).any()
    assert not payments.duplicated(["order_id", "payment_sequential"]).any()
    assert not reviews.duplicated(["review_id", "order_id"]).any()
    assert set(orders["customer_id"]) == set(customers["customer_id"])
    for part in (items, payments, reviews):
        assert set(part["order_id"]) <= set(orders["order_id"])
    assert set(items["product_id"]) <= set(the_world().product_ids.to_pylist())
    assert set(items["seller_id"]) <= set(the_world().seller_ids.to_pylist())
    assert items.groupby("product_id")["seller_id"].nunique().max() == 2


def test_payments_add_up_to_what_was_bought() -> None:
    items, payments = file("order_items"), file("order_payments")
    cost = (items["price"].astype(float) + items["freight_value"].astype(float)).groupby(items["order_id"]).sum()
    paid = payments["payment_value"].astype(float).groupby(payments["order_id"]).sum()
    both = pd.concat([cost, paid], axis=1, keys=["cost", "paid"]).dropna()
    assert len(both) > 9_000
    assert (both["cost"] - both["paid"]).abs().max() < 0.005
    assert (payments["payment_value"].astype(float) >= 0).all()


def test_moments_follow_each_other() -> None:
    orders = file("orders")
    purchase = seconds(orders["order_purchase_timestamp"])
    for column in ("order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date"):
        assert not (seconds(orders[column]) < purchase).any(), column
    carrier, customer = (seconds(orders[f"order_delivered_{to}_date"]) for to in ("carrier", "customer"))
    assert (customer < carrier).mean() < 0.001
    reviews = file("order_reviews")
    assert not (seconds(reviews["review_answer_timestamp"]) < seconds(reviews["review_creation_date"])).any()


def test_the_shop_grows_peaks_and_stops_like_the_real_one() -> None:
    purchase = seconds(file("orders")["order_purchase_timestamp"])
    months = purchase.dt.strftime("%Y-%m").value_counts()
    assert months["2018-03"] > 5 * months["2017-01"] > 5 * months.get("2016-12", 0)
    assert months.get("2018-09", 0) < 10 < months["2018-08"]
    assert purchase.dt.date.astype(str).value_counts().index[0] == "2017-11-24"


def test_the_defects_of_the_real_shop_are_there() -> None:
    world = the_world()
    orders, items, customers = file("orders"), file("order_items"), file("customers")
    products = world.product_file(0, world.products).to_pandas()
    without = orders[~orders["order_id"].isin(items["order_id"])]
    assert len(without) > 20
    assert set(without["order_status"]) >= {"unavailable", "canceled"}
    assert products["product_category_name"].isna().sum() > 20
    names = set(world.translation_file()["product_category_name"].to_pylist())
    assert len(set(products["product_category_name"].dropna()) - names) == 2
    addresses = customers.groupby("customer_unique_id")["customer_zip_code_prefix"].nunique()
    assert (addresses > 1).sum() > 10
    states = customers.groupby("customer_unique_id")["customer_state"].nunique()
    assert 0.05 < (states > 1).sum() / (addresses > 1).sum() < 0.4
    sold_by = items.groupby("product_id")["seller_id"].nunique()
    assert (sold_by > 1).mean() == pytest.approx(0.037, abs=0.015)
    assert (items["freight_value"].astype(float) == 0).mean() == pytest.approx(0.0034, abs=0.0025)
    assert customers["customer_zip_code_prefix"].str.fullmatch(r"\d{5}").all()
    assert customers["customer_zip_code_prefix"].str.startswith("0").any()
    messages = file("order_reviews")["review_comment_message"].dropna()
    for mark in ("\n", '"', ",", "ã"):
        assert messages.str.contains(mark, regex=False).any()


def test_some_parcels_are_scanned_only_after_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(42, 0.05, Parameters())
    monkeypatch.setitem(world.profile, "delivered_before_handed_over", 0.5)
    orders = block(world, 0, world.people).files["orders"].to_pandas()
    handed_over, came = (seconds(orders[f"order_delivered_{to}_date"]) for to in ("carrier", "customer"))
    wrong = came < handed_over
    assert wrong[came.notna()].mean() == pytest.approx(0.5, abs=0.04)
    assert (handed_over - came)[wrong].mean() == pytest.approx(pd.Timedelta(days=3.3), rel=0.15)


def test_only_credit_cards_pay_by_instalments() -> None:
    payments = file("order_payments")
    by_card = payments["payment_type"] == "credit_card"
    assert set(payments["payment_installments"][~by_card]) == {"1"}
    assert (payments["payment_installments"][by_card].astype(int) > 1).mean() > 0.5


def test_a_credit_card_may_pay_in_no_instalments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_generation.payments.NO_INSTALMENTS", 0.1)
    payments = block(the_world(), 0, 2_000).files["order_payments"].to_pandas()
    none = payments["payment_installments"] == "0"
    assert none.mean() == pytest.approx(0.075, abs=0.025)
    assert set(payments["payment_type"][none]) == {"credit_card"}


def test_as_many_prices_are_high_and_low_after_a_change_as_before() -> None:
    world = World(42, 0.1, Parameters())
    world.product_traits["price_rank"] = np.linspace(0, 1, world.products)
    product = np.repeat(np.arange(world.products), 8)
    asked = prices(world, product, np.tile(np.arange(8) * 91 * DAY, world.products))
    usual = np.array(world.profile["price_points"])
    for extreme in (usual[0], usual[-1]):
        assert (asked == extreme).mean() == pytest.approx((usual == extreme).mean(), abs=0.001)
    assert np.median(asked) == pytest.approx(np.median(usual), rel=0.02)


def test_people_crowd_in_the_capital() -> None:
    """The first tenth of a state's zip prefixes has a third of its people; evenly spread it would have a tenth."""
    world = the_world()
    first, last = world.places.bounds[world.places.states.to_pylist().index("SP") :][:2]
    capital = world.places.prefix.slice(first, (last - first) // 10)
    customers = file("customers")
    prefixes = customers["customer_zip_code_prefix"][customers["customer_state"] == "SP"]
    assert prefixes.isin(capital.to_pylist()).mean() == pytest.approx(0.355, abs=0.04)


@pytest.mark.parametrize(("share", "repeated"), [(0.05, 0.2), (1.0, 0.26)])
def test_many_points_of_the_map_repeat_others(share: float, repeated: float) -> None:
    """In a small file, where many zip prefixes have a single point, a bit fewer."""
    world = the_world()
    whole = points(world.draws, world.places, share, 0, 4_000)
    assert whole.to_pandas().duplicated().mean() == pytest.approx(repeated, abs=0.03)
    parts = [points(world.draws, world.places, share, low, high) for low, high in ((0, 1_234), (1_234, 4_000))]
    assert pa.concat_tables(parts).equals(whole)


def test_late_parcels_are_judged_badly() -> None:
    both = file("orders").merge(file("order_reviews"), on="order_id")
    late = seconds(both["order_delivered_customer_date"]) > seconds(
        both["order_estimated_delivery_date"]
    ) + pd.Timedelta(days=7)
    score = both["review_score"].astype(int)
    assert score[late].mean() < 2.2
    assert score[~late & both["order_delivered_customer_date"].notna()].mean() > 4.1


def test_who_is_more_likely_to_come_back_comes_back_more_often() -> None:
    orders = file("customers")["customer_unique_id"].value_counts()
    people = the_block().people.to_pandas().set_index("customer_unique_id")
    assert people["repeat_propensity"].mean() == pytest.approx(1.0, abs=0.15)
    assert (orders == 1).mean() == pytest.approx(0.968, abs=0.01)
    again = orders.reindex(people.index) > 1
    top = people["repeat_propensity"] > people["repeat_propensity"].quantile(0.9)
    assert again[top].mean() > 3 * again[~top].mean()


def test_people_buy_what_they_like() -> None:
    catalog = the_world().catalog
    people = the_block().people.to_pandas()
    orders = the_block().orders
    person = pc.index_in(orders.customer_unique_id, pa.array(people["customer_unique_id"])).to_numpy()
    buyer = person[orders.line_order]
    liked = people[[f"style_{number}" for number in range(8)]].to_numpy().argmax(axis=1)
    assert (catalog.style[orders.line_product] == liked[buyer]).mean() > 0.45
    bought = np.array(the_world().category_names.to_pylist())[the_world().product_category[orders.line_product]]
    assert (bought == people["favourite_1"].to_numpy()[buyer]).mean() > 0.6
    level = people["price_level"].to_numpy()
    assert (catalog.price_level[orders.line_product] == level[buyer]).mean() > 0.6


def test_the_planted_seasons_are_what_the_orders_follow() -> None:
    seasons = the_world().seasons.to_pandas()
    assert seasons["demand"].sum() == pytest.approx(1.0)
    parts = seasons["level"] * seasons["weekday"] * seasons["event"] * seasons["noise"]
    assert (parts - seasons["demand"]).abs().max() < 1e-9
    day = seconds(file("orders")["order_purchase_timestamp"]).dt.date
    weekly = day.value_counts().reindex(seasons["day"], fill_value=0).rolling(7).sum().dropna()
    expected = seasons.set_index("day")["demand"].rolling(7).sum().dropna()
    assert np.corrcoef(weekly, expected)[0, 1] > 0.98


def test_a_few_products_make_most_of_the_sales() -> None:
    sold = file("order_items")["product_id"].value_counts()
    assert sold.head(the_world().products // 10).sum() / sold.sum() > 0.4


def test_every_prefix_of_a_customer_is_on_the_map_or_known_not_to_be() -> None:
    world = the_world()
    known = set(
        points(world.draws, world.places, 0.01, 0, len(world.places.prefix))[
            "geolocation_zip_code_prefix"
        ].to_pylist()
    )
    prefixes = file("customers")["customer_zip_code_prefix"]
    assert 0.95 < prefixes.isin(known).mean() < 1

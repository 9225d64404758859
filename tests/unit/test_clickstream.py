"""The clickstream: sessions that lead to orders, and all the others, at the rates that were asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data_generation.archive import orders_slice
from data_generation.clickstream import Clickstream, Knowledge, clickstream
from data_generation.orders import Orders
from data_generation.parameters import REASONS, Parameters
from data_generation.shop import Block, block
from data_generation.world import World
from lakehouse.errors import LakehouseError
from lakehouse.landing import BEHAVIOUR

FOREVER = 2**40


@cache
def the_world() -> World:
    return World(42, 0.2, Parameters())


@cache
def the_block() -> Block:
    return block(the_world(), 0, the_world().people)


def stream(orders: Orders, parameters: Parameters | None = None, propensity: np.ndarray | None = None) -> Clickstream:
    world = the_world()
    everything = Knowledge(world.catalog, world.catalog, 0, FOREVER)
    given = np.ones(len(orders.key)) if propensity is None else propensity
    return clickstream(orders, everything, world.draws, parameters or world.parameters, given)


@cache
def the_stream() -> Clickstream:
    return stream(the_block().orders, propensity=the_block().propensity)


@cache
def events() -> pd.DataFrame:
    frame = the_stream().events.to_pandas()
    for column in ("event_timestamp", "received_at"):
        frame[column] = pd.to_datetime(frame[column], format="%Y-%m-%d %H:%M:%S")
    return frame


@cache
def sessions() -> pd.DataFrame:
    return the_stream().sessions.to_pandas().set_index("session_id")


def kind_of_events() -> pd.Series:
    return events()["session_id"].map(sessions()["kind"])


def test_the_columns_are_those_of_the_contract() -> None:
    assert the_stream().events.column_names == list(BEHAVIOUR[0].columns)
    assert set(map(str, the_stream().events.schema.types)) == {"string"}
    assert set(events()["provenance"]) == {"generated"}


def test_rates_are_those_asked_for_and_plausible_together() -> None:
    orders = len(the_block().orders.key)
    kinds = sessions()["kind"].value_counts()
    assert len(events()) / orders == pytest.approx(5.0, rel=0.02)
    assert kinds["purchase"] / orders == pytest.approx(0.15, rel=0.05)
    people = kinds.drop("bot").sum()
    assert 0.02 < kinds["purchase"] / people < 0.08
    carts = events()[events()["event_type"] == "add_to_cart"]["session_id"].nunique()
    assert 1 - kinds["purchase"] / carts == pytest.approx(0.70, abs=0.015)


def test_the_funnel_narrows_and_its_identity_holds() -> None:
    """Carts = carts bought + carts left behind; every step is reached by no more sessions than the one before."""
    steps = {step: set(group["session_id"]) for step, group in events().groupby("event_type")}
    assert steps["purchase"] <= steps["checkout_start"] <= steps["add_to_cart"] <= steps["product_view"]
    assert steps["product_view"] <= steps["page_view"] == set(sessions().index)
    left = set(sessions()[sessions()["abandonment_reason"].notna()].index)
    assert steps["add_to_cart"] == steps["purchase"] | left
    assert not steps["purchase"] & left


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(events_per_order=12.0),
        Parameters(tracking_coverage=0.4, events_per_order=20.0),
        Parameters(abandonment=0.5),
        Parameters(events_per_order=3.0, tracking_coverage=0.05, abandonment_reasons={"just browsing": 1.0}),
    ],
)
def test_other_rates_are_met_too(parameters: Parameters) -> None:
    made = stream(the_block().orders, parameters)
    orders, kinds = len(the_block().orders.key), made.sessions["kind"].to_pandas().value_counts()
    assert len(made.events) / orders == pytest.approx(parameters.events_per_order, rel=0.03)
    assert kinds["purchase"] / orders == pytest.approx(parameters.tracking_coverage, rel=0.08)
    share = kinds["abandoned"] / (kinds["abandoned"] + kinds["purchase"])
    assert share == pytest.approx(parameters.abandonment, abs=0.02)
    assert set(made.sessions["abandonment_reason"].drop_null().to_pylist()) == set(parameters.abandonment_reasons)


def test_fewer_events_than_the_orders_need_are_refused() -> None:
    with pytest.raises(LakehouseError, match=r"0\.50 events an order are too few.*Raise --events or lower"):
        stream(the_block().orders, Parameters(events_per_order=0.5))


def test_without_tracking_nothing_is_bought_in_sight() -> None:
    made = stream(the_block().orders, Parameters(tracking_coverage=0.0))
    assert "purchase" not in set(made.events["event_type"].to_pylist())
    assert len(made.events) / len(the_block().orders.key) == pytest.approx(5.0, rel=0.03)


def test_a_purchase_is_of_an_order_at_its_moment_by_its_person_with_its_products() -> None:
    items = the_block().files["order_items"].to_pandas()
    orders = (
        the_block().files["orders"].to_pandas().merge(the_block().files["customers"].to_pandas(), on="customer_id")
    )
    orders = orders.set_index("order_id")
    bought = events()[events()["event_type"] == "purchase"].set_index("session_id")
    assert bought["order_id"].is_unique
    of = orders.loc[bought["order_id"]]
    assert (
        bought["event_timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S").to_numpy() == of["order_purchase_timestamp"]
    ).all()
    assert (bought["customer_unique_id"].to_numpy() == of["customer_unique_id"]).all()
    assert (bought["state"].to_numpy() == of["customer_state"]).all()
    carts = events()[events()["session_id"].isin(bought.index) & (events()["event_type"] == "add_to_cart")]
    in_cart = carts.groupby(carts["session_id"].map(bought["order_id"]))["product_id"].agg(set)
    ordered = items.groupby("order_id")["product_id"].agg(set)
    assert in_cart.equals(ordered.reindex(in_cart.index))


def test_events_follow_each_other_within_a_session() -> None:
    same = events()["session_id"].eq(events()["session_id"].shift())
    pause = events()["event_timestamp"].diff()[same]
    assert pause.min() >= pd.Timedelta(seconds=1)
    assert pause.max() < pd.Timedelta(minutes=30)
    rank = events()["event_type"].map(
        {"page_view": 0, "product_view": 1, "add_to_cart": 1, "checkout_start": 2, "purchase": 3}
    )
    assert (rank.diff()[same] >= 0).all()
    carts = events()[events()["event_type"] == "add_to_cart"]
    before = events().shift().loc[carts.index]
    assert (before["event_type"] == "product_view").all()
    assert (before["product_id"] == carts["product_id"]).all()
    assert events()["event_id"].is_unique


def test_research_comes_days_before_and_looks_at_what_is_bought() -> None:
    research = sessions()[sessions()["kind"] == "research"]
    placed = the_block().files["orders"].to_pandas().set_index("order_id")["order_purchase_timestamp"]
    ahead = pd.to_datetime(research["order_id"].map(placed)) - pd.to_datetime(research["started_at"])
    assert ahead.min() > pd.Timedelta(hours=12)
    assert ahead.max() < pd.Timedelta(days=15)
    items = the_block().files["order_items"].to_pandas()
    bought = set(zip(items["order_id"], items["product_id"], strict=True))
    views = events()[(kind_of_events() == "research") & (events()["event_type"] == "product_view")]
    pairs = zip(views["session_id"].map(research["order_id"]), views["product_id"], strict=True)
    found = pd.Series([pair in bought for pair in pairs], index=views["session_id"])
    with_items = research["order_id"].isin(items["order_id"])
    assert found.groupby(level=0).any().reindex(research.index[with_items]).all()


def test_carts_left_behind_are_told_in_the_truth() -> None:
    left = sessions()[sessions()["kind"] == "abandoned"]
    carts = events()[(kind_of_events() == "abandoned") & (events()["event_type"] == "add_to_cart")]
    held = carts.groupby("session_id")["product_id"].agg(" ".join).reindex(left.index)
    assert (held == left["products_in_cart"]).all()
    shares = left["abandonment_reason"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx(REASONS, abs=0.03)
    assert left["customer_unique_id"].notna().all()


def test_strangers_are_nobody_and_cookies_are_of_a_person_on_a_device() -> None:
    kinds = kind_of_events()
    assert events()["customer_unique_id"][kinds.isin(["browse", "bot"])].isna().all()
    assert events()["customer_unique_id"][kinds == "purchase"].notna().all()
    known = events().dropna(subset=["customer_unique_id"])
    assert known.groupby("visitor_id")["customer_unique_id"].nunique().max() == 1
    assert known.groupby("visitor_id")["device"].nunique().max() == 1


@pytest.mark.parametrize(("kind", "share"), [("research", 0.5), ("abandoned", 0.55), ("visit", 0.5)])
def test_people_are_signed_in_as_often_as_is_said(kind: str, share: float) -> None:
    """Within four standard errors or so."""
    signed_in = events().groupby("session_id")["customer_unique_id"].first().notna()
    assert signed_in[sessions()["kind"] == kind].mean() == pytest.approx(share, abs=0.035)


@pytest.mark.slow
def test_strangers_come_back_and_like_the_same_again() -> None:
    views = events()[(kind_of_events() == "browse") & events()["product_id"].notna()]
    made = sessions().assign(visitor=events().groupby("session_id")["visitor_id"].first())
    strangers = made[made["kind"] == "browse"]
    # Who comes back on another device is another visitor.
    again = 1 - strangers["visitor"].nunique() / len(strangers)
    assert 0.2 < again < 0.3
    assert made[made["kind"] == "bot"]["visitor"].is_unique
    started = pd.to_datetime(strangers["started_at"])
    visits = started.groupby(strangers["visitor"])
    apart = (visits.max() - visits.min())[visits.size() > 1]
    assert pd.Timedelta(days=3) < apart.median() < pd.Timedelta(days=20)
    category = dict(zip(the_world().product_ids.to_pylist(), the_world().product_category, strict=True))
    first = views.drop_duplicates("session_id").assign(category=views["product_id"].map(category))
    pairs = first.merge(first, on="visitor_id")
    pairs = pairs[pairs["session_id_x"] < pairs["session_id_y"]]
    shuffled = np.random.default_rng(0).permutation(pairs["category_y"])
    assert len(pairs) > 500
    assert (pairs["category_x"] == pairs["category_y"]).mean() > 3 * (pairs["category_x"] == shuffled).mean()


def test_bots_look_at_much_in_little_time() -> None:
    bots = events()[kind_of_events() == "bot"]
    views = bots[bots["event_type"] == "product_view"].groupby("session_id").size()
    assert views.between(30, 119).all()
    assert set(bots["event_type"]) == {"page_view", "product_view"}
    assert bots.groupby("session_id")["event_timestamp"].agg(np.ptp).max() < pd.Timedelta(minutes=15)
    assert 0.2 < (bots.groupby("session_id")["browser"].first() == "Googlebot").mean() < 0.8


def test_some_sessions_are_received_late_and_none_before_it_happens() -> None:
    lag = events()["received_at"] - events()["event_timestamp"]
    assert lag.min() >= pd.Timedelta(0)
    late = (lag > pd.Timedelta(hours=1)).groupby(events()["session_id"]).any()
    assert late.mean() == pytest.approx(0.01, abs=0.004)


def test_who_will_come_back_visits_more_often() -> None:
    orders, propensity = the_block().orders, the_block().propensity
    person = pd.Series(propensity, index=orders.customer_unique_id.to_pylist()).groupby(level=0).first()
    visits = sessions()[sessions()["kind"] == "visit"]["customer_unique_id"].value_counts()
    visits = visits.reindex(person.index, fill_value=0)
    top = person > person.quantile(0.9)
    assert visits[top].mean() > 3 * visits[~top].mean()


def test_views_show_the_taste_of_the_person() -> None:
    people = the_block().people.to_pandas().set_index("customer_unique_id")
    style = dict(zip(the_world().product_ids.to_pylist(), the_world().catalog.style, strict=True))
    carts = events()[(kind_of_events() == "abandoned") & (events()["event_type"] == "add_to_cart")]
    person = carts["session_id"].map(sessions()["customer_unique_id"])
    liked = people[[f"style_{number}" for number in range(8)]].to_numpy().argmax(axis=1)
    liked = person.map(dict(zip(people.index, liked, strict=True)))
    assert (carts["product_id"].map(style) == liked).mean() > 0.45


def test_a_stream_made_in_parts_is_the_same_stream() -> None:
    orders = the_block().orders
    count, given = len(orders.key), the_block().propensity
    for cuts in ([0, 1, count], [0, count // 3, count // 2, count]):
        parts = [stream(orders_slice(orders, low, high), propensity=given[low:high]) for low, high in pairwise(cuts)]
        assert pa.concat_tables(part.events for part in parts).equals(the_stream().events)
        assert pa.concat_tables(part.sessions for part in parts).equals(the_stream().sessions)


def test_no_orders_make_no_events() -> None:
    made = stream(orders_slice(the_block().orders, 7, 7))
    assert len(made.events) == len(made.sessions) == 0
    assert made.events.schema == the_stream().events.schema


def test_an_order_without_products_is_bought_out_of_sight() -> None:
    none = np.array([], dtype=np.int64)
    made = stream(replace(the_block().orders, line_order=none, line_product=none))
    assert set(made.sessions["kind"].to_pylist()) == {"abandoned", "visit", "browse", "bot"}

"""The recommender of a shop: what is promoted for which use, what everybody is offered, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml.candidate import BadInput, Candidate
from ml.contracts import CONTRACTS, ORIGIN
from ml.recommender import complements, model, scoring
from ml.recommender.interactions import read
from ml.recommender.recommender import Recommender
from ml.recommender.shop import open_shop
from ml.recommender.splits import split_pair
from ml.recommender.uses import ALS, BASKET, COMPLEMENTS, Recipe, basket_queries, complete_baskets, judge
from tests.ml.recommender_shop import SETTINGS, STATES, gold, matrix

pytestmark = pytest.mark.slow

Frames = Mapping[str, pd.DataFrame]


@pytest.fixture(scope="module")
def frames() -> Frames:
    return gold()


@pytest.fixture(scope="module")
def trained(frames: Frames) -> Candidate:
    return model.train(frames, SETTINGS, seed=0)


@pytest.fixture(scope="module")
def folder(trained: Candidate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recommender")
    trained.save(path)
    return path


@pytest.fixture(scope="module")
def scored(folder: Path, frames: Frames) -> Frames:
    return model.score(folder, frames, SETTINGS)


def test_what_was_planted_is_promoted_for_its_use_alone(trained: Candidate) -> None:
    assert trained.decision.promote, trained.decision.reasons
    assert trained.params["serves_basket_completion"] == COMPLEMENTS
    assert trained.params["serves_new_products"] == "popular_in_category_and_state"
    mine = trained.metrics[model.PRIMARY[0]]
    for name, theirs in trained.baselines.items():
        assert mine > theirs.get(model.PRIMARY[0], 0), name
    assert (
        trained.metrics["basket_completion_ndcg_at_10_low"]
        < mine
        < trained.metrics["basket_completion_ndcg_at_10_high"]
    )


def test_each_use_has_its_reasons_its_figure_and_its_table(trained: Candidate) -> None:
    said = "\n".join(trained.decision.reasons)
    for use in (
        "Basket completion: complements is promoted",
        "New products: nothing",
        "Buy again: own",
        "New buyers: ",
    ):
        assert use in said
    short = [reason for reason in trained.decision.reasons if reason not in trained.decision.details]
    assert [reason.split(":")[0] for reason in short] == 3 * ["Basket completion"] + 2 * ["New products"]
    assert "is promoted" in short[0]
    assert "is better than" in short[1]
    assert "is asked for" in short[2]
    assert "nothing is promoted" in short[3]
    assert "better than" not in short[4]
    assert set(trained.figures) == {"basket_completion", "new_products", "buy_again", "new_buyers"}
    assert trained.card.count("| method | NDCG@10 |") == 4


@pytest.mark.parametrize("seed", [2, 3])
def test_where_nothing_was_planted_nothing_is_promoted(seed: int) -> None:
    found = model.train(gold(seed, complements=False), SETTINGS, seed=0)
    assert not found.decision.promote, found.decision.reasons
    assert found.params["serves_basket_completion"] == "bought_together"


def test_weights_that_were_not_learned_are_not_promoted(frames: Frames) -> None:
    shop = open_shop(frames, SETTINGS)
    worse = dict.fromkeys(complements.FEATURES, 0.0) | {"same_seller": -3.0}
    recipe = Recipe(model.SMALL_GRID[0], model.SMALL_GRID[0], worse)
    outcome = complete_baskets(shop, SETTINGS.test_start, SETTINGS.end, recipe, SETTINGS, seed=0)
    decision = judge(BASKET, outcome, COMPLEMENTS, seed=0)
    assert not decision.promote
    assert any("is worse than" in reason for reason in decision.reasons)


def test_a_rerun_gives_the_same_to_the_digit(trained: Candidate, frames: Frames, folder: Path) -> None:
    again = model.train(
        {name: rows.sample(frac=1, random_state=5) for name, rows in frames.items()}, SETTINGS, seed=0
    )
    assert (again.params, again.metrics, again.baselines) == (trained.params, trained.metrics, trained.baselines)
    assert again.decision == trained.decision
    assert dict(model.evaluate(folder, frames, SETTINGS)) == dict(trained.metrics)


def test_what_comes_after_the_reporting_date_changes_nothing(frames: Frames, trained: Candidate) -> None:
    lines = frames["fct_order_items"]
    late = lines.tail(300).assign(
        purchased_at=lambda rows: rows["purchased_at"] + pd.Timedelta(days=400),
        order_id=lambda rows: "later " + rows["order_id"],
        product_id=lambda rows: rows["product_id"].sample(frac=1, random_state=1).to_numpy(),
    )
    with_future = pd.concat([lines, late])
    found = model.train(
        {**frames, "fct_order_items": with_future, "interaction_matrix": matrix(with_future)}, SETTINGS, seed=0
    )
    assert (found.params, found.metrics) == (trained.params, trained.metrics)


def test_shuffling_the_test_window_changes_nothing_that_is_learned(frames: Frames, trained: Candidate) -> None:
    lines = frames["fct_order_items"].copy()
    late = (lines["purchased_at"].dt.tz_localize(None) >= SETTINGS.test_start).to_numpy()
    lines.loc[late, "product_id"] = lines.loc[late, "product_id"].sample(frac=1, random_state=1).to_numpy()
    lines = lines.drop_duplicates(["order_id", "product_id"])
    found = model.train({**frames, "fct_order_items": lines, "interaction_matrix": matrix(lines)}, SETTINGS, seed=0)
    for name, value in trained.params.items():
        if name.startswith(("weight_", "als_")):
            assert found.params[name] == value, name
    assert found.metrics[model.PRIMARY[0]] < trained.metrics[model.PRIMARY[0]] / 2


def test_generated_views_and_carts_count_for_nothing(frames: Frames, trained: Candidate) -> None:
    clicks = frames["interaction_matrix"].assign(views=7, carts=2)
    clicks["interaction_strength"] = clicks["views"] + 3 * clicks["carts"] + 5 * clicks["purchases"]
    given = {**frames, "interaction_matrix": clicks}
    assert model.train(given, SETTINGS, seed=0).metrics == trained.metrics
    observed = replace(SETTINGS, clickstream="observed")
    seen = model.train(given, observed, seed=0)
    assert seen.params["clickstream"] == "observed"
    assert "popular_in_own_categories" in seen.baselines


def test_one_product_is_hidden_at_a_time() -> None:
    past = pd.DataFrame({"user": ["a", "a", "b"], "item": ["x", "y", "z"], "weight": 1.0, "timestamp": [1, 1, 2]})
    later = pd.DataFrame(
        {
            "user": ["c", "c", "c", "d", "e", "e"],
            "item": ["x", "y", "new", "z", "x", "z"],
            "weight": 1.0,
            "timestamp": 9,
        }
    )
    queries, basket = basket_queries(split_pair(past, later))
    context, hidden = queries.histories.strengths.toarray(), queries.wanted.toarray()
    cases = sorted(zip(basket.tolist(), map(tuple, context.tolist()), map(tuple, hidden.tolist()), strict=True))
    assert cases == [
        (0, (0, 1, 0), (1, 0, 0)),
        (0, (1, 0, 0), (0, 1, 0)),
        (0, (1, 1, 0), (0, 0, 0)),  # Nobody could have listed a product that had never been sold.
        (1, (0, 0, 1), (1, 0, 0)),
        (1, (1, 0, 0), (0, 0, 1)),
    ]
    assert queries.relevant.tolist() == [1] * 5


def test_weights_are_those_that_were_planted() -> None:
    """Choices drawn from the model that is fitted: its weights are recovered."""
    random = np.random.default_rng(0)
    beta = np.linspace(-1.5, 1.5, len(complements.FEATURES))
    seen = []
    for _ in range(3_000):
        features = random.normal(size=(12, len(beta)))
        chosen = int(np.argmax(features @ beta + random.gumbel(size=12)))
        order = [chosen, *(place for place in range(12) if place != chosen)]
        seen.append(features[order])
    found = complements.learn(seen)
    assert np.array(list(found.values())) == pytest.approx(beta, abs=0.12)
    assert set(complements.learn([]).values()) == {0.0}


def test_features_by_hand() -> None:
    rows = [("o1", "a"), ("o1", "b"), ("o2", "a"), ("o2", "b"), ("o3", "c")]
    past = read(pd.DataFrame(rows, columns=["user", "item"]).assign(weight=1.0, timestamp=0))
    traits = pd.DataFrame(
        {
            "category": ["k", "k", None],
            "seller": ["s", "t", "s"],
            "price": [10.0, 10.0, np.nan],
            "weight_g": [100.0, 100.0, np.nan],
            "length_cm": [1.0, 2.0, np.nan],
            "height_cm": [1.0, 1.0, np.nan],
            "width_cm": [1.0, 1.0, np.nan],
            "description_length": [99.0, 199.0, np.nan],
            "name_length": [5.0, 5.0, np.nan],
            "photos_count": [1.0, 2.0, np.nan],
        },
        index=["a", "b", "c"],
    )
    catalogue = complements.Catalogue(past, traits)
    features = pd.DataFrame(catalogue.features(np.array([0]), np.array([1, 2])), columns=list(complements.FEATURES))
    b, c = features.iloc[0], features.iloc[1]
    assert b["log_orders"] == pytest.approx(np.log(2))
    assert (b["same_category"], b["same_seller"], b["bought_together"]) == (1, 0, 1)
    assert b["log_times_together"] == pytest.approx(np.log(3))
    assert (b["equal_measures"], b["log_price_apart"], b["same_name_length"], b["same_photos_count"]) == (
        0.75,
        0,
        1,
        0,
    )
    assert b["log_description_length_apart"] == pytest.approx(np.log(2))
    # What is not known is like nothing else.
    assert (c["same_category"], c["same_seller"], c["bought_together"], c["equal_measures"]) == (0, 1, 0, 0)
    assert (c["log_price_apart"], c["same_name_length"]) == (complements.APART_AT_MOST, 0)


def test_rows_fit_their_contracts(scored: Frames) -> None:
    assert set(scored) == set(model.WRITES)
    for name, rows in scored.items():
        contract = CONTRACTS[name]
        expected = [field for field in contract.schema if field.name not in {column.name for column in ORIGIN}]
        assert list(rows.columns) == [field.name for field in expected]
        table = pa.Table.from_pandas(rows, schema=pa.schema(expected), preserve_index=False)
        assert all(table[field.name].null_count == 0 for field in expected)
        assert not rows.duplicated(list(contract.key)).any()


def best_ten(rows: pd.DataFrame, key: str) -> None:
    """Ranks are 1, 2, ... without a gap, and no score is above the one before it."""
    rows = rows.sort_values([key, "rank"])
    assert (rows.groupby(key).cumcount() + 1 == rows["rank"]).all()
    assert (rows.groupby(key)["score"].diff().fillna(0) <= 0).all()


def test_everybody_is_offered_ten_new_products_that_are_there(scored: Frames, frames: Frames) -> None:
    offered = scored["product_recommendations"]
    assert offered.groupby("customer_unique_id").size().eq(10).all()
    assert set(offered["customer_unique_id"]) == set(frames["dim_customer"]["customer_unique_id"])
    best_ten(offered, "customer_unique_id")
    lines = frames["fct_order_items"]
    bought = lines[lines["is_revenue_order"]]
    assert offered.merge(bought, on=["customer_unique_id", "product_id"]).empty
    since = SETTINGS.end - pd.Timedelta(days=SETTINGS.available_days)
    assert set(offered["product_id"]) <= set(
        bought.loc[bought["purchased_at"].dt.tz_localize(None) >= since, "product_id"]
    )


def test_a_cold_start_says_what_it_is(frames: Frames, folder: Path) -> None:
    """Who has bought nothing is told what is popular in their state; whose order was canceled, of its category."""
    people = frames["dim_customer"]
    lines = frames["fct_order_items"]
    strangers = pd.DataFrame({"customer_unique_id": ["x1", "x2", "x3"], "state": ["SP", None, "SP"]})
    canceled = lines.iloc[[0]].assign(
        order_id="canceled", customer_unique_id="x3", is_revenue_order=False, product_id="p001"
    )
    given = {
        **frames,
        "dim_customer": pd.concat([people, strangers]),
        "fct_order_items": pd.concat([lines, canceled]),
    }
    rows = model.score(folder, given, SETTINGS)["product_recommendations"]
    first = rows[rows["rank"] == 1].set_index("customer_unique_id")["method"]
    assert first["x1"] == "popular_in_state"
    assert first["x2"] == "popular"
    assert first["x3"] == "popular_in_category_and_state"
    category = frames["dim_product"].set_index("product_id")["category"]
    mine = rows[(rows["customer_unique_id"] == "x3") & (rows["method"] == "popular_in_category_and_state")]
    assert set(category[mine["product_id"]]) == {category["p001"]}


@pytest.mark.parametrize("method", [ALS, COMPLEMENTS])
def test_a_promoted_method_comes_first_and_popularity_fills_up(method: str, frames: Frames, folder: Path) -> None:
    shop = open_shop(frames, SETTINGS)
    recipe, _, _ = model.read_recipe(folder)
    rows = scoring.product_recommendations(shop, Recommender.load(folder / model.FACTORS), recipe, method, SETTINGS)
    assert rows.groupby("customer_unique_id").size().eq(10).all()
    lines = frames["fct_order_items"]
    known = set(lines.loc[lines["is_revenue_order"], "customer_unique_id"])
    assert set(rows.loc[rows["method"] == method, "customer_unique_id"]) == known
    assert rows.merge(lines[lines["is_revenue_order"]], on=["customer_unique_id", "product_id"]).empty
    assert not rows.duplicated(["customer_unique_id", "product_id"]).any()


def test_what_was_bought_can_be_bought_again(scored: Frames, frames: Frames) -> None:
    lines = frames["fct_order_items"]
    bought = lines[lines["is_revenue_order"]].drop_duplicates(["customer_unique_id", "product_id"])
    again = scored["buy_again"]
    assert len(again.merge(bought, on=["customer_unique_id", "product_id"])) == len(again)
    best_ten(again, "customer_unique_id")


def test_what_is_bought_most_often_is_to_be_bought_again_first() -> None:
    given = gold()
    person = (
        given["fct_order_items"]
        .tail(6)
        .assign(
            customer_unique_id="zoe",
            order_id=[f"z{n}" for n in range(6)],
            is_revenue_order=True,
            product_id=["p001", "p002", "p002", "p003", "p001", "p001"],
        )
    )
    given["fct_order_items"] = pd.concat([given["fct_order_items"], person])
    rows = scoring.own_products(open_shop(given, SETTINGS), SETTINGS)
    assert rows.loc[rows["customer_unique_id"] == "zoe", "product_id"].tolist() == ["p001", "p002", "p003"]


def test_similar_products_are_what_was_planted(scored: Frames, frames: Frames) -> None:
    similar = scored["similar_products"]
    best_ten(similar, "product_id")
    assert (similar["product_id"] != similar["similar_product_id"]).all()
    assert set(similar["method"]) == {COMPLEMENTS}
    seller = frames["fct_order_items"].drop_duplicates("product_id").set_index("product_id")["seller_id"]
    first = similar[similar["rank"] == 1]
    same = seller[first["product_id"]].to_numpy() == seller[first["similar_product_id"]].to_numpy()
    assert same.mean() > 0.8


@pytest.mark.parametrize(
    ("table", "column", "value", "says"),
    [
        ("interaction_matrix", "customer_unique_id", None, "have no customer_unique_id"),
        ("interaction_matrix", "product_id", None, "have no product_id"),
        ("interaction_matrix", "interaction_strength", np.nan, "have no interaction_strength"),
        ("interaction_matrix", "interaction_strength", -5, "strength that is not above 0"),
        ("interaction_matrix", "interaction_strength", 6, "not views"),
        ("interaction_matrix", "views", -1, "fewer than no views"),
        ("fct_order_items", "product_id", None, "have no product_id"),
        ("fct_order_items", "purchased_at", None, "have no purchased_at"),
        ("fct_order_items", "is_revenue_order", False, "lines of revenue orders"),
    ],
)
def test_a_corrupted_table_is_refused_before_training(
    table: str, column: str, value: object, says: str, frames: Frames
) -> None:
    broken = frames[table].copy()
    place = int(np.flatnonzero(frames["fct_order_items"]["is_revenue_order"])[0])
    if value is None or value is np.nan:
        broken[column] = broken[column].astype(object)
    broken.loc[place, column] = value
    with pytest.raises(BadInput, match=says):
        model.train({**frames, table: broken}, SETTINGS, seed=0)


def test_doubled_pairs_no_purchases_and_a_short_history_are_refused(frames: Frames) -> None:
    rows = frames["interaction_matrix"]
    with pytest.raises(BadInput, match="repeat a person and product"):
        model.check({**frames, "interaction_matrix": pd.concat([rows, rows.head(1)])})
    with pytest.raises(BadInput, match="There are no purchases to learn from"):
        model.check({name: frame.iloc[:0] for name, frame in frames.items()})
    with pytest.raises(BadInput, match="there is none before the validation window"):
        model.train(frames, replace(SETTINGS, test_days=450), seed=0)


def test_nobody_comes_back_in_a_shop_of_single_orders(frames: Frames) -> None:
    """Uses without a case are said to have none; the others are judged all the same."""
    lines = frames["fct_order_items"].assign(customer_unique_id=lambda rows: "of " + rows["order_id"])
    people = pd.DataFrame({"customer_unique_id": lines["customer_unique_id"].unique(), "state": STATES[0]})
    given = {**frames, "fct_order_items": lines, "interaction_matrix": matrix(lines), "dim_customer": people}
    found = model.train(given, SETTINGS, seed=0)
    assert "Nobody in the test window." in found.card
    assert found.params["serves_basket_completion"] == COMPLEMENTS
    assert "new_products_ndcg_at_10" not in found.metrics


def test_a_history_that_is_handed_in_gets_what_its_owner_would_get(folder: Path, frames: Frames) -> None:
    bought = open_shop(frames, SETTINGS).purchases(None, SETTINGS.end)
    recommender = Recommender.load(folder / model.FACTORS)
    users = list(recommender.users[:20])
    theirs = bought[bought["user"].isin(users)]
    pd.testing.assert_frame_equal(recommender.recommend_for(theirs), recommender.recommend(users))


def test_items_that_were_never_met_are_passed_over(folder: Path, frames: Frames) -> None:
    bought = open_shop(frames, SETTINGS).purchases(None, SETTINGS.end).head(1)
    unknown = bought.assign(item="never met")
    recommender = Recommender.load(folder / model.FACTORS)
    assert recommender.recommend_for(unknown).empty
    both = pd.concat([bought, unknown])
    pd.testing.assert_frame_equal(recommender.recommend_for(both), recommender.recommend_for(bought))


def test_what_is_registered_takes_customers_baskets_and_views(
    folder: Path, trained: Candidate, scored: Frames
) -> None:
    answers = model.predict(folder, trained.example)
    rows = scored["product_recommendations"]
    batch = rows[rows["customer_unique_id"] == trained.example["customer_unique_id"][0]].sort_values("rank")
    told = answers[answers["question"] == 0]
    for column in ("customer_unique_id", "product_id", "rank", "score", "method"):
        assert list(told[column]) == list(batch[column])
    assert list(answers.groupby("question")["cold_start"].first()) == [False, True, False, False]
    assert list(answers.groupby("question").size()) == [10] * 4

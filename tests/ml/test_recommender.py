"""The recommender for any frame: oracles, laws, leakage, and what it refuses."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import ml.recommender
from ml.candidate import BadInput
from ml.recommender import AlsParams, baselines, evaluation, splits
from ml.recommender.als import factorise, fold_in
from ml.recommender.interactions import read
from ml.recommender.rankers import baskets, histories_of, rank
from ml.recommender.recommender import Recommender

SMALL = AlsParams(factors=6, regularization=0.1, alpha=1)
SIDE = 30
ONE = (SMALL,)


def frame(rows: list[tuple[Any, Any, float, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user", "item", "weight", "timestamp"])


def checkerboard(side: int = SIDE) -> pd.DataFrame:
    """User and item go together if both are even or both are odd; of each user one such item is missing."""
    pairs = [(u, i) for u in range(side) for i in range(side) if u % 2 == i % 2 and u != i]
    return frame([(u, i, 1.0, 100 + u + i) for u, i in pairs])


def tasteful(users: int = 120, items: int = 60, groups: int = 4, taste: float = 0.9, seed: int = 3) -> pd.DataFrame:
    """People of a few tastes, who pick mostly among the items of their own, at moments of 100 days."""
    random = np.random.default_rng(seed)
    popular = random.exponential(size=items)
    rows = []
    for user in range(users):
        weight = popular * np.where(np.arange(items) % groups == user % groups, 1, 1 - taste)
        picked = random.choice(items, 14, replace=False, p=weight / weight.sum())
        moments = random.integers(100 * 86_400, size=len(picked))
        rows += [(f"u{user:03}", f"i{item:03}", 1.0, int(at)) for item, at in zip(picked, moments, strict=True)]
    return frame(rows)


def test_the_one_missing_item_of_a_checkerboard_comes_first() -> None:
    model = ml.recommender.fit(checkerboard(), SMALL)
    lists = model.recommend(range(SIDE), 1)
    assert lists["item"].tolist() == list(range(SIDE))
    assert lists["rank"].eq(1).all()


def test_similar_items_of_a_checkerboard_are_of_the_same_colour() -> None:
    similar = ml.recommender.fit(checkerboard(), SMALL).similar(range(SIDE), SIDE // 2 - 1)
    assert (similar["user"] % 2 == similar["item"] % 2).all()
    assert (similar["user"] != similar["item"]).all()


def test_a_batch_is_told_what_each_is_told_alone() -> None:
    model = ml.recommender.fit(tasteful(), SMALL)
    some = model.users[:12]
    together = model.recommend(some, 5)
    alone = pd.concat([model.recommend([user], 5) for user in some], ignore_index=True)
    pd.testing.assert_frame_equal(together.drop(columns="score"), alone.drop(columns="score"))
    assert together["score"].to_numpy() == pytest.approx(alone["score"].to_numpy(), rel=1e-4)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ml.recommender.fit(tasteful(), SMALL)
    whole = model.recommend(model.users, 5)["item"].tolist()
    monkeypatch.setattr("ml.recommender.rankers.AT_ONCE", 7 * len(model.items))
    assert model.recommend(model.users, 5)["item"].tolist() == whole


def test_asking_for_more_items_than_there_are() -> None:
    model = ml.recommender.fit(checkerboard(6), SMALL)
    lists = model.recommend([0, 1], 100)
    assert lists.groupby("user")["item"].nunique().tolist() == [4, 4]
    assert len(model.recommend([0], 100, only_new=False)) == 6
    assert len(model.similar([0], 100)) == 5


def test_whoever_is_not_known_is_left_out() -> None:
    model = ml.recommender.fit(checkerboard(6), SMALL)
    assert model.recommend(["nobody"]).empty
    assert model.similar([99]).empty


@pytest.mark.parametrize("rows", [[("a", "x", 1.0, 0)], [("a", "x", 1.0, 0), ("a", "y", 1.0, 0)]])
def test_one_user_or_one_item(rows: list[tuple[Any, Any, float, int]]) -> None:
    model = ml.recommender.fit(frame(rows), SMALL)
    assert model.recommend(["a"]).empty
    assert len(model.recommend(["a"], only_new=False)) == len(rows)


def test_doubled_rows_add_up_and_their_order_does_not_matter() -> None:
    once = checkerboard(8)
    doubled = pd.concat([once, once]).sample(frac=1, random_state=1)
    twice = read(once.assign(weight=2.0)).strengths()
    assert (read(doubled).strengths() != twice).nnz == 0
    model = ml.recommender.fit(once, SMALL)
    assert (ml.recommender.fit(once.sample(frac=1, random_state=2), SMALL).item_factors == model.item_factors).all()


def test_pandas_and_arrow_times_and_seconds_are_the_same() -> None:
    rows = tasteful(20)
    times = rows.assign(timestamp=pd.to_datetime(rows["timestamp"], unit="s", utc=True))
    for other in (times, pa.Table.from_pandas(times), pa.Table.from_pandas(rows)):
        assert (read(other).time == read(rows).time).all()


def test_threads_and_reruns_change_no_digit() -> None:
    strengths = read(tasteful()).strengths()
    one = factorise(strengths, SMALL, seed=5, threads=1)
    for threads in (2, 3):
        assert (factorise(strengths, SMALL, seed=5, threads=threads) == one).all()
        folded = fold_in(one, strengths, SMALL, threads=threads)
        assert (folded == fold_in(one, strengths, SMALL, threads=1)).all()
    assert (factorise(strengths, SMALL, seed=6, threads=1) != one).any()


def test_a_user_folded_in_solves_the_equation_of_the_paper() -> None:
    params = AlsParams(factors=4, regularization=0.3, alpha=2)
    items = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    strengths = sparse.csr_matrix([[0, 2.0, 0, 1, 0, 0, 0, 3, 0], [0] * 9])
    confidence = np.diag(1 + 2 * strengths[0].toarray().ravel())
    preference = (strengths[0].toarray().ravel() > 0).astype(float)
    left = items.T @ confidence @ items + 0.3 * np.eye(4)
    expected = np.linalg.solve(left, items.T @ confidence @ preference)
    found = fold_in(items, strengths, params)
    assert found[0] == pytest.approx(expected, rel=1e-4)
    assert (found[1] == 0).all()


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    model = ml.recommender.fit(tasteful(), SMALL)
    model.save(tmp_path)
    back = Recommender.load(tmp_path)
    pd.testing.assert_frame_equal(back.recommend(model.users), model.recommend(model.users))
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz", ".parquet"}


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("user", None, "1 of 14 interactions have no user"),
        ("item", None, "1 of 14 interactions have no item"),
        ("weight", None, "1 of 14 interactions have no weight"),
        ("timestamp", None, "1 of 14 interactions have no timestamp"),
        ("weight", -1.0, "1 of 14 weights are not numbers above 0"),
        ("weight", 0.0, "1 of 14 weights are not numbers above 0"),
        ("weight", np.inf, "1 of 14 weights are not numbers above 0"),
    ],
)
def test_a_corrupted_matrix_is_refused(column: str, value: object, says: str) -> None:
    rows = tasteful(1).astype({column: object})
    rows.loc[3, column] = value
    with pytest.raises(BadInput, match=says):
        ml.recommender.fit(rows)


def test_an_empty_frame_and_one_without_a_column_are_refused() -> None:
    with pytest.raises(BadInput, match="There are no interactions"):
        ml.recommender.fit(tasteful().iloc[:0])
    with pytest.raises(BadInput, match="The interactions lack weight, timestamp"):
        ml.recommender.fit(tasteful()[["user", "item"]])


def test_a_split_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(BadInput, match="nothing to test on"):
        ml.recommender.evaluate(tasteful(), split=datetime(2000, 1, 1))
    with pytest.raises(BadInput, match="nothing to learn from"):
        ml.recommender.evaluate(tasteful(), split=datetime(1960, 1, 1))


@pytest.fixture(scope="module")
def evaluated() -> ml.recommender.Evaluation:
    rows = tasteful(400)
    taste = {f"i{item:03}": f"c{item % 2}" for item in range(60)}
    return ml.recommender.evaluate(rows, categories=taste, grid=(*ONE, AlsParams(factors=6, regularization=1000)))


def test_planted_tastes_are_found(evaluated: ml.recommender.Evaluation) -> None:
    assert evaluated.params == SMALL  # So much regularization leaves nothing of anything.
    # Neighbours do better where tastes are as plain as these; so the gate says no.
    for name in ("random", "popularity", "recent_popularity", "bought_together", "popular_in_own_categories"):
        assert evaluated.value("als", "ndcg_at_10") > 1.2 * evaluated.value(name, "ndcg_at_10"), name
    assert not evaluated.decision.promote
    assert any("is worse than that of item_knn" in reason for reason in evaluated.decision.reasons)


def test_every_metric_has_its_interval(evaluated: ml.recommender.Evaluation) -> None:
    table = evaluated.table.dropna(subset=["low"])
    assert set(table["metric"]) == {f"{name}_at_10" for name in ("precision", "recall", "ndcg", "map")}
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    assert set(evaluated.table["group"]) >= {"returning", "repeat"}


@pytest.mark.parametrize("seed", range(3))
def test_without_taste_nothing_is_promoted(seed: int) -> None:
    found = ml.recommender.evaluate(tasteful(taste=0.0, seed=seed), grid=ONE)
    assert not found.decision.promote


def test_a_random_and_a_worse_model_are_not_promoted() -> None:
    parts = splits.split_at(tasteful(), 0.8)
    queries = evaluation.people(parts, repeats=False).known
    rankers = dict(baselines.general(parts.train, seed=1))
    rankers["worse"] = lambda who: -rankers["popularity"](who)
    lists = evaluation.measure(queries, rankers, 10)
    for name in ("random", "worse"):
        decision = evaluation.beats_all(lists, name, seed=0)
        assert not decision.promote
        (decisive,) = set(decision.reasons) - set(decision.details)
        assert "worse than" in decisive


def test_a_pair_of_frames_is_taken_as_given() -> None:
    rows = tasteful(80)
    late = rows["timestamp"] >= 80 * 86_400
    by_time = ml.recommender.evaluate(rows, split=datetime(1970, 3, 22), grid=ONE)
    by_pair = ml.recommender.evaluate(rows[~late], test=rows[late], grid=ONE)
    pd.testing.assert_frame_equal(by_time.table, by_pair.table)


def test_new_users_and_new_items() -> None:
    """Somebody new gets what is popular; an item that is new cannot be found, and counts as missed."""
    train = frame([("ana", "lamp", 1, 0), ("bia", "lamp", 1, 1), ("bia", "rug", 1, 2)])
    test = frame([("eva", "lamp", 1, 9), ("ana", "rug", 1, 9), ("ana", "vase", 1, 9), ("bia", "lamp", 1, 9)])
    found = ml.recommender.evaluate(train, test=test, k=2, grid=ONE)
    assert found.value("popularity", "ndcg_at_2", "new") == 1.0
    # Of two that ana wanted, the one that was known is listed first; bia had the lamp before.
    assert found.value("popularity", "recall_at_2") == 0.5
    cases = found.table.set_index(["method", "group", "metric"])["cases"]
    assert cases["popularity", "returning", "ndcg_at_2"] == 1
    assert cases["popularity", "one_time", "ndcg_at_2"] == 1


def test_repeats_count_where_they_are_asked_for() -> None:
    rows = frame([("ana", "lamp", 1, 0), ("bia", "rug", 1, 1), ("bia", "vase", 1, 2)])
    found = ml.recommender.evaluate(rows, test=frame([("ana", "lamp", 1, 9)]), repeats=True, grid=ONE)
    assert found.value("recently_seen", "ndcg_at_10") == 1.0


def test_shuffling_the_future_changes_nothing_that_is_listed() -> None:
    rows = tasteful()
    parts = splits.split_at(rows, 0.7)
    late = parts.test.frame()
    shuffled = late.assign(item=late["item"].sample(frac=1, random_state=9).to_numpy())
    others = splits.split_pair(parts.train.frame(), shuffled)
    for some in (parts, others):
        assert evaluation.search(splits.window_before(some), (*ONE, AlsParams(4)), 5, False, 0) in (
            *ONE,
            AlsParams(4),
        )
    rankers = [
        {"als": ml.recommender.fit(some.train.frame(), SMALL).score, **baselines.general(some.train, 1)}
        for some in (parts, others)
    ]
    everybody = histories_of(parts.train)
    for name, ranker in rankers[0].items():
        one, other = (rank(each, everybody, 5, everybody.strengths).places for each in (ranker, rankers[1][name]))
        assert (one == other).all(), name


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=25))
@settings(max_examples=30, deadline=None)
def test_any_frame_is_ranked_without_what_was_seen(rows: list[tuple[int, int, int]]) -> None:
    past = read(frame([(user, item, 1.0, day * 86_400) for user, item, day in rows]))
    who = histories_of(past)
    rankers = {"als": ml.recommender.fit(past.frame(), AlsParams(2)).score, **baselines.general(past, 0)}
    for ranker in rankers.values():
        places = rank(ranker, who, 3, who.strengths).places
        for user, listed in enumerate(places):
            listed = listed[listed >= 0]
            assert len(set(listed)) == len(listed) == min(3, len(past.items) - who.strengths[user].nnz)
            assert not set(listed) & set(who.strengths[user].indices)


SHOP = frame(
    [
        ("ana", "lamp", 1, 0),
        ("ana", "bulb", 1, 0),
        ("bia", "lamp", 1, 86_400),
        ("bia", "bulb", 1, 86_400),
        ("bia", "vase", 1, 3 * 86_400),
        ("eva", "lamp", 1, 40 * 86_400),
        ("gil", "rug", 1, 60 * 86_400),
        ("leo", "rug", 1, 60 * 86_400),
    ]
)
ITEMS = ["bulb", "lamp", "rug", "vase"]


def scores(ranker: baselines.Ranker, *items: str) -> list[float]:
    content = sparse.csr_matrix([[float(name in items) for name in ITEMS]])
    return list(ranker(baskets(content))[0])


def test_baselines_by_hand() -> None:
    past = read(SHOP)
    assert list(past.items) == ITEMS
    assert scores(baselines.popularity(past)) == [2, 3, 2, 1]
    # Sixty days are two half-lives, twenty are two thirds of one.
    recent = [2**-2 + 2 ** (-59 / 30), 2**-2 + 2 ** (-59 / 30) + 2 ** (-2 / 3), 2, 2 ** (-57 / 30)]
    assert scores(baselines.recent_popularity(past)) == pytest.approx(recent)
    cosine = [2 / np.sqrt(6), 0, 0, 1 / np.sqrt(3)]
    assert scores(baselines.item_knn(past), "lamp") == pytest.approx(cosine, abs=1e-5)
    # Of three days with the lamp two had the bulb; the vase came another day.
    assert scores(baselines.bought_together(past), "lamp") == pytest.approx([2 / 3, 0, 0, 0], abs=1e-5)
    category = pd.Series({"lamp": "light", "bulb": "light", "vase": "home"})
    inside = baselines.popular_in_categories(past, category, recent=False)
    assert scores(inside, "bulb") == pytest.approx([2, 3, 0, 0], abs=1e-5)


def test_popular_in_ones_own_state_and_beyond() -> None:
    past = read(SHOP)
    state = np.array([0, 0, 0, 1, 1])  # Of ana, bia, eva, gil and leo.
    ranker = baselines.popular_in_segment(past, state)
    nothing = baskets(sparse.csr_matrix((3, 4)))._replace(segment=np.array([0, 1, -1]))
    places = rank(ranker, nothing, 2, None).places
    assert [ITEMS[row[0]] for row in places] == ["lamp", "rug", "rug"]


def test_what_was_seen_last_comes_first() -> None:
    past = read(frame([("ana", "lamp", 1, 0), ("ana", "rug", 1, 5), ("ana", "lamp", 1, 9), ("bia", "vase", 9, 9)]))
    who = histories_of(past)
    assert rank(baselines.recently_seen(past), who, 2, None).places[0].tolist() == [0, 1]
    # Twice the lamp is more than once the rug, however late; of equal ones the last.
    assert rank(baselines.own_history(past), who, 2, None).places[0].tolist() == [0, 1]

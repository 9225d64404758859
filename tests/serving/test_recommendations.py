"""One person, product, basket or visitor at a time gets what the tables would say, whatever method serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ml.recommender.als import FoldIn, fold_in
from ml.recommender.complements import CONTEXT
from ml.recommender.rankers import baskets, rank
from ml.recommender.uses import ALS, BASKET, COMPLEMENTS, NEW_PRODUCTS, OTHERWISE
from ml.serving import arrays
from ml.serving.recommendations import Offer, Recommendations
from tests.serving.shop import PARAMS, Scored, scored

Frames = Mapping[str, pd.DataFrame]
TOGETHER, POPULAR = OTHERWISE[BASKET], OTHERWISE[NEW_PRODUCTS]


def same(offers: list[Offer] | None, rows: pd.DataFrame, product: str = "product_id") -> None:
    assert offers is not None
    assert [offer.product_id for offer in offers] == list(rows[product])
    assert [offer.rank for offer in offers] == list(rows["rank"])
    assert [offer.score for offer in offers] == pytest.approx(list(rows["score"]), rel=1e-5)
    if "method" in rows:
        assert [offer.method for offer in offers] == list(rows["method"])


def by(rows: pd.DataFrame, key: str) -> dict[str, pd.DataFrame]:
    return {str(name): part for name, part in rows.sort_values([key, "rank"]).groupby(key)}


def observed(frames: Frames) -> Frames:
    """The shop with views that count: one of a product that was never sold, one by somebody who never bought."""
    shop = frames["interaction_matrix"]
    products, people = frames["dim_product"], frames["dim_customer"]
    more = products.iloc[[0]].assign(product_id="p never sold", category="k1")
    visitor = people.iloc[[0]].assign(customer_unique_id="c who looks")
    views = shop.iloc[[0, 1, 2]].assign(
        customer_unique_id=["c who looks", "c0001", "c0002"],
        product_id=["p003", "p never sold", "p never sold"],
        **{"views": 2, "carts": 1, "purchases": 0, "interaction_strength": 5},
    )
    return {
        **frames,
        "interaction_matrix": pd.concat([shop, views], ignore_index=True),
        "dim_product": pd.concat([products, more], ignore_index=True),
        "dim_customer": pd.concat([people, visitor], ignore_index=True),
    }


@pytest.mark.parametrize(
    ("basket", "new_products", "clickstream"),
    [
        (COMPLEMENTS, POPULAR, "generated"),
        pytest.param(TOGETHER, COMPLEMENTS, "generated", marks=pytest.mark.slow),
        pytest.param(ALS, ALS, "generated", marks=pytest.mark.slow),
        pytest.param(COMPLEMENTS, ALS, "observed", marks=pytest.mark.slow),
        pytest.param(TOGETHER, POPULAR, "observed", marks=pytest.mark.slow),
    ],
)
def test_everybody_and_every_product_is_answered_as_in_the_tables(
    basket: str, new_products: str, clickstream: str, frames: Frames, tmp_path: Path
) -> None:
    found = scored(observed(frames) if clickstream == "observed" else frames, basket, new_products, clickstream)
    arrays.write(tmp_path / "online.npz", found.online)
    lists = Recommendations(arrays.read(tmp_path / "online.npz"))
    recommended, again, similar = (
        by(found.tables[name], key)
        for name, key in (
            ("product_recommendations", "customer_unique_id"),
            ("buy_again", "customer_unique_id"),
            ("similar_products", "product_id"),
        )
    )
    assert len(recommended) >= 900
    for person in found.shop.state.index:
        same(lists.of_customer(person), recommended[person])
        same(lists.again(person), again.get(person, found.tables["buy_again"].head(0)))
    for product in found.shop.products.index:
        if product in similar:
            same(lists.similar(product), similar[product], "similar_product_id")
        else:
            assert lists.similar(product) is None


def test_a_basket_of_several_is_ranked_as_in_batch(small: Scored) -> None:
    found = Recommendations(small.online)
    offers = found.with_basket(["p003", "p010", "never met"])
    assert offers is not None
    assert len(offers) == 10
    assert {offer.method for offer in offers} == {COMPLEMENTS}
    assert not {"p003", "p010"} & {offer.product_id for offer in offers}
    assert offers == found.with_basket(["p010", "p003", "p010"])
    assert found.with_basket(["never met"]) is None


def test_of_more_products_than_are_looked_at_the_last_count(frames: Frames) -> None:
    found = scored(frames, COMPLEMENTS, COMPLEMENTS)
    lists = Recommendations(found.online)
    first, *others = sorted(found.tables["similar_products"]["product_id"].unique())[: CONTEXT + 1]

    def with_views(products: list[str]) -> list[Offer] | None:
        return lists.after_views(products, None)

    for ask in (lists.with_basket, with_views):

        def best(
            products: list[str], ask: Callable[[list[str]], list[Offer] | None] = ask
        ) -> list[tuple[str, float]]:
            return [(name, score) for name, _, score, _ in ask(products) or () if name != first][:9]

        assert best([first, *others]) == best(others)
        assert best([*others, first]) == best([*others[1:], first])
        assert best([first, *others, first]) == best([*others, first]) != best(others)


def test_views_of_a_stranger_ask_for_what_is_popular_in_their_categories(small: Scored) -> None:
    lists = Recommendations(small.online)
    category = small.shop.products["category"]
    viewed = [str(name) for name in category[category == "k2"].index[:2]]
    offers = lists.after_views(viewed, "RJ")
    assert offers is not None
    assert not set(viewed) & {offer.product_id for offer in offers}
    in_category = [category[offer.product_id] == "k2" for offer in offers]
    assert in_category[0]
    assert in_category == sorted(in_category, reverse=True)
    assert {offer.method for offer in offers} <= {"popular_in_category_and_state", "popular_in_state"}
    assert offers != lists.after_views(viewed, "SP")
    without = lists.after_views(viewed, None)
    assert without is not None
    assert {offer.method for offer in without} <= {"popular_in_category", "popular"}


@pytest.mark.parametrize("method", [ALS, COMPLEMENTS])
def test_views_of_a_stranger_are_folded_in_where_a_learned_method_serves_people(method: str, frames: Frames) -> None:
    found = scored(frames, COMPLEMENTS, method)
    offers = Recommendations(found.online).after_views(["p003", "p010"], "SP")
    assert offers is not None
    assert [offer.method for offer in offers] == [method] * 10
    assert not {"p003", "p010"} & {offer.product_id for offer in offers}
    if method == ALS:
        model = found.model
        row = np.zeros((1, len(model.items)))
        row[0, model.items.get_indexer(["p003", "p010"])] = 1
        who = baskets(sparse.csr_matrix(row))
        allowed = pd.Index([offer.product_id for offer in offers])
        batch = rank(model.score, who, len(model.items), who.strengths).places[0]
        named = [name for name in model.items[batch[batch >= 0]] if name in allowed]
        assert named == list(allowed)


def test_strangers_get_what_is_popular_where_they_are(small: Scored) -> None:
    lists = Recommendations(small.online)
    for state, method in (("SP", "popular_in_state"), (None, "popular")):
        offers = lists.of_stranger(state)
        assert [offer.method for offer in offers] == [method] * 10
    assert lists.of_customer("nobody") is None
    assert lists.again("nobody") == []


def test_one_history_is_folded_in_as_many_are(small: Scored) -> None:
    model = small.model
    fold = FoldIn(model.item_factors, PARAMS)
    together = fold_in(model.item_factors, model.strengths, PARAMS) @ model.item_factors.T
    for row in range(0, len(model.users), 90):
        part = slice(model.strengths.indptr[row], model.strengths.indptr[row + 1])
        alone = fold.scores(model.strengths.indices[part], model.strengths.data[part])
        assert alone.ravel() == pytest.approx(together[row], rel=1e-4, abs=1e-6)


def test_the_same_state_gives_the_same_bytes_and_a_damaged_file_is_refused(small: Scored, tmp_path: Path) -> None:
    for name in ("one", "two"):
        arrays.write(tmp_path / name, small.online)
    content = (tmp_path / "one").read_bytes()
    assert content == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    (tmp_path / "one").write_bytes(content[: len(content) // 2])
    with (tmp_path / "two").open("wb") as stream:
        np.save(stream, np.arange(3))
    for name in ("one", "two"):
        with pytest.raises(ValueError, match=f"{name} is damaged"):
            arrays.read(tmp_path / name)


def test_files_that_belong_together_are_all_written_or_none(small: Scored, tmp_path: Path) -> None:
    broken = arrays.Online({}, {"people": np.array([None])})
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        arrays.write_together({tmp_path / "one.npz": small.online, tmp_path / "two.npz": broken})
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_needs_a_pickle_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        arrays.write(tmp_path / "x.npz", arrays.Online({}, {"people": np.array([None])}))
    assert list(tmp_path.iterdir()) == []

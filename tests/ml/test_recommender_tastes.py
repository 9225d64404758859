"""The tastes that the generator plants are found, and are worth something; without them nothing is promoted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

import ml.recommender
from ml.recommender import AlsParams, baselines, evaluation, splits
from ml.recommender.rankers import Histories
from tests.ml.recommender_tastes import Tasteful, draw

pytestmark = pytest.mark.slow

GRID = (AlsParams(32, 0.1, 1), AlsParams(64, 30, 3))


@pytest.fixture(scope="module")
def shop() -> Tasteful:
    return draw(people=2_000, products=300, views=30, strength=0.75, seed=4)


@pytest.fixture(scope="module")
def found(shop: Tasteful) -> ml.recommender.Evaluation:
    return ml.recommender.evaluate(shop.frame, categories=shop.category, grid=GRID)


def test_planted_tastes_beat_popularity_in_ones_categories(found: ml.recommender.Evaluation) -> None:
    """Styles and price levels are in no column: only what people do together tells."""
    assert found.decision.promote, found.decision.reasons
    assert found.value("als", "ndcg_at_10") > 1.2 * found.value("popular_in_own_categories", "ndcg_at_10")
    assert found.value("als", "ndcg_at_10") > 1.2 * found.value("recently_seen", "ndcg_at_10")


def test_nobody_does_better_than_the_oracle(shop: Tasteful, found: ml.recommender.Evaluation) -> None:
    parts = splits.split_at(shop.frame, 0.8)
    queries = evaluation.people(parts, repeats=False).known
    person = np.array([int(user[1:]) for user in parts.test.users])
    item = np.array([int(name[1:]) for name in parts.train.items])
    asked = np.flatnonzero(np.isin(parts.test.users, parts.train.users))
    assert len(asked) == len(person)
    # The rows of the queries, by number of the person.
    segment = person[_rows(parts)]

    def oracle(who: Histories) -> np.ndarray:
        return shop.chance[who.segment][:, item]

    named = queries._replace(histories=queries.histories._replace(segment=segment))
    best = evaluation.measure(named, {"oracle": oracle}, 10)["oracle"].ndcg().mean()
    assert 0.5 * best < found.value("als", "ndcg_at_10") < best


def test_scores_rank_products_as_tastes_do(shop: Tasteful, found: ml.recommender.Evaluation) -> None:
    """Mean rank correlation of a person's scores and chances; popularity alone has less."""
    model = ml.recommender.fit(shop.frame, found.params)
    item = np.array([int(name[1:]) for name in model.items])
    scores = model.item_factors
    people = ml.recommender.recommender.fold_in(scores, model.strengths, model.params)
    popular = np.asarray((model.strengths > 0).sum(axis=0)).ravel()
    numbers = range(0, len(model.users), 20)
    own = [spearmanr(people[row] @ scores.T, shop.chance[row, item]).statistic for row in numbers]
    same = [spearmanr(popular, shop.chance[row, item]).statistic for row in numbers]
    assert np.mean(own) > 0.45
    assert np.mean(own) > np.mean(same) + 0.2


@pytest.mark.parametrize("seed", [1, 2])
def test_without_planted_taste_nothing_is_promoted(seed: int, shop: Tasteful) -> None:
    """The same views dealt out anew: as popular as before, nobody's own."""
    items = shop.frame["item"].sample(frac=1, random_state=seed).to_numpy()
    found = ml.recommender.evaluate(shop.frame.assign(item=items), categories=shop.category, grid=GRID[:1])
    assert not found.decision.promote
    assert baselines.IMPERSONAL[1] == "popularity"
    assert found.value("als", "ndcg_at_10") <= found.value("popularity", "ndcg_at_10")


def _rows(parts: splits.Split) -> np.ndarray:
    """Positions of the known users who have a query."""
    seen = set(zip(parts.train.user.tolist(), parts.train.item.tolist(), strict=True))
    later = zip(parts.test.user.tolist(), parts.test.item.tolist(), strict=True)
    return np.unique([user for user, item in later if (user, item) not in seen])

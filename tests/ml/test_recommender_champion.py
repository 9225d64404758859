"""When a champion of the recommender gives way: each use is compared, and what serves has to pass its gate anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from ml.candidate import Candidate
from ml.gate import IF_ADMITTED, Champion, judge
from ml.recommender import AlsParams, model
from ml.recommender.uses import ALS, BASKET, COMPLEMENTS, NEW_PRODUCTS, OTHERWISE
from tests.ml.recommender_shop import SETTINGS, gold, matrix, tasteful

pytestmark = pytest.mark.slow

Frames = Mapping[str, pd.DataFrame]
BASKETS, PEOPLE = (f"{use}_ndcg_at_10{IF_ADMITTED}" for use in (BASKET, NEW_PRODUCTS))


@pytest.fixture(scope="module")
def frames() -> Frames:
    return tasteful()


@pytest.fixture(scope="module")
def candidate(frames: Frames) -> Candidate:
    """Nothing that was learned completes baskets, and ALS serves new products."""
    found = model.train(frames, SETTINGS, seed=0)
    assert found.decision.promote
    assert found.params["serves_basket_completion"] == OTHERWISE[BASKET]
    assert found.params["serves_new_products"] == ALS
    return found


@pytest.fixture
def folder(candidate: Candidate, tmp_path: Path) -> Path:
    candidate.save(tmp_path)
    return tmp_path


def older(folder: Path, params: AlsParams, **served: str) -> None:
    """Let what was saved be of an older version, which chose other parameters and methods."""
    path = folder / model.RECIPE
    recipe = json.loads(path.read_text())
    path.write_text(json.dumps({**recipe, "people": params.as_dict(), "served": recipe["served"] | served}))


def champion(folder: Path, frames: Frames) -> Champion:
    return Champion(1, model.evaluate(folder, frames, SETTINGS))


@pytest.mark.parametrize(
    ("params", "served", "is_admitted"),
    [
        (AlsParams(factors=32, regularization=10, alpha=1, iterations=8), ALS, True),
        (AlsParams(factors=32, regularization=0.1, alpha=1), ALS, False),
        (AlsParams(factors=32, regularization=0.1, alpha=1), OTHERWISE[NEW_PRODUCTS], True),
    ],
)
def test_who_is_better_for_people_replaces_a_champion_that_completes_baskets_as_well(
    params: AlsParams, served: str, is_admitted: bool, candidate: Candidate, folder: Path, frames: Frames
) -> None:
    older(folder, params, new_products=served)
    there = champion(folder, frames)
    assert there.metrics[BASKETS] == candidate.metrics[BASKETS]
    assert (PEOPLE in there.metrics) == is_admitted
    assert there.metrics["new_products_ndcg_at_10"] < candidate.metrics["new_products_ndcg_at_10"]
    verdict = judge(candidate, model.PRIMARY, there)
    assert verdict.promote, verdict.reasons[-1]
    assert ("None: what it serves does not pass the gate" in verdict.reasons[-1]) == (not is_admitted)


def test_who_is_as_good_in_each_use_does_not(candidate: Candidate, folder: Path, frames: Frames) -> None:
    there = champion(folder, frames)
    assert dict(there.metrics) == dict(candidate.metrics)
    assert {BASKETS, PEOPLE} <= there.metrics.keys()
    assert not judge(candidate, model.PRIMARY, there).promote


def test_a_champion_that_fell_below_its_baselines_gives_way_to_them(tmp_path: Path) -> None:
    """Products go together no longer, and nothing that is learned anew is worth it."""
    model.train(gold(), SETTINGS, seed=0).save(tmp_path)
    assert model.read_recipe(tmp_path)[1][BASKET] == COMPLEMENTS
    changed = gold(2, complements=False)
    there = champion(tmp_path, changed)
    assert BASKETS not in there.metrics
    assert PEOPLE in there.metrics
    candidate = model.train(changed, SETTINGS, seed=0)
    assert not candidate.decision.promote
    verdict = judge(candidate, model.PRIMARY, there)
    assert verdict.promote, verdict.reasons[-1]
    assert not judge(candidate, model.PRIMARY, None).promote
    candidate.save(tmp_path / "next")
    assert not judge(candidate, model.PRIMARY, champion(tmp_path / "next", changed)).promote


def test_what_came_after_the_training_is_recommended_too(folder: Path, frames: Frames) -> None:
    """However long a champion stays: its parameters are kept, its factors are of what is known when it scores."""
    lines = frames["fct_order_items"]
    bought = lines[lines["customer_unique_id"].str.startswith("u")]
    liked = bought["product_id"].value_counts().index[0]
    some = bought[(bought["product_id"] == liked) & (bought["purchased_at"].dt.tz_localize(None) < SETTINGS.end)]
    new = some.iloc[::2].assign(product_id="new", order_id=lambda rows: "new " + rows["order_id"])
    both = pd.concat([lines, new], ignore_index=True)
    rows = model.score(folder, {**frames, "fct_order_items": both, "interaction_matrix": matrix(both)}, SETTINGS)
    told = rows["product_recommendations"]
    of_new = told[told["product_id"] == "new"]
    assert (of_new["method"] == ALS).any()

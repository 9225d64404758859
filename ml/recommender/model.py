"""The recommender as the registry sees it: train, evaluate, score."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ml.candidate import Candidate, Decision
from ml.gate import IF_ADMITTED
from ml.recommender import scoring, shop
from ml.recommender.als import AlsParams
from ml.recommender.card import card, figures
from ml.recommender.evaluation import GRID, best_of, people
from ml.recommender.recommender import Recommender, fit, fit_interactions
from ml.recommender.shop import Settings, check_history, open_shop
from ml.recommender.splits import split_pair
from ml.recommender.uses import (
    ALS,
    BASKET,
    BUY_AGAIN,
    LEARNED,
    NEW_BUYERS,
    NEW_PRODUCTS,
    OTHERWISE,
    Outcome,
    Recipe,
    basket_queries,
    buy_again,
    complete_baskets,
    greet_new_buyers,
    judge,
    offer_new_products,
    weights_before,
)
from ml.serving import arrays, pyfunc_rows, recommendations
from ml.serving.arrays import Online

NAME = "recommender"
READS = shop.READS
WRITES = ("product_recommendations", "buy_again", "similar_products")
PRIMARY = (f"{BASKET}_ndcg_at_10", True)
"""What is shown of it. A champion is compared by the same metric of each use that something learned may serve."""

check = shop.check

SMALL_GRID = GRID[:6]
"""What is tried for baskets and people of a shop."""
RECIPE, FACTORS = "recipe.json", "als"

__all__ = [
    "NAME",
    "PRIMARY",
    "READS",
    "WRITES",
    "Settings",
    "check",
    "evaluate",
    "online",
    "predict",
    "score",
    "train",
]


def train(frames: Mapping[str, pd.DataFrame], settings: Settings, seed: int) -> Candidate:
    """Choose parameters and methods in the validation window, judge each use in the test window, then fit on all.

    Args:
        frames: the tables of :data:`READS`.
        seed: of factors, samples and intervals.

    Returns:
        A candidate that is worth promoting if something learned serves at least one use. Its metrics are those of
        what serves each use, with the use before the metric: ``basket_completion_ndcg_at_10``. What serves a use that
        something learned may serve is admitted: it passed its gate, or is what serves otherwise.

    Raises:
        BadInput: if the frames cannot be learned from.
    """
    check(frames)
    known = open_shop(frames, settings)
    check_history(known, settings)
    chosen, contenders = choose(known, settings, seed)
    start, end = settings.test_start, settings.end
    recipe = Recipe(chosen.people, chosen.baskets, weights_before(known, start, settings, seed))
    outcomes = in_window(known, start, end, recipe, settings, seed)
    decisions = {use: judge(use, outcomes[use], contenders[use], seed) for use in LEARNED}
    served = OTHERWISE | {use: contenders[use] for use, decision in decisions.items() if decision.promote}
    tables = pd.concat([outcome.table(use, seed) for use, outcome in outcomes.items()], ignore_index=True)
    model = fit(known.purchases(None, end), recipe.people, seed=seed)
    decision = overall(decisions, contenders, outcomes)

    def save(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        model.save(folder / FACTORS)
        content = {
            "people": recipe.people.as_dict(),
            "baskets": recipe.baskets.as_dict(),
            "weights": dict(recipe.weights),
            "served": served,
            "seed": seed,
        }
        (folder / RECIPE).write_text(json.dumps(content, indent=1, sort_keys=True))
        arrays.write(folder / arrays.ONLINE, recommendations.online(known, model, recipe, served, settings, seed))

    return Candidate(
        method=served[BASKET],
        params=_params(recipe, served, settings, seed),
        metrics=_served_metrics(tables, served, LEARNED),
        baselines=_baselines(tables, served),
        decision=decision,
        figures=figures(tables, served),
        card=card(tables, served, recipe, decision, settings),
        save=save,
        example=questions(known, settings),
    )


def evaluate(folder: Path, frames: Mapping[str, pd.DataFrame], settings: Settings) -> Mapping[str, float]:
    """The metrics of a saved model in the test window of these frames.

    Parameters, weights and what serves each use are the saved ones. Counts and factors are of what was known before
    this window, because the saved ones know what came in it. What was learned has to pass its gate in this window
    too, or the use lacks the metric of :data:`ml.gate.IF_ADMITTED`.
    """
    recipe, served, seed = read_recipe(folder)
    known = open_shop(frames, settings)
    check_history(known, settings)
    outcomes = in_window(known, settings.test_start, settings.end, recipe, settings, seed)
    tables = pd.concat([outcome.table(use, seed) for use, outcome in outcomes.items()], ignore_index=True)
    admitted = [
        use
        for use in LEARNED
        if served[use] == OTHERWISE[use] or judge(use, outcomes[use], served[use], seed).promote
    ]
    return _served_metrics(tables, served, admitted)


def score(folder: Path, frames: Mapping[str, pd.DataFrame], settings: Settings) -> Mapping[str, pd.DataFrame]:
    """The rows of each table in :data:`WRITES`, from what was known at the end of the reporting date."""
    recipe, served, seed = read_recipe(folder)
    known = open_shop(frames, settings)
    model = _factors(folder, known, settings)
    return {
        "product_recommendations": scoring.product_recommendations(
            known, model, recipe, served[NEW_PRODUCTS], settings
        ),
        "buy_again": scoring.own_products(known, settings),
        "similar_products": scoring.similar_products(known, recipe, served[BASKET], settings, seed),
    }


def online(
    folder: Path, frames: Mapping[str, pd.DataFrame], settings: Settings, rows: Mapping[str, pd.DataFrame]
) -> Online:
    """What single requests are answered from; not from the rows, but by the code that they come from."""
    recipe, served, seed = read_recipe(folder)
    known = open_shop(frames, settings)
    return recommendations.online(known, _factors(folder, known, settings), recipe, served, settings, seed)


def predict(folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Lists for people, baskets and views, as of the training: :meth:`ml.serving.core.Service.score`, a row each.

    Args:
        folder: what a candidate saved.
        rows: ``customer_unique_id``, or else ``basket`` or ``views`` (lists of product ids) and ``state``; null, or
            no column, where there is none. A row of nulls is a stranger.

    Returns:
        A row per question and product: ``question`` (its place, from 0), ``customer_unique_id``, ``product_id``,
        ``rank``, ``score``, ``method`` and ``cold_start``.

    Raises:
        BadQuestion: a row asks for what cannot be answered.
    """
    return pyfunc_rows.recommended(folder / arrays.ONLINE, rows)


def questions(known: shop.Shop, settings: Settings) -> pd.DataFrame:
    """An example of what :func:`predict` takes: somebody known, somebody unknown, a basket, and views."""
    products = list(known.bought(None, settings.end)["item"].drop_duplicates().head(2))
    rows: list[tuple[Any, ...]] = [(known.state.index[0], None, None, None), ("somebody new", None, None, None)]
    rows += [(None, products, None, None), (None, None, products, str(known.states[0]))]
    return pd.DataFrame(rows, columns=list(pyfunc_rows.COLUMNS))


def choose(known: shop.Shop, settings: Settings, seed: int) -> tuple[Recipe, Mapping[str, str]]:
    """The best parameters, and the best learned method for each use, in the validation window alone."""
    start, end, k = settings.validation_start, settings.test_start, settings.k
    of_people = split_pair(known.purchases(None, start), known.bought(start, end))
    of_baskets = split_pair(known.baskets(None, start), known.baskets(start, end))
    people_params = best_of(
        SMALL_GRID, lambda p: fit_interactions(of_people.train, p, seed), people(of_people, repeats=False).known, k
    )
    baskets_params = best_of(
        SMALL_GRID, lambda p: fit_interactions(of_baskets.train, p, seed), basket_queries(of_baskets)[0], k
    )
    recipe = Recipe(people_params, baskets_params, weights_before(known, start, settings, seed))
    outcomes = {
        BASKET: complete_baskets(known, start, end, recipe, settings, seed),
        NEW_PRODUCTS: offer_new_products(known, start, end, recipe, settings, seed),
    }
    return recipe, {use: max(methods, key=outcomes[use].ndcg) for use, methods in LEARNED.items()}


def in_window(
    known: shop.Shop, start: pd.Timestamp, end: pd.Timestamp, recipe: Recipe, settings: Settings, seed: int
) -> Mapping[str, Outcome]:
    """How every method does in every use, from what was known before a window."""
    return {
        BASKET: complete_baskets(known, start, end, recipe, settings, seed),
        NEW_PRODUCTS: offer_new_products(known, start, end, recipe, settings, seed),
        BUY_AGAIN: buy_again(known, start, end, recipe, settings, seed),
        NEW_BUYERS: greet_new_buyers(known, start, end, settings, seed),
    }


def overall(
    decisions: Mapping[str, Decision], contenders: Mapping[str, str], outcomes: Mapping[str, Outcome]
) -> Decision:
    """One decision for the registry, with what was decided for each use."""
    promoted = any(decision.promote for decision in decisions.values())
    serves = "serves" if promoted else "would serve"
    reasons, details = [], []
    for use, decision in decisions.items():
        name = use.replace("_", " ").capitalize()
        verdict = (
            f"{contenders[use]} is promoted."
            if decision.promote
            else f"nothing is promoted; {OTHERWISE[use]} {serves}."
        )
        reasons += [f"{name}: {said}" for said in (verdict, *decision.reasons)]
        details += [f"{name}: {said}" for said in decision.details]
    again, new = outcomes[BUY_AGAIN], outcomes[NEW_BUYERS]
    # Where nothing is learned, nothing is decided.
    otherwise = [
        f"Buy again: own_history {serves}, NDCG {again.ndcg('own_history'):.4f}; als {again.ndcg(ALS):.4f}, "
        f"recent_popularity {again.ndcg('recent_popularity'):.4f}.",
        f"New buyers: popular_in_state {serves}, NDCG {new.ndcg('popular_in_state'):.4f}; recent_popularity "
        f"{new.ndcg('recent_popularity'):.4f}, popularity {new.ndcg('popularity'):.4f}.",
    ]
    return Decision(promoted, (*reasons, *otherwise), (*details, *otherwise))


def _served_metrics(tables: pd.DataFrame, served: Mapping[str, str], admitted: Collection[str]) -> dict[str, float]:
    rows = tables[(tables["group"] == "all") & (tables["method"] == tables["use"].map(served))]
    ndcg = rows[rows["metric"].str.startswith("ndcg_") & rows["use"].isin(admitted)]
    return _flat(rows) | {f"{row.use}_{row.metric}{IF_ADMITTED}": float(row.value) for row in ndcg.itertuples()}


def _baselines(tables: pd.DataFrame, served: Mapping[str, str]) -> dict[str, dict[str, float]]:
    rows = tables[(tables["group"] == "all") & (tables["method"] != tables["use"].map(served))]
    return {str(method): _flat(some) for method, some in rows.groupby("method", sort=True)}


def _flat(rows: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows.itertuples():
        name = f"{row.use}_{row.metric}"
        found[name] = float(row.value)
        if row.low == row.low:
            found |= {f"{name}_low": float(row.low), f"{name}_high": float(row.high)}
    return found


def _params(recipe: Recipe, served: Mapping[str, str], settings: Settings, seed: int) -> dict[str, Any]:
    return {
        **{f"als_people_{name}": value for name, value in recipe.people.as_dict().items()},
        **{f"als_baskets_{name}": value for name, value in recipe.baskets.as_dict().items()},
        **{f"weight_{name}": round(value, 6) for name, value in recipe.weights.items()},
        **{f"serves_{use}": method for use, method in served.items()},
        "test_days": settings.test_days,
        "validation_days": settings.validation_days,
        "learning_days": settings.learning_days,
        "available_days": settings.available_days,
        "clickstream": settings.clickstream,
        "seed": seed,
    }


def _factors(folder: Path, known: shop.Shop, settings: Settings) -> Recommender:
    """Factors of the products: where they serve, of what is known today, else those of the training.

    A champion that stays for long would otherwise never recommend what came after its training, and what was judged
    of it was fitted to all that was known then.
    """
    recipe, served, seed = read_recipe(folder)
    if served[NEW_PRODUCTS] != ALS:
        return Recommender.load(folder / FACTORS)
    return fit(known.purchases(None, settings.end), recipe.people, seed=seed)


def read_recipe(folder: Path) -> tuple[Recipe, Mapping[str, str], int]:
    """What a candidate saved: what was learned, what serves each use, and the seed."""
    content = json.loads((folder / RECIPE).read_text())
    recipe = Recipe(AlsParams(**content["people"]), AlsParams(**content["baskets"]), content["weights"])
    return recipe, content["served"], content["seed"]

"""What recommendations are used for, and how well each way of making them does: four uses, judged apart.

A model that completes baskets says nothing of whether people come back for what it names, so each use has its own
test, its own baselines and its own decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ml.candidate import Decision
from ml.recommender import baselines, complements
from ml.recommender.als import AlsParams
from ml.recommender.evaluation import (
    TABLE,
    Lists,
    Queries,
    beats_all,
    measure,
    measure_strangers,
    people,
    per_case,
    summary,
)
from ml.recommender.interactions import Interactions, read, read_later
from ml.recommender.rankers import Ranker, baskets
from ml.recommender.recommender import fit_interactions
from ml.recommender.shop import Settings, Shop
from ml.recommender.splits import Split, split_pair

BASKET, NEW_PRODUCTS, BUY_AGAIN, NEW_BUYERS = "basket_completion", "new_products", "buy_again", "new_buyers"
ALS, COMPLEMENTS = "als", "complements"

LEARNED = {BASKET: (COMPLEMENTS, ALS), NEW_PRODUCTS: (ALS, COMPLEMENTS)}
"""The methods that may be promoted for a use, the first of equal ones preferred."""
OTHERWISE = {
    BASKET: "bought_together",
    NEW_PRODUCTS: "popular_in_category_and_state",
    BUY_AGAIN: "own_history",
    NEW_BUYERS: "popular_in_state",
}
"""What serves a use for which nothing learned is promoted."""
LIFT_OVER_CATEGORY = 1.5
"""How many times the NDCG of popularity within the category a method has to reach to complete baskets."""
STEP_DAYS = 14
"""How often what is known is brought up to date while weights are learned."""


class Outcome(NamedTuple):
    """How each method did in a use.

    Attributes:
        lists: by method, of the same queries.
        clusters: which queries are one case (a basket), from 0; None if each is its own.
        days: for people, on how many days they had come before; None for baskets and new buyers.
        share: of each item, the share of users (or baskets) of the past that have it.
    """

    lists: Mapping[str, Lists]
    clusters: npt.NDArray[np.int64] | None
    days: npt.NDArray[np.int64] | None
    share: npt.NDArray[np.float64]

    def ndcg(self, method: str) -> float:
        """The mean over cases; 0 if there are none."""
        values = per_case(self.lists[method].ndcg(), self.clusters)
        return float(values.mean()) if len(values) else 0.0

    def table(self, use: str, seed: int) -> pd.DataFrame:
        """Rows of use, method, group, metric, value, low, high and cases."""
        rows = []
        for method, lists in self.lists.items():
            rows += summary(method, "all", lists, self.share, seed, self.clusters)
            if self.days is not None:
                for group, members in (("one_time", self.days == 1), ("repeat", self.days > 1)):
                    rows += summary(method, group, lists.some(members), self.share, seed)
        return pd.DataFrame(rows, columns=TABLE).assign(use=use)


@dataclass(frozen=True)
class Recipe:
    """What was learned and chosen before a window.

    Attributes:
        people: parameters of ALS over people.
        baskets: parameters of ALS over baskets.
        weights: of what goes together, by feature.
    """

    people: AlsParams
    baskets: AlsParams
    weights: Mapping[str, float]


def weights_before(shop: Shop, until: pd.Timestamp, settings: Settings, seed: int) -> Mapping[str, float]:
    """Learn what goes together from baskets before a moment, each seen with what was known before it."""
    found: list[npt.NDArray[np.float64]] = []
    random = np.random.default_rng(seed)
    for back in range(0, settings.learning_days, STEP_DAYS):
        end = until - pd.Timedelta(days=back)
        start = end - pd.Timedelta(days=STEP_DAYS)
        before, later = shop.baskets(None, start), shop.baskets(start, end)
        if before.empty or len(found) >= complements.CHOICES:
            break
        if len(later):
            past = read(before)
            catalogue = complements.Catalogue(past, shop.traits(start))
            found += complements.choices(catalogue, read_later(later, past), random)
    return complements.learn(found[: complements.CHOICES])


def basket_queries(parts: Split) -> tuple[Queries, npt.NDArray[np.int64]]:
    """Each product of each later basket of several, hidden in turn: the others are the history, it is what is wanted.

    Returns:
        The queries, and which basket each is of, from 0.
    """
    test = parts.test
    size = np.bincount(test.user, minlength=len(test.users))
    rows = np.flatnonzero(size[test.user] > 1)
    user, item = test.user[rows], test.item[rows]
    known = item >= 0
    shape = (len(test.users), len(test.items))
    content = sparse.csr_matrix((np.ones(known.sum()), (user[known], item[known])), shape=shape)
    hidden = sparse.csr_matrix(
        (np.ones(known.sum()), (np.flatnonzero(known), item[known])), shape=(len(rows), shape[1])
    )
    context = (content[user] - hidden).tocsr()
    context.eliminate_zeros()
    queries = Queries(baskets(context), hidden, np.ones(len(rows), dtype=np.int64), context)
    return queries, np.unique(user, return_inverse=True)[1].astype(np.int64)


def complete_baskets(
    shop: Shop, start: pd.Timestamp, end: pd.Timestamp, recipe: Recipe, settings: Settings, seed: int
) -> Outcome:
    """Hide one product of each order of several in a window, and rank all others from what was known before it."""
    parts = split_pair(shop.baskets(None, start), shop.baskets(start, end))
    queries, clusters = basket_queries(parts)
    past, category = parts.train, shop.products["category"]
    rankers = {
        COMPLEMENTS: complements.Catalogue(past, shop.traits(start)).ranker(recipe.weights),
        ALS: fit_interactions(past, recipe.baskets, seed).score,
        "random": baselines.random_order(past, seed),
        "popularity": baselines.popularity(past),
        "recent_popularity": baselines.recent_popularity(past),
        "popular_in_category": baselines.popular_in_categories(past, category, recent=False),
        "recently_popular_in_category": baselines.popular_in_categories(past, category),
        "item_knn": baselines.item_knn(past),
        "bought_together": baselines.bought_together(past),
    }
    return Outcome(measure(queries, rankers, settings.k), clusters, None, _share(past))


def offer_new_products(
    shop: Shop, start: pd.Timestamp, end: pd.Timestamp, recipe: Recipe, settings: Settings, seed: int
) -> Outcome:
    """What people who had bought before a window bought in it for the first time."""
    parts, segment = _people_parts(shop, start, end)
    who = people(parts, repeats=False, segment=segment)
    past, category = parts.train, shop.products["category"]
    before = segment[: len(past.users)]
    rankers = {
        ALS: fit_interactions(past, recipe.people, seed).score,
        COMPLEMENTS: _complements(shop, past, start, recipe),
        "random": baselines.random_order(past, seed),
        "popularity": baselines.popularity(past),
        "recent_popularity": baselines.recent_popularity(past),
        "item_knn": baselines.item_knn(past),
        "bought_together": baselines.bought_together(past),
        "popular_in_category_and_state": baselines.popular_in_categories_and_segment(past, category, before),
    }
    if settings.clickstream == "observed":
        rankers["recently_seen"] = baselines.recently_seen(past)
        rankers["popular_in_own_categories"] = baselines.popular_in_categories(past, category)
    return Outcome(measure(who.known, rankers, settings.k), None, who.days, _share(past))


def buy_again(
    shop: Shop, start: pd.Timestamp, end: pd.Timestamp, recipe: Recipe, settings: Settings, seed: int
) -> Outcome:
    """What people who had bought before a window bought in it, known to them or new."""
    parts, segment = _people_parts(shop, start, end)
    who = people(parts, repeats=True, segment=segment)
    past = parts.train
    rankers = {
        "own_history": baselines.own_history(past),
        ALS: fit_interactions(past, recipe.people, seed).score,
        "random": baselines.random_order(past, seed),
        "popularity": baselines.popularity(past),
        "recent_popularity": baselines.recent_popularity(past),
    }
    return Outcome(measure(who.known, rankers, settings.k), None, who.days, _share(past))


def greet_new_buyers(shop: Shop, start: pd.Timestamp, end: pd.Timestamp, settings: Settings, seed: int) -> Outcome:
    """What people bought in a window who had not bought before it; nothing but their state is known of them."""
    parts, segment = _people_parts(shop, start, end)
    who = people(parts, repeats=True, segment=segment)
    past = parts.train
    rankers = {
        "popular_in_state": baselines.popular_in_segment(past, segment[: len(past.users)]),
        "random": baselines.random_order(past, seed),
        "popularity": baselines.popularity(past),
        "recent_popularity": baselines.recent_popularity(past),
    }
    return Outcome(measure_strangers(who.strangers, rankers, settings.k), None, None, _share(past))


def judge(use: str, outcome: Outcome, contender: str, seed: int) -> Decision:
    """Whether a learned method is promoted for a use: better than every baseline, more surely than by chance.

    To complete baskets it also has to reach :data:`LIFT_OVER_CATEGORY`. Other learned methods are no baselines.
    """
    others = {name: lists for name, lists in outcome.lists.items() if name not in LEARNED[use] or name == contender}
    decision = beats_all(others, contender, seed, outcome.clusters)
    if use != BASKET:
        return decision
    category = max(outcome.ndcg("popular_in_category"), outcome.ndcg("recently_popular_in_category"))
    own = outcome.ndcg(contender)
    enough = own >= LIFT_OVER_CATEGORY * category
    lift = (
        f"That is {own / category:.2f} times popularity within the category; {LIFT_OVER_CATEGORY} times is asked for."
        if category
        else "Popularity within the category finds nothing."
    )
    return Decision(decision.promote and enough, (*decision.reasons, lift), decision.details)


def _people_parts(shop: Shop, start: pd.Timestamp, end: pd.Timestamp) -> tuple[Split, npt.NDArray[np.int64]]:
    """The past with views and carts, the window with purchases alone, and the state of everybody in either."""
    parts = split_pair(shop.purchases(None, start), shop.bought(start, end))
    return parts, shop.state_of(parts.test.users)


def _complements(shop: Shop, past: Interactions, start: pd.Timestamp, recipe: Recipe) -> Ranker:
    """What goes with the products of a history, which are numbered as in ``past``."""
    catalogue = complements.Catalogue(numbered_baskets(shop, start, past.items), shop.traits(start))
    return catalogue.ranker(recipe.weights)


def numbered_baskets(shop: Shop, before: pd.Timestamp, items: pd.Index) -> Interactions:
    """The baskets before a moment, their products numbered as in ``items``."""
    found = read(shop.baskets(None, before))
    place = items.get_indexer(found.items)
    return Interactions(found.users, items, found.user, place[found.item].astype(np.int64), found.weight, found.time)


def _share(past: Interactions) -> npt.NDArray[np.float64]:
    return baselines.counts(past) / len(past.users)

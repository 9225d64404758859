"""What everybody is offered: lists for all people and all products, from what is known today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ml.recommender import baselines, complements
from ml.recommender.interactions import Interactions, read
from ml.recommender.rankers import Histories, Ranked, Ranker, baskets, histories_of, rank
from ml.recommender.ranking import top
from ml.recommender.recommender import Recommender, fit_interactions, flat
from ml.recommender.shop import Settings, Shop
from ml.recommender.uses import ALS, COMPLEMENTS, Recipe, numbered_baskets

IN_CATEGORY_AND_STATE, IN_CATEGORY = "popular_in_category_and_state", "popular_in_category"
IN_STATE, POPULAR = "popular_in_state", "popular"
METHODS = (IN_CATEGORY_AND_STATE, IN_CATEGORY, IN_STATE, POPULAR)
IN_CATEGORY_BONUS = 1.0
"""Popularity is a share below 1, so that what is in somebody's categories comes before everything else."""


class Popularity(NamedTuple):
    """What is popular of late, by state and category.

    Attributes:
        shares: as :func:`ml.recommender.baselines.shares_by_segment` gives them, by number of the state.
        category: of each item, a position in ``names``; -1 if it is not known.
        names: of the categories.
        allowed: which items may be listed.
    """

    shares: npt.NDArray[np.float64]
    category: npt.NDArray[np.int64]
    names: Sequence[str]
    allowed: npt.NDArray[np.bool_]

    def codes(self, lines: str) -> npt.NDArray[np.int64]:
        """The positions of categories that are named a line each; those of no item are passed over."""
        place_of = {name: index for index, name in enumerate(self.names)}
        return np.array([place_of[name] for name in lines.split("\n") if name in place_of], dtype=np.int64)

    def best(
        self, state: int, liked: npt.NDArray[np.int64], count: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """What is popular in categories, then what is outside them, in a state.

        Args:
            state: its number; negative if it is not known.
            liked: positions of the categories.
            count: how many at most.

        Returns:
            Items, their scores, and the position of each one's method in :data:`METHODS`.
        """
        in_category = np.zeros(len(self.names) + 1, dtype=bool)
        in_category[liked] = True
        inside = in_category[self.category]
        score = self.shares[baselines.row_of_segment(np.array(state), self.shares)] + IN_CATEGORY_BONUS * inside
        best = top(np.where(self.allowed, score, -np.inf)[None], count)[0]
        best = best[best >= 0]
        names_of = (IN_STATE, IN_CATEGORY_AND_STATE) if state >= 0 else (POPULAR, IN_CATEGORY)
        method = np.array([METHODS.index(name) for name in names_of])[inside[best].astype(int)]
        return best, score[best], method


def popularity_of(shop: Shop, past: Interactions, allowed: npt.NDArray[np.bool_]) -> Popularity:
    """What is popular of late among some interactions."""
    code, names = pd.factorize(shop.products["category"].reindex(past.items))
    shares = baselines.shares_by_segment(past, shop.state_of(past.users))
    return Popularity(shares, code.astype(np.int64), list(names), allowed)


def product_recommendations(
    shop: Shop, model: Recommender, recipe: Recipe, method: str, settings: Settings
) -> pd.DataFrame:
    """Products that each person has not bought, for everybody who has an account.

    Args:
        model: factors of the products; people's follow from their history of today.
        method: what serves people who have bought; whoever it has no list for, and the places that it leaves empty,
            are filled by what is popular of late in the person's categories and state, and the rows say so.

    Returns:
        customer_unique_id, product_id, rank, score and method.
    """
    everybody = shop.state.index
    past = read(shop.purchases(None, settings.end))
    allowed = available(shop, past.items, settings)
    bought = rows_of(everybody, read(shop.bought(None, settings.end)), past.items)
    popular = _popular_lists(shop, everybody, past, bought, allowed, settings.k)
    if method not in (ALS, COMPLEMENTS):
        return popular
    histories = histories_of(past)
    barred = bought[everybody.get_indexer(past.users)]
    if method == ALS:
        strengths = _renumbered(histories.strengths, past.items, model.items)
        known = np.flatnonzero(np.diff(strengths.indptr) > 0)
        asked = baskets(strengths[known])._replace(strengths=strengths[known])
        ranked = rank(
            model.score,
            asked,
            settings.k,
            _renumbered(barred[known], past.items, model.items),
            _renumbered_mask(allowed, past.items, model.items),
        )
        own = flat(past.users[known], model.items, ranked)
    else:
        own = flat(past.users, past.items, _complementing(shop, past, histories, barred, allowed, recipe, settings))
    own = own.rename(columns={"user": "customer_unique_id", "item": "product_id"}).assign(method=method)
    return _filled(own, popular, settings.k)


def own_products(shop: Shop, settings: Settings) -> pd.DataFrame:
    """Products that a person has bought and can buy again: those most often bought first, of equal ones the last.

    Returns:
        customer_unique_id, product_id, rank and score.
    """
    past = read(shop.bought(None, settings.end))
    who = histories_of(past)
    allowed = available(shop, past.items, settings)
    # Only what is in the history; no row of all products a person.
    row = np.repeat(np.arange(len(past.users)), np.diff(who.strengths.indptr))
    place = sparse.csr_matrix(who.last)
    place.sort_indices()
    strengths = who.strengths.sorted_indices()
    rows = pd.DataFrame(
        {
            "user": row,
            "item": strengths.indices,
            "score": strengths.data + baselines.LAST_TIME_COUNTS * place.data,
        }
    )
    rows = rows[allowed[rows["item"]]].sort_values(["user", "score", "item"], ascending=[True, False, True])
    rows["rank"] = rows.groupby("user").cumcount() + 1
    rows = rows[rows["rank"] <= settings.k]
    return pd.DataFrame(
        {
            "customer_unique_id": past.users[rows["user"]],
            "product_id": past.items[rows["item"]],
            "rank": rows["rank"].to_numpy(dtype=np.int32),
            "score": rows["score"].to_numpy(dtype=float),
        }
    )


def similar_products(shop: Shop, recipe: Recipe, method: str, settings: Settings, seed: int) -> pd.DataFrame:
    """What completes a basket of each product that was ever sold.

    Args:
        method: what serves the completion of baskets.

    Returns:
        product_id, similar_product_id, rank, score and method.
    """
    past = read(shop.baskets(None, settings.end))
    rankers = {
        COMPLEMENTS: lambda: complements.Catalogue(past, shop.traits(settings.end)).ranker(recipe.weights),
        ALS: lambda: fit_interactions(past, recipe.baskets, seed).score,
    }
    ranker: Ranker = rankers[method]() if method in rankers else baselines.bought_together(past)
    each = sparse.identity(len(past.items), format="csr")
    ranked = rank(ranker, baskets(each), settings.k, each, available(shop, past.items, settings))
    rows = flat(past.items, past.items, ranked)
    return rows.rename(columns={"user": "product_id", "item": "similar_product_id"}).assign(method=method)


def available(shop: Shop, items: pd.Index, settings: Settings) -> npt.NDArray[np.bool_]:
    """Which products somebody has bought of late; the data says nothing else of what is in stock."""
    since = settings.end - pd.Timedelta(days=settings.available_days)
    recent = shop.lines.loc[shop.lines["purchased_at"] >= since, "product_id"].unique()
    return np.asarray(items.isin(recent))


def _complementing(
    shop: Shop,
    past: Interactions,
    histories: Histories,
    barred: sparse.csr_matrix,
    allowed: npt.NDArray[np.bool_],
    recipe: Recipe,
    settings: Settings,
) -> Ranked:
    """What goes with people's products; people with the same history are ranked once."""
    catalogue = complements.Catalogue(numbered_baskets(shop, settings.end, past.items), shop.traits(settings.end))
    context = [complements.last_items(histories.last, row).tobytes() for row in range(len(past.users))]
    keys = [each + b"|" + _columns(barred, row).tobytes() for row, each in enumerate(context)]
    number, unique = pd.factorize(np.array(keys, dtype=object))
    first = np.zeros(len(unique), dtype=np.int64)
    first[number[::-1]] = np.arange(len(number))[::-1]
    once = rank(catalogue.ranker(recipe.weights), histories.some(first), settings.k, barred[first], allowed)
    return Ranked(once.places[number], once.scores[number])


def _popular_lists(
    shop: Shop,
    everybody: pd.Index,
    past: Interactions,
    bought: sparse.csr_matrix,
    allowed: npt.NDArray[np.bool_],
    k: int,
) -> pd.DataFrame:
    """What is popular of late in each person's categories and state: ranked once for people who share both."""
    state = shop.state_of(everybody)
    liked = categories(shop, everybody)
    popularity = popularity_of(shop, past, allowed)
    number, groups = pd.factorize(pd.MultiIndex.from_arrays([state, liked]))
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(groups) + 1))
    owned = np.diff(bought.indptr)
    parts = []
    for index, (place, lines) in enumerate(groups):
        members = order[bounds[index] : bounds[index + 1]]
        # A member's own products may be the best of the group: that many more are needed.
        best, score, method = popularity.best(place, popularity.codes(lines), k + int(owned[members].max()))
        size = len(members)
        parts.append(
            (np.repeat(members, len(best)), np.tile(best, size), np.tile(score, size), np.tile(method, size))
        )
    person, item, value, method = (_joined(columns) for columns in zip(*parts, strict=True))
    rows = pd.DataFrame({"person": person.astype(int), "item": item.astype(int), "score": value, "method": method})
    pairs = rows["person"].to_numpy() * bought.shape[1] + rows["item"].to_numpy()
    theirs = np.repeat(np.arange(bought.shape[0]), owned) * bought.shape[1] + bought.indices
    rows = rows[~np.isin(pairs, theirs)]
    rows = rows.assign(rank=rows.groupby("person").cumcount() + 1)
    rows = rows[rows["rank"] <= k].sort_values(["person", "rank"])
    return pd.DataFrame(
        {
            "customer_unique_id": everybody[rows["person"]],
            "product_id": past.items[rows["item"]],
            "rank": rows["rank"].to_numpy(dtype=np.int32),
            "score": rows["score"].to_numpy(dtype=float),
            "method": np.array(METHODS, dtype=object)[rows["method"].to_numpy(dtype=int)],
        }
    )


def categories(shop: Shop, everybody: pd.Index) -> npt.NDArray[np.object_]:
    """The categories of what each person has ordered, viewed or put into a cart, whatever came of it; sorted, a line
    each."""
    touched = pd.concat(
        [
            shop.placed[["customer_unique_id", "product_id"]],
            shop.behaviour.rename(columns={"user": "customer_unique_id", "item": "product_id"}),
        ]
    )
    names = shop.products["category"].reindex(touched["product_id"]).to_numpy()
    rows = pd.DataFrame({"person": touched["customer_unique_id"].to_numpy(), "category": names}).dropna()
    rows = rows.drop_duplicates().sort_values(["person", "category"])
    several = rows["person"].duplicated(keep=False)
    joined = pd.concat(
        [
            rows[~several].set_index("person")["category"],
            rows[several].groupby("person")["category"].agg("\n".join),
        ]
    )
    return joined.reindex(everybody).fillna("").to_numpy(dtype=object)


def rows_of(everybody: pd.Index, bought: Interactions, items: pd.Index) -> sparse.csr_matrix:
    """What each person has bought, people × items."""
    shape = (len(everybody), len(items))
    place, item = everybody.get_indexer(bought.users)[bought.user], items.get_indexer(bought.items)[bought.item]
    known = place >= 0
    matrix = sparse.csr_matrix((np.ones(known.sum()), (place[known], item[known])), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _renumbered(matrix: sparse.csr_matrix, items: pd.Index, others: pd.Index) -> sparse.csr_matrix:
    """The same values with the columns of another index; those that it lacks are left out."""
    place = others.get_indexer(items)
    pairs = matrix.tocoo()
    known = place[pairs.col] >= 0
    shape = (matrix.shape[0], len(others))
    return sparse.csr_matrix((pairs.data[known], (pairs.row[known], place[pairs.col[known]])), shape=shape)


def _renumbered_mask(mask: npt.NDArray[np.bool_], items: pd.Index, others: pd.Index) -> npt.NDArray[np.bool_]:
    place = items.get_indexer(others)
    return (place >= 0) & mask[place.clip(0)]


def _filled(own: pd.DataFrame, popular: pd.DataFrame, k: int) -> pd.DataFrame:
    """A person's own list, and what is popular in the places that are left, at most k a person."""
    keys = ["customer_unique_id", "product_id"]
    size = own.groupby("customer_unique_id").size()
    short = popular[popular["customer_unique_id"].map(size).fillna(0) < k]
    both = pd.concat([own.assign(filler=0), short.assign(filler=1)]).drop_duplicates(keys)
    both = both.sort_values(["customer_unique_id", "filler", "rank"], ignore_index=True)
    both["rank"] = (both.groupby("customer_unique_id").cumcount() + 1).astype(np.int32)
    return both[both["rank"] <= k].drop(columns="filler").reset_index(drop=True)


def _columns(matrix: sparse.csr_matrix, row: int) -> npt.NDArray[np.integer]:
    return matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]


def _joined(parts: Iterable[npt.NDArray]) -> npt.NDArray:
    return np.concatenate([np.empty(0), *parts])

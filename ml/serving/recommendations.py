"""Recommendations for one visitor at a time: the same lists as the tables, and lists for what no table can know.

:func:`online` keeps what :mod:`ml.recommender.scoring` computes from: histories, what is popular, what goes together.
:class:`Recommendations` makes a person's list of it when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ml.recommender import baselines, complements, scoring
from ml.recommender.als import AlsParams, FoldIn
from ml.recommender.interactions import read
from ml.recommender.rankers import histories_of
from ml.recommender.ranking import top
from ml.recommender.recommender import Recommender, fit_interactions
from ml.recommender.scoring import METHODS, Popularity
from ml.recommender.shop import VIEW, Settings, Shop
from ml.recommender.uses import ALS, BASKET, COMPLEMENTS, NEW_PRODUCTS, Recipe, numbered_baskets
from ml.serving.arrays import Arrays, Online, text, within

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Ranker = Callable[[Positions], Floats]
"""Gives the products of a basket, or of a history, the scores of all products."""

REMEMBERED = 4096
"""For how many pairs of state and categories the popular products are remembered."""


class Offer(NamedTuple):
    """A product that is recommended.

    Attributes:
        product_id: its key.
        rank: from 1.
        score: higher is better; comparable only within a list.
        method: what named it, as in ``ml.product_recommendations``.
    """

    product_id: str
    rank: int
    score: float
    method: str


def online(
    shop: Shop, model: Recommender, recipe: Recipe, served: Mapping[str, str], settings: Settings, seed: int
) -> Online:
    """All that lists follow from at the end of the reporting date, for every person and product.

    Args:
        shop: what was known then.
        model: factors of the products.
        recipe: what was learned and chosen.
        served: the method that serves each use.
        seed: of factors of baskets, where they serve.
    """
    everybody = shop.state.index
    past = read(shop.purchases(None, settings.end))
    baskets = read(shop.baskets(None, settings.end))
    popularity = scoring.popularity_of(shop, past, scoring.available(shop, past.items, settings))
    bought = scoring.rows_of(everybody, read(shop.bought(None, settings.end)), past.items)
    bought.sort_indices()
    again = scoring.own_products(shop, settings)
    codes = [popularity.codes(lines) for lines in scoring.categories(shop, everybody)]
    arrays: dict[str, npt.NDArray[Any]] = {
        "people": text(everybody),
        "state": shop.state_of(everybody),
        "states": text(shop.states),
        "items": text(past.items),
        "sold": past.items.isin(baskets.items),
        "popularity.shares": popularity.shares,
        "popularity.category": popularity.category,
        "popularity.names": text(popularity.names),
        "popularity.allowed": popularity.allowed,
        "liked.start": _starts(len(each) for each in codes),
        "liked.item": np.concatenate([np.empty(0, dtype=np.int64), *codes]),
        "bought.start": bought.indptr.astype(np.int64),
        "bought.item": bought.indices.astype(np.int64),
        "again.start": _starts(
            np.bincount(everybody.get_indexer(again["customer_unique_id"]), minlength=len(everybody))
        ),
        "again.item": past.items.get_indexer(again["product_id"]).astype(np.int64),
        "again.score": again["score"].to_numpy(dtype=float),
    }
    if COMPLEMENTS in (served[BASKET], served[NEW_PRODUCTS]):
        catalogue = complements.Catalogue(numbered_baskets(shop, settings.end, past.items), shop.traits(settings.end))
        arrays |= {f"catalogue.{name}": array for name, array in catalogue.arrays().items()}
    if served[BASKET] == ALS:
        arrays |= _factors("baskets", fit_interactions(baskets, recipe.baskets, seed), past.items)
    elif served[BASKET] != COMPLEMENTS:
        numbered = numbered_baskets(shop, settings.end, past.items)
        arrays |= _sparse("together", baselines.shares_together(numbered))
        arrays["together.otherwise"] = baselines.tie_break(numbered)
    if served[NEW_PRODUCTS] in (ALS, COMPLEMENTS):
        histories = histories_of(past)
        place = everybody.get_indexer(past.users)
        chosen = sparse.csr_matrix(
            (np.ones(len(place)), (place, np.arange(len(place)))), shape=(len(everybody), len(place))
        )
        arrays |= _sparse("strengths", chosen @ histories.strengths) | _sparse("last", chosen @ histories.last)
    if served[NEW_PRODUCTS] == ALS:
        arrays |= _factors("people", model, past.items)
    about = {
        "served": dict(served),
        "weights": dict(recipe.weights),
        "people_params": recipe.people.as_dict(),
        "baskets_params": recipe.baskets.as_dict(),
        "k": settings.k,
        "as_of_date": settings.reporting_date.isoformat(),
    }
    return Online(about, arrays)


class Recommendations:
    """Lists of products for people, baskets, views and strangers.

    Args:
        stored: from :func:`online`.
    """

    def __init__(self, stored: Online) -> None:
        about, arrays = stored
        self.k = int(about["k"])
        self.served: Mapping[str, str] = about["served"]
        self.states = list(map(str, arrays["states"]))
        self._items: list[str] = arrays["items"].tolist()
        self._item_of = {name: place for place, name in enumerate(self._items)}
        self._person_of = {name: place for place, name in enumerate(arrays["people"].tolist())}
        self._state_of = {name: number for number, name in enumerate(self.states)}
        self._state, self._sold = arrays["state"], arrays["sold"]
        self._liked, self._bought = _Lists(within("liked.", arrays)), _Lists(within("bought.", arrays))
        self._again, self._again_score = _Lists(within("again.", arrays)), arrays["again.score"]
        popularity = within("popularity.", arrays)
        self._popularity = Popularity(
            popularity["shares"], popularity["category"], popularity["names"].tolist(), popularity["allowed"]
        )
        self._popular = lru_cache(maxsize=REMEMBERED)(self._most_popular)
        self._weights = complements.coefficients(about["weights"])
        self._catalogue = (
            complements.Catalogue.of_arrays(within("catalogue.", arrays)) if "catalogue.category" in arrays else None
        )
        self._complete = self._completion(about, arrays)
        method = self.served[NEW_PRODUCTS]
        self._strengths = _matrix("strengths", arrays, len(self._items)) if method in (ALS, COMPLEMENTS) else None
        self._last = _matrix("last", arrays, len(self._items)) if method in (ALS, COMPLEMENTS) else None
        self._people_factors = _Factors("people", about, arrays) if method == ALS else None

    def of_customer(self, customer: str) -> list[Offer] | None:
        """Products that somebody has not bought, as in ``ml.product_recommendations``; None for who is not known."""
        row = self._person_of.get(customer)
        if row is None:
            return None
        bought = self._bought.of(row)
        popular = self._list(int(self._state[row]), self._liked.of(row), bought)
        scores = self._by_history(row)
        if scores is None:
            return popular
        return self._filled(self._best(scores, bought, self.served[NEW_PRODUCTS]), popular)

    def again(self, customer: str) -> list[Offer]:
        """Products to buy again, as in ``ml.buy_again``; none for who is not known or has not bought."""
        row = self._person_of.get(customer)
        if row is None:
            return []
        part = self._again.part(row)
        return [
            Offer(self._items[item], rank, float(score), "own_history")
            for rank, (item, score) in enumerate(
                zip(self._again.items[part], self._again_score[part], strict=True), start=1
            )
        ]

    def similar(self, product: str) -> list[Offer] | None:
        """What completes a basket of a product, as in ``ml.similar_products``; None if it was never sold."""
        item = self._item_of.get(product)
        if item is None or not self._sold[item]:
            return None
        context = np.array([item], dtype=np.int64)
        return self._best(self._complete(context), context, self.served[BASKET])

    def with_basket(self, products: Sequence[str]) -> list[Offer] | None:
        """What completes a basket; None if none of its products was ever sold.

        Args:
            products: oldest first; the last :data:`ml.recommender.complements.CONTEXT` count.
        """
        context = self.known(products)
        context = context[self._sold[context]]
        if not len(context):
            return None
        return self._best(self._complete(_newest(context)), context, self.served[BASKET])

    def after_views(self, products: Sequence[str], state: str | None) -> list[Offer] | None:
        """New products for a stranger who has viewed some, the method being that of people; None if none is known.

        What was viewed is not listed. Where popularity serves, it is that of the categories of what was viewed.

        Args:
            products: oldest first; a method that looks at some only looks at the last.
            state: one of ``states``, if it is known.
        """
        viewed = self.known(products)
        if not len(viewed):
            return None
        category = np.unique(self._popularity.category[viewed])
        popular = self._list(self._number(state), category[category >= 0], viewed)
        method = self.served[NEW_PRODUCTS]
        if method == ALS:
            assert self._people_factors is not None
            scores = self._people_factors.scores(np.sort(viewed), np.full(len(viewed), float(VIEW)))
        elif method == COMPLEMENTS:
            assert self._catalogue is not None
            scores = self._catalogue.utilities(_newest(viewed), self._weights)
        else:
            return popular
        return popular if scores is None else self._filled(self._best(scores, viewed, method), popular)

    def of_stranger(self, state: str | None) -> list[Offer]:
        """What is popular of late, in a state if it is known: all that can be said without a history."""
        nothing = np.empty(0, dtype=np.int64)
        return self._list(self._number(state), nothing, nothing)

    def known(self, products: Sequence[str]) -> Positions:
        """The positions of those products that are known, each once, in the order in which they were named last."""
        backwards = (self._item_of.get(name) for name in reversed(products))
        places = [place for place in dict.fromkeys(backwards) if place is not None]
        return np.array(places[::-1], dtype=np.int64)

    def unknown(self, products: Sequence[str]) -> list[str]:
        """Those products that are not known, in the order given, each once."""
        return [name for name in dict.fromkeys(products) if name not in self._item_of]

    def _number(self, state: str | None) -> int:
        return -1 if state is None else self._state_of[state]

    def _completion(self, about: Mapping[str, Any], arrays: Arrays) -> Ranker:
        """What serves the completion of baskets."""
        method = self.served[BASKET]
        if method == COMPLEMENTS:
            catalogue = self._catalogue
            assert catalogue is not None
            return lambda context: catalogue.utilities(context, self._weights)
        if method == ALS:
            factors = _Factors("baskets", about, arrays)

            def by_factors(context: Positions) -> Floats:
                found = factors.scores(context, np.ones(len(context)))
                return np.zeros(len(self._items)) if found is None else found

            return by_factors
        together = _matrix("together", arrays, len(self._items))
        otherwise = arrays["together.otherwise"]
        return lambda context: np.asarray(together[context].sum(axis=0)).ravel() + otherwise

    def _by_history(self, row: int) -> Floats | None:
        """The scores of a learned method that serves people; None if none does, or it knows nothing of this one."""
        if self._strengths is None or self._last is None:
            return None
        part = slice(self._strengths.indptr[row], self._strengths.indptr[row + 1])
        if part.start == part.stop:
            return None
        if self._people_factors is not None:
            items = self._strengths.indices[part].astype(np.int64)
            return self._people_factors.scores(items, self._strengths.data[part])
        assert self._catalogue is not None
        return self._catalogue.utilities(complements.last_items(self._last, row), self._weights)

    def _best(self, scores: Floats, barred: Positions, method: str) -> list[Offer]:
        scores[barred] = -np.inf
        scores[~self._popularity.allowed] = -np.inf
        places = top(scores[None], self.k)[0]
        return [
            Offer(self._items[place], rank, float(scores[place]), method)
            for rank, place in enumerate(places[places >= 0], start=1)
        ]

    def _list(self, state: int, liked: Positions, barred: Positions) -> list[Offer]:
        # What is barred may be the best: that many more are needed.
        ranked = self._popular(state, tuple(liked.tolist()), self.k + len(barred))
        out = set(barred.tolist())
        rows = [row for row in ranked if row[0] not in out][: self.k]
        return [
            Offer(self._items[place], rank, score, METHODS[method])
            for rank, (place, score, method) in enumerate(rows, start=1)
        ]

    def _most_popular(self, state: int, liked: tuple[int, ...], count: int) -> list[tuple[int, float, int]]:
        found = self._popularity.best(state, np.array(liked, dtype=np.int64), count)
        return list(zip(*(each.tolist() for each in found), strict=True))

    def _filled(self, own: list[Offer], popular: list[Offer]) -> list[Offer]:
        """A list, and what is popular in the places that are left."""
        there = {offer.product_id for offer in own}
        both = (own + [offer for offer in popular if offer.product_id not in there])[: self.k]
        return [offer._replace(rank=rank) for rank, offer in enumerate(both, start=1)]


class _Lists:
    """Positions by row."""

    def __init__(self, arrays: Arrays) -> None:
        self._start, self.items = arrays["start"], arrays["item"]

    def part(self, row: int) -> slice:
        return slice(self._start[row], self._start[row + 1])

    def of(self, row: int) -> Positions:
        return self.items[self.part(row)]


class _Factors:
    """Factors of the products, numbered like all products."""

    def __init__(self, name: str, about: Mapping[str, Any], arrays: Arrays) -> None:
        self._fold_in = FoldIn(arrays[f"{name}.factors"], AlsParams(**about[f"{name}_params"]))
        self._row = arrays[f"{name}.row"]
        self._has = self._row >= 0

    def scores(self, items: Positions, strengths: Floats) -> Floats | None:
        """The score of each product for a history; None if none of its products has factors."""
        has = self._has[items]
        if not has.any():
            return None
        scores = np.full(len(self._row), -np.inf)
        scores[self._has] = self._fold_in.scores(self._row[items[has]], strengths[has])[self._row[self._has]]
        return scores


def _newest(places: Positions) -> Positions:
    """The last of them, as many as a method looks at, sorted as :func:`complements.last_items` does."""
    return np.sort(places[-complements.CONTEXT :])


def _factors(name: str, model: Recommender, items: pd.Index) -> dict[str, npt.NDArray[Any]]:
    row = model.items.get_indexer(items).astype(np.int64)
    return {f"{name}.factors": model.item_factors, f"{name}.row": row}


def _sparse(name: str, matrix: sparse.csr_matrix) -> dict[str, npt.NDArray[Any]]:
    rows = sparse.csr_matrix(matrix)
    rows.sort_indices()
    return {f"{name}.{part}": getattr(rows, part) for part in ("data", "indices", "indptr")}


def _matrix(name: str, arrays: Arrays, columns: int) -> sparse.csr_matrix:
    data, indices, indptr = (arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    return sparse.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, columns))


def _starts(sizes: Any) -> Positions:
    return np.concatenate([[0], np.cumsum(np.fromiter(sizes, dtype=np.int64))]).astype(np.int64)

"""What goes with what is in a basket: a conditional logit over what two products have in common.

Somebody who adds one more product to a basket chooses among those of its categories and sellers, those bought with
it before, and the most popular ones. The utility of each is a weighted sum of :data:`FEATURES` (McFadden 1974), with
the weights that make the choices in past baskets most likely. So products that were never bought together can be
ranked: nearly all pairs, where most products sell a few times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.optimize import minimize

from ml.recommender.baselines import recent_counts, tie_break
from ml.recommender.interactions import Interactions
from ml.recommender.rankers import Histories, Ranker

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

MEASURES = ("weight_g", "length_cm", "height_cm", "width_cm")

FEATURES = (
    "log_recent_orders",
    "log_orders",
    "same_category",
    "same_seller",
    "same_category_and_seller",
    "bought_together",
    "log_times_together",
    "equal_measures",
    "log_price_apart",
    "log_weight_apart",
    "log_description_length_apart",
    "same_name_length",
    "same_photos_count",
)
"""Of a candidate beside a product in the basket; their mean where there are several."""

POPULAR = 50
"""How many popular products are candidates for everybody."""
ALTERNATIVES = 200
"""How many candidates a choice is compared with when the weights are fitted; a uniform sample of them gives the same
weights on average (McFadden 1978)."""
CHOICES = 5_000
"""From how many choices at most the weights are fitted, the newest."""
CONTEXT = 20
"""How many products of a basket or a history count, those of the last time."""
APART_AT_MOST = 2.0
STORED = ("category", "seller", "measures", "logs", "counts", "log_recent", "log_orders", "popular", "otherwise")
"""What a catalogue keeps, but for what was bought together."""
RIDGE = 1.0
"""Of the weights of standardised features: a feature that decides every choice has no largest one without it."""


class Catalogue:
    """The products that had been sold by some day, and what they have in common.

    Args:
        past: the baskets until then: its users are baskets.
        traits: by product: category, seller, price, the :data:`MEASURES`, description_length, name_length and
            photos_count; null where it is not known.
    """

    def __init__(self, past: Interactions, traits: pd.DataFrame) -> None:
        known = traits.reindex(past.items)
        self._category = _codes(known["category"])
        self._seller = _codes(known["seller"])
        self._measures = known[list(MEASURES)].to_numpy(dtype=float)
        logs = known[["price", "weight_g", "description_length"]].to_numpy(dtype=float)
        self._logs = np.log1p(logs)
        self._counts = known[["name_length", "photos_count"]].to_numpy(dtype=float)
        recent = recent_counts(past)
        baskets = past.strengths()
        baskets.data[:] = 1
        orders = np.bincount(baskets.indices, minlength=len(past.items))
        self._log_recent, self._log_orders = np.log(recent + 0.01), np.log(np.maximum(orders, 0.5))
        together = (baskets.T @ baskets).tocsr()
        together.setdiag(0)
        together.eliminate_zeros()
        self._together = together
        self._by_category, self._by_seller = _Groups(self._category), _Groups(self._seller)
        self._popular = np.lexsort((np.arange(len(recent)), -recent))[:POPULAR]
        self._otherwise = tie_break(past)

    def arrays(self) -> dict[str, npt.NDArray]:
        """All that it knows, for :meth:`of_arrays`."""
        stored = {name: getattr(self, f"_{name}") for name in STORED}
        together = self._together
        return stored | {"indptr": together.indptr, "indices": together.indices, "times": together.data}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray]) -> Catalogue:
        """A catalogue from what :meth:`arrays` gave."""
        self = cls.__new__(cls)
        for name in STORED:
            setattr(self, f"_{name}", arrays[name])
        size = len(self._category)
        together = (arrays["times"], arrays["indices"], arrays["indptr"])
        self._together = sparse.csr_matrix(together, shape=(size, size))
        self._by_category, self._by_seller = _Groups(self._category), _Groups(self._seller)
        return self

    def candidates(self, context: Positions) -> Positions:
        """What may be added to a basket, in order of position: nothing that is in it."""
        chosen = np.zeros(len(self._category), dtype=bool)
        chosen[self._popular] = True
        for item in context:
            chosen[self._by_category.with_item(item)] = True
            chosen[self._by_seller.with_item(item)] = True
            chosen[self._together.indices[self._together.indptr[item] : self._together.indptr[item + 1]]] = True
        chosen[context] = False
        return np.flatnonzero(chosen)

    def features(self, context: Positions, candidates: Positions) -> Floats:
        """:data:`FEATURES` of each candidate beside the products of a basket, of which there is at least one."""
        first, *others = (self._beside(item, candidates) for item in context)
        return np.asarray(sum(others, start=first) / len(context))

    def ranker(self, weights: Mapping[str, float]) -> Ranker:
        """The utility of each product beside those of a history; what is no candidate comes last.

        Args:
            weights: by feature, from :func:`learn`.
        """
        beta = coefficients(weights)

        def scores(who: Histories) -> Floats:
            rows = [self.utilities(last_items(who.last, row), beta) for row in range(len(who.segment))]
            return np.array(rows).reshape(len(rows), len(self._otherwise))

        return scores

    def utilities(self, context: Positions, beta: Floats) -> Floats:
        """What :meth:`ranker` gives one history.

        Args:
            context: its products, as :func:`last_items` gives them; there may be none.
            beta: from :func:`coefficients`.
        """
        found = self._otherwise.copy()
        if len(context):
            candidates = self.candidates(context)
            utility = self.features(context, candidates) @ beta
            # Above all that is no candidate, in the same order.
            found[candidates] = 1 + utility - utility.min(initial=0.0)
        return found

    def _beside(self, item: int, candidates: Positions) -> Floats:
        category = self._category[candidates] == self._category[item]
        seller = self._seller[candidates] == self._seller[item]
        row = slice(self._together.indptr[item], self._together.indptr[item + 1])
        beside = np.zeros(len(self._category))
        beside[self._together.indices[row]] = self._together.data[row]
        times = beside[candidates]
        # A measure that is not known equals none, and is as far apart as any can be.
        apart = np.abs(self._logs[candidates] - self._logs[item])
        apart = np.where(np.isnan(apart), APART_AT_MOST, np.minimum(apart, APART_AT_MOST))
        same = self._counts[candidates] == self._counts[item]
        return np.column_stack(
            [
                self._log_recent[candidates],
                self._log_orders[candidates],
                category,
                seller,
                category & seller,
                times > 0,
                np.log1p(times),
                (self._measures[candidates] == self._measures[item]).mean(axis=1),
                apart,
                same,
            ]
        )


def coefficients(weights: Mapping[str, float]) -> Floats:
    """Weights in the order of :data:`FEATURES`."""
    return np.array([weights[name] for name in FEATURES])


def last_items(last: sparse.csr_matrix, row: int) -> Positions:
    """The items of a history, at most :data:`CONTEXT`, those of the last time."""
    part = slice(last.indptr[row], last.indptr[row + 1])
    items, place = last.indices[part], last.data[part]
    return np.sort(items[np.lexsort((items, -place))][:CONTEXT]).astype(np.int64)


def choices(catalogue: Catalogue, later: Interactions, random: np.random.Generator) -> Iterator[Floats]:
    """Each product of each later basket, chosen beside the others.

    Args:
        catalogue: what was known before.
        later: baskets, numbered like those of the catalogue.
        random: draws the alternatives.

    Yields:
        Features of the chosen product, then of alternatives; nothing for a choice among things that were not known.
    """
    for basket in np.unique(later.user):
        items = np.unique(later.item[later.user == basket])
        items = items[items >= 0]
        for chosen in items if len(items) > 1 else ():
            context = items[items != chosen][:CONTEXT]
            candidates = catalogue.candidates(context)
            others = candidates[candidates != chosen]
            if 0 < len(others) < len(candidates):
                if len(others) > ALTERNATIVES:
                    others = np.sort(random.choice(others, ALTERNATIVES, replace=False))
                order = np.concatenate([[chosen], others])
                position = np.argsort(order)
                features = np.empty((len(order), len(FEATURES)))
                features[position] = catalogue.features(context, order[position])
                yield features


def learn(seen: Sequence[Floats]) -> Mapping[str, float]:
    """The weights that make choices most likely, with a ridge.

    Args:
        seen: of each choice the features of its candidates, the chosen one first; none gives weights of 0.

    Returns:
        A weight a feature.
    """
    if not seen:
        return dict.fromkeys(FEATURES, 0.0)
    features = np.concatenate(seen)
    sizes = np.array([len(each) for each in seen])
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    spread = features.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    features = features / scale

    def loss(beta: Floats) -> tuple[float, Floats]:
        utility = features @ beta
        utility -= np.repeat(np.maximum.reduceat(utility, start), sizes)
        odds = np.exp(utility)
        total = np.add.reduceat(odds, start)
        expected = features.T @ (odds / np.repeat(total, sizes))
        value = RIDGE / 2 * beta @ beta - (utility[start] - np.log(total)).sum()
        return value, RIDGE * beta - features[start].sum(axis=0) + expected

    found = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B")
    return {name: float(weight) for name, weight in zip(FEATURES, found.x / scale, strict=True)}


class _Groups:
    """Which items share a code with an item; a code of -1 is shared with nobody."""

    def __init__(self, code: Positions) -> None:
        self._code = code
        self._order = np.argsort(code, kind="stable")
        self._bounds = np.searchsorted(code[self._order], np.arange(code.max(initial=-1) + 2))

    def with_item(self, item: int) -> Positions:
        code = self._code[item]
        if code < 0:
            return np.empty(0, dtype=np.int64)
        return self._order[self._bounds[code] : self._bounds[code + 1]]


def _codes(column: pd.Series) -> Positions:
    """Numbers of the values; what is not known has one of its own below 0, so that it equals nothing else."""
    code = pd.factorize(column)[0].astype(np.int64)
    return np.where(code < 0, -1 - np.arange(len(code)), code)

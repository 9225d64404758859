"""What a recommender has to beat: rankings that know little or nothing of a person.

Where a rule knows nothing, what is popular of late comes first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ml.recommender.interactions import Interactions, Positions
from ml.recommender.rankers import Ranker

HALF_LIFE_DAYS = 30.0
"""After so many days an interaction counts half in what is popular of late."""
OTHERS_COUNT = 0.1
"""What an interaction outside the segment counts beside one inside."""
LAST_TIME_COUNTS = 1e-3
"""What a later place counts in a history, beside a strength of 1: no more than a tie-break."""


def random_order(past: Interactions, seed: int) -> Ranker:
    """Any item, in another order each time."""
    random = np.random.default_rng(seed)
    return lambda who: random.random((len(who.segment), len(past.items)))


def counts(past: Interactions) -> npt.NDArray[np.float64]:
    """How many users have dealt with each item."""
    return np.bincount(past.strengths().indices, minlength=len(past.items)).astype(np.float64)


def recent_counts(past: Interactions) -> npt.NDArray[np.float64]:
    """Interactions with each item, each 0.5 ** (age / :data:`HALF_LIFE_DAYS`), its age up to the last of all."""
    weights = _decay(past, past.time.max())
    return np.bincount(past.item, weights, len(past.items)).astype(np.float64)


def popularity(past: Interactions) -> Ranker:
    """What most users have dealt with."""
    return _same_for_all(counts(past))


def recent_popularity(past: Interactions) -> Ranker:
    """What is dealt with most of late."""
    return _same_for_all(recent_counts(past))


def popular_in_segment(past: Interactions, segment: Positions) -> Ranker:
    """What is popular of late among those of the same segment, and a little among all: :data:`OTHERS_COUNT`.

    Args:
        segment: of each user, from 0.
    """
    popular = shares_by_segment(past, segment)
    return lambda who: popular[row_of_segment(who.segment, popular)]


def popular_in_categories(past: Interactions, category: pd.Series, *, recent: bool = True) -> Ranker:
    """What is popular in the categories that somebody has dealt with, in proportion to how strongly.

    Args:
        category: by item; an item without one is in none.
        recent: popular of late; otherwise ever.
    """
    member = _members(past, category)
    popular = recent_counts(past) if recent else counts(past)
    return lambda who: (who.strengths @ member @ member.T).toarray() * popular + tie_break(past)


def popular_in_categories_and_segment(past: Interactions, category: pd.Series, segment: Positions) -> Ranker:
    """What is popular of late in somebody's categories among those of the same segment, then what is outside them.

    Args:
        category: by item; an item without one is in none.
        segment: of each user, from 0.
    """
    member = _members(past, category)
    popular = shares_by_segment(past, segment)
    return lambda who: (
        ((who.strengths @ member @ member.T) > 0).toarray() + popular[row_of_segment(who.segment, popular)]
    )


def item_knn(past: Interactions) -> Ranker:
    """Items whose users are those of somebody's own items: summed cosines (Deshpande and Karypis 2004)."""
    owned = _binary(past.strengths())
    each = np.sqrt(np.maximum(owned.sum(axis=0).A1, 1))
    return _neighbours(past, _pairs((owned @ sparse.diags(1 / each)).tocsr()))


def bought_together(past: Interactions) -> Ranker:
    """Items that users had on one day with somebody's own items: the share of that item's days, summed."""
    return _neighbours(past, shares_together(past))


def shares_together(past: Interactions) -> sparse.csr_matrix:
    """Of the days on which users had an item, the share on which they had another one, items × items."""
    day = past.time.astype("datetime64[D]").astype(np.int64)
    _, basket = np.unique(np.stack([past.user, day]), axis=1, return_inverse=True)
    shape = (int(basket.max()) + 1, len(past.items))
    baskets = _binary(sparse.csr_matrix((np.ones(len(past)), (basket.ravel(), past.item)), shape=shape))
    each = np.maximum(baskets.sum(axis=0).A1, 1)
    return (sparse.diags(1 / each) @ _pairs(baskets)).tocsr()


def recently_seen(past: Interactions) -> Ranker:
    """Somebody's own items, the last one first. Worth nothing where the targets are items that are new to them."""
    return lambda who: who.last.toarray() + tie_break(past)


def own_history(past: Interactions) -> Ranker:
    """Somebody's own items, the strongest first, of equal ones the last."""
    return lambda who: who.strengths.toarray() + LAST_TIME_COUNTS * who.last.toarray() + tie_break(past)


def general(past: Interactions, seed: int, category: pd.Series | None = None) -> Mapping[str, Ranker]:
    """The baselines that any interactions allow, by name; that by categories only where they are known."""
    rankers = {
        "random": random_order(past, seed),
        "popularity": popularity(past),
        "recent_popularity": recent_popularity(past),
        "item_knn": item_knn(past),
        "bought_together": bought_together(past),
        "recently_seen": recently_seen(past),
    }
    if category is not None:
        rankers["popular_in_own_categories"] = popular_in_categories(past, category)
    return rankers


IMPERSONAL = ("random", "popularity", "recent_popularity")
"""Those that have a list for somebody of whom nothing is known."""


def _same_for_all(scores: npt.NDArray[np.float64]) -> Ranker:
    return lambda who: np.tile(scores, (len(who.segment), 1))


def shares_by_segment(past: Interactions, segment: Positions) -> npt.NDArray[np.float64]:
    """Recent counts of each segment, smoothed, as a share (below 1) of the largest of the segment.

    Args:
        segment: of each user; negative if it is not known.

    Returns:
        Shape (segments + 1, items); the last row is for those whose segment is not known.
    """
    weight = _decay(past, past.time.max())
    inside = segment[past.user] >= 0
    shape = (int(segment.max(initial=0)) + 1, len(past.items))
    known = (weight[inside], (segment[past.user[inside]], past.item[inside]))
    counted = sparse.csr_matrix(known, shape=shape).toarray()
    everywhere = recent_counts(past)
    smooth = np.vstack([counted + OTHERS_COUNT * everywhere, everywhere])
    return smooth / (1.0001 * smooth.max(axis=1, keepdims=True))


def row_of_segment(segment: Positions, popular: npt.NDArray[np.float64]) -> Positions:
    """Which row of :func:`shares_by_segment` is about each segment: the last for one that is not known."""
    last = len(popular) - 1
    return np.where((segment >= 0) & (segment < last), segment, last)


def _members(past: Interactions, category: pd.Series) -> sparse.csr_matrix:
    """Items × categories."""
    code, names = pd.factorize(category.reindex(past.items))
    known = np.flatnonzero(code >= 0)
    shape = (len(past.items), max(len(names), 1))
    return sparse.csr_matrix((np.ones(len(known)), (known, code[known])), shape=shape)


def _decay(past: Interactions, now: np.datetime64) -> npt.NDArray[np.float64]:
    return 0.5 ** ((now - past.time) / np.timedelta64(1, "D") / HALF_LIFE_DAYS)


def _binary(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    matrix.sum_duplicates()
    return sparse.csr_matrix((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def _pairs(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    pairs = (rows.T @ rows).tocsr()
    pairs.setdiag(0)
    pairs.eliminate_zeros()
    return pairs


def _neighbours(past: Interactions, similar: sparse.csr_matrix) -> Ranker:
    popular = tie_break(past)
    return lambda who: (_binary(who.strengths) @ similar).toarray() + popular


def tie_break(past: Interactions) -> npt.NDArray[np.float64]:
    """Recent popularity, small enough to decide only between items that are equal otherwise."""
    recent = recent_counts(past)
    return 1e-6 * recent / recent.max()

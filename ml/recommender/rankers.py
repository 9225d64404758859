"""What a ranker is: histories in, a score for every item out; and the lists that follow, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ml.recommender.interactions import Interactions, Positions
from ml.recommender.ranking import forbid, top

Scores = npt.NDArray[Any]

AT_ONCE = 1 << 22
"""How many scores are in memory at a time; 32 MB for each of the few arrays that ranking needs."""


class Histories(NamedTuple):
    """What is known of those who are to be told something.

    Attributes:
        strengths: how strongly each dealt with each item, shape (n, items).
        last: where there is a strength, the place of the item by its last time: 1 for the one longest ago.
        segment: a number of the group that each is in (their state), shape (n,).
    """

    strengths: sparse.csr_matrix
    last: sparse.csr_matrix
    segment: Positions

    def some(self, rows: Positions) -> Histories:
        """The histories at some positions."""
        return Histories(self.strengths[rows], self.last[rows], self.segment[rows])


Ranker = Callable[[Histories], Scores]
"""Made from the past. Gives n histories the scores of all items, shape (n, items); more is better."""


def histories_of(past: Interactions, segment: Positions | None = None) -> Histories:
    """The histories of all users of some interactions.

    Args:
        segment: of each user; all in one by default.
    """
    last = pd.Series(past.time.astype(np.int64)).groupby([past.user, past.item]).max()
    user, item = (last.index.get_level_values(level).to_numpy() for level in (0, 1))
    place = last.groupby(level=0).rank(method="dense").to_numpy()
    strengths = past.strengths()
    recency = sparse.csr_matrix((place, (user, item)), shape=strengths.shape)
    return Histories(strengths, recency, no_segment(len(past.users)) if segment is None else segment)


def baskets(content: sparse.csr_matrix) -> Histories:
    """Histories of things at hand at the same time."""
    binary = sparse.csr_matrix((np.ones(content.nnz), content.indices, content.indptr), shape=content.shape)
    return Histories(binary, binary, no_segment(content.shape[0]))


def no_segment(rows: int) -> Positions:
    """Everybody in the same."""
    return np.zeros(rows, dtype=np.int64)


class Ranked(NamedTuple):
    """Attributes:
    places: positions of items, best first, -1 for an empty place, shape (n, k).
    scores: of each, shape (n, k).
    """

    places: npt.NDArray[np.int64]
    scores: Scores


def rank(
    ranker: Ranker,
    who: Histories,
    k: int,
    barred: sparse.csr_matrix | None,
    allowed: npt.NDArray[np.bool_] | None = None,
) -> Ranked:
    """The best items for each history, block by block.

    Args:
        k: how many each; places stay empty where there are no more.
        barred: what may not be listed for each, shape (n, items); None if everything may.
        allowed: what may be listed at all, shape (items,); everything by default.
    """
    rows, items = who.strengths.shape
    block = max(1, AT_ONCE // max(items, 1))
    places, scores = [np.empty((0, k), dtype=np.int64)], [np.empty((0, k))]
    for start in range(0, rows, block):
        some = np.arange(start, min(start + block, rows))
        found = ranker(who.some(some))
        if barred is not None:
            forbid(found, barred[some])
        if allowed is not None:
            found[:, ~allowed] = -np.inf
        places.append(top(found, k))
        scores.append(np.take_along_axis(found, places[-1], axis=1) if items else np.zeros((len(some), k)))
    return Ranked(np.concatenate(places), np.concatenate(scores))

"""From scores to lists: the best k a row, ties broken by position."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse


def top(scores: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    """The positions of the k highest scores of each row, best first; of equal scores the first position.

    Args:
        scores: shape (n, items); -inf for what may not be in the list.
        k: at least 1; more than there are items is allowed.

    Returns:
        Shape (n, k); -1 where there is nothing left to list.
    """
    rows, items = scores.shape
    lists = np.full((rows, k), -1, dtype=np.int64)
    length = min(k, items)
    if rows == 0 or length == 0:
        return lists
    least = np.partition(scores, items - length, axis=1)[:, items - length, None]
    chosen = scores >= least
    tied = np.flatnonzero(chosen.sum(axis=1) > length)
    if len(tied):
        above, equal = scores[tied] > least[tied], scores[tied] == least[tied]
        room = length - above.sum(axis=1, keepdims=True)
        chosen[tied] = above | (equal & (np.cumsum(equal, axis=1) <= room))
    places = np.nonzero(chosen)[1].reshape(rows, length)
    found = np.take_along_axis(scores, places, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    places, found = np.take_along_axis(places, order, axis=1), np.take_along_axis(found, order, axis=1)
    lists[:, :length] = np.where(np.isneginf(found), -1, places)
    return lists


def forbid(scores: npt.NDArray[np.floating], seen: sparse.csr_matrix) -> None:
    """Set the scores of the pairs in ``seen`` to -inf, in place; same shape, explicit zeros count."""
    row = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    scores[row, seen.indices] = -np.inf

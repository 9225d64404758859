"""Ranking metrics of lists of recommendations, each a value a list, so that intervals can be drawn from them.

A list is a row of ``hits``: whether the item at rank 1, 2, … is relevant; places that a short list leaves empty are
misses. Relevance is yes or no.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def precision(hits: Bools) -> Floats:
    """The share of the k places that hold a relevant item.

    Args:
        hits: shape (n, k).
    """
    return hits.mean(axis=1)


def recall(hits: Bools, relevant: Ints) -> Floats:
    """The share of the relevant items that are in the list.

    Args:
        hits: shape (n, k).
        relevant: how many items are relevant, found or not, at least 1, shape (n,).
    """
    return hits.sum(axis=1) / relevant


def ndcg(hits: Bools, relevant: Ints) -> Floats:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002): a hit at rank r is worth 1 / log2(1 + r).

    Args:
        hits: shape (n, k).
        relevant: how many items are relevant, found or not, at least 1, shape (n,). The best list, of value 1, begins
            with min(k, relevant) hits.
    """
    discounts = 1 / np.log2(np.arange(2, hits.shape[1] + 2))
    best = np.concatenate([[0.0], np.cumsum(discounts)])
    return (hits * discounts).sum(axis=1) / best[np.minimum(relevant, hits.shape[1])]


def average_precision(hits: Bools, relevant: Ints) -> Floats:
    """The mean, over the relevant items, of the precision at the rank of each; 0 for those not in the list.

    Args:
        hits: shape (n, k).
        relevant: how many items are relevant, found or not, at least 1, shape (n,). At most k of them count, so that
            the best list has the value 1.
    """
    precision_at = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return (hits * precision_at).sum(axis=1) / np.minimum(relevant, hits.shape[1])


def coverage(recommended: Ints, items: int) -> float:
    """The share of all items that are recommended to anybody.

    Args:
        recommended: positions of items, -1 for an empty place, any shape.
        items: how many there are.
    """
    return len(np.unique(recommended[recommended >= 0])) / items


def novelty(recommended: Ints, share_of_users: Floats) -> float:
    """Mean self-information of what is recommended, in bits (Zhou et al. 2010): 3 for what one user in eight has.

    Args:
        recommended: positions of items, -1 for an empty place, any shape.
        share_of_users: of each item, the share of users who have it, above 0, shape (items,).

    Returns:
        The mean of -log2(share); NaN where nothing is recommended.
    """
    shown = recommended[recommended >= 0]
    return float(-np.log2(share_of_users[shown]).mean()) if len(shown) else float("nan")

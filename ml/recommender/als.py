"""Implicit alternating least squares (Hu, Koren and Volinsky 2008), by the library ``implicit``.

A pair of strength s is a preference of 1 with confidence 1 + alpha · s, every other pair one of 0 with confidence 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from ml.threads import THREADS

Factors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AlsParams:
    """Attributes:
    factors: length of the vectors, at least 1.
    regularization: lambda of the paper, not multiplied by the number of interactions.
    alpha: what a strength of 1 adds to the confidence.
    iterations: passes over users and items.
    """

    factors: int = 64
    regularization: float = 0.1
    alpha: float = 1.0
    iterations: int = 15

    def as_dict(self) -> dict[str, int | float]:
        return asdict(self)


def factorise(strengths: sparse.csr_matrix, params: AlsParams, seed: int, threads: int = THREADS) -> Factors:
    """Item factors that, with each user's, explain the strengths.

    Args:
        strengths: users × items, above 0 where there is an interaction.
        seed: of the starting point.
        threads: how many; each row is solved for itself, so their number changes nothing.

    Returns:
        Shape (items, factors). Users' factors follow from them: :func:`fold_in`.
    """
    model = _solver(params, threads, use_cg=True)
    start = np.random.default_rng(seed)
    model.user_factors = _start(start, strengths.shape[0], params)
    model.item_factors = _start(start, strengths.shape[1], params)
    with threadpool_limits(1, "blas"):
        model.fit(_confidence(strengths, params), show_progress=False)
    return np.asarray(model.item_factors)


def fold_in(
    item_factors: Factors, strengths: sparse.csr_matrix, params: AlsParams, threads: int = THREADS
) -> Factors:
    """The factors of users, known or new, from their strengths: equation 4 of the paper, solved exactly.

    Args:
        item_factors: shape (items, factors).
        strengths: users × items; a user without any gets zeros.

    Returns:
        Shape (users, factors), each row a function of the user's strengths alone.
    """
    users = np.zeros((strengths.shape[0], item_factors.shape[1]), dtype=np.float32)
    model = _solver(params, threads, use_cg=False)
    with threadpool_limits(1, "blas"):
        model.solver(_confidence(strengths, params), users, item_factors, params.regularization, num_threads=threads)
    users[np.diff(strengths.indptr) == 0] = 0
    return users


class FoldIn:
    """:func:`fold_in` for one history after the other: what depends on the items alone is computed once."""

    def __init__(self, item_factors: Factors, params: AlsParams) -> None:
        self._params = params
        self._model = _solver(params, threads=1, use_cg=False)
        self._model.item_factors = item_factors

    def scores(self, items: npt.NDArray[np.int64], strengths: npt.NDArray[np.float64]) -> Factors:
        """How well each item fits a history.

        Args:
            items: positions, sorted, at least one.
            strengths: of each.
        """
        shape = (1, len(self._model.item_factors))
        row = sparse.csr_matrix((strengths, items, [0, len(items)]), shape=shape)
        user = self._model.recalculate_user(0, _confidence(row, self._params))
        return np.asarray(user @ self._model.item_factors.T)


def _solver(params: AlsParams, threads: int, use_cg: bool) -> AlternatingLeastSquares:
    with threadpool_limits(1, "blas"):
        return AlternatingLeastSquares(
            factors=params.factors,
            regularization=params.regularization,
            iterations=params.iterations,
            use_cg=use_cg,
            num_threads=threads,
        )


def _confidence(strengths: sparse.csr_matrix, params: AlsParams) -> sparse.csr_matrix:
    confidence = strengths.astype(np.float32)
    confidence.data = np.float32(1) + np.float32(params.alpha) * confidence.data
    return confidence


def _start(random: np.random.Generator, rows: int, params: AlsParams) -> Factors:
    """Directions drawn evenly, as Spark MLlib starts: from positive numbers, sparse baskets are ranked worse."""
    drawn = random.standard_normal((rows, params.factors), dtype=np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))

"""How well a recommender ranks what people deal with next, beside the baselines, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import sparse

from ml.candidate import Decision
from ml.recommender import baselines, metrics
from ml.recommender.als import AlsParams
from ml.recommender.interactions import Interactions
from ml.recommender.rankers import Histories, Ranker, histories_of, no_segment, rank
from ml.recommender.recommender import Recommender, fit_interactions
from ml.recommender.splits import Split, last_quarter, split_at, split_pair, window_before
from ml.resampling import difference_interval, mean_interval
from ml.threads import THREADS

Floats = npt.NDArray[np.float64]

GRID = (
    AlsParams(factors=32, regularization=0.1, alpha=1),
    AlsParams(factors=32, regularization=0.1, alpha=10),
    AlsParams(factors=32, regularization=10, alpha=1),
    AlsParams(factors=32, regularization=10, alpha=10),
    AlsParams(factors=64, regularization=0.1, alpha=10),
    AlsParams(factors=64, regularization=10, alpha=1),
    AlsParams(factors=64, regularization=30, alpha=3),
    AlsParams(factors=64, regularization=50, alpha=3),
)
"""What the search tries, the simplest first."""

TABLE = ["method", "group", "metric", "value", "low", "high", "cases"]
DRAWS = 1000
"""Of the bootstrap."""


class Lists(NamedTuple):
    """What a ranker lists for the users of a test, and what of it they wanted.

    Attributes:
        places: positions of items, -1 for an empty place, shape (n, k).
        hits: whether each is relevant, shape (n, k).
        relevant: how many items are, listed or not, shape (n,).
    """

    places: npt.NDArray[np.int64]
    hits: npt.NDArray[np.bool_]
    relevant: npt.NDArray[np.int64]

    def some(self, rows: npt.NDArray[np.bool_]) -> Lists:
        """Some of the lists."""
        return Lists(self.places[rows], self.hits[rows], self.relevant[rows])

    def ndcg(self) -> Floats:
        """NDCG at k, a value a list."""
        return metrics.ndcg(self.hits, self.relevant)

    def by_metric(self) -> Mapping[str, Floats]:
        """Precision, recall, NDCG and average precision at k, a value a user."""
        k = self.hits.shape[1]
        return {
            f"precision_at_{k}": metrics.precision(self.hits),
            f"recall_at_{k}": metrics.recall(self.hits, self.relevant),
            f"ndcg_at_{k}": metrics.ndcg(self.hits, self.relevant),
            f"map_at_{k}": metrics.average_precision(self.hits, self.relevant),
        }


@dataclass(frozen=True)
class Evaluation:
    """Attributes:
    params: of the ALS, the best on the validation rows.
    table: one row per method, group and metric: value, low, high (95 %; NaN for coverage and novelty) and cases
        (users). Groups: returning (known before), of those one_time (one day before) and repeat; new, for methods
        that need no history.
    decision: whether ALS ranks better for returning users than every baseline, more surely than by chance.
    """

    params: AlsParams
    table: pd.DataFrame
    decision: Decision

    def value(self, method: str, metric: str, group: str = "returning") -> float:
        """One figure of the table."""
        rows = self.table
        found = rows[(rows.method == method) & (rows.metric == metric) & (rows.group == group)]
        return float(found["value"].iloc[0])


def evaluate(
    frame: pd.DataFrame | pa.Table,
    *,
    test: pd.DataFrame | pa.Table | None = None,
    split: float | datetime = 0.8,
    k: int = 10,
    repeats: bool = False,
    categories: Mapping[object, object] | pd.Series | None = None,
    grid: Sequence[AlsParams] = GRID,
    seed: int = 0,
    threads: int = THREADS,
) -> Evaluation:
    """Search for good parameters, fit on the past, and measure on what came after, beside the baselines.

    Args:
        frame: pandas or Arrow with user, item, weight (above 0) and timestamp.
        test: what came after, in the same columns. The frame is then all known, and its validation rows are the last
            quarter of each user's.
        split: without ``test``: when the test window begins, a time (UTC) or the share of the rows before it. The
            validation window before it is as long as the test window.
        k: length of the lists.
        repeats: whether what a user has dealt with before may be listed and counts; otherwise neither.
        categories: of items, for the baseline 'popular in own categories'.
        grid: parameters to try on the validation rows; one entry means no search.
        seed: of the factors and the intervals.

    Raises:
        BadInput: if a frame cannot be learned from, or nothing is left to learn from or to test on.
    """
    parts = split_pair(frame, test) if test is not None else split_at(frame, split)
    held_out = last_quarter(parts.train) if test is not None else window_before(parts)
    params = search(held_out, grid, k, repeats, seed, threads) if len(grid) > 1 else grid[0]
    category = None if categories is None else pd.Series(categories)
    rankers = {
        "als": fit_interactions(parts.train, params, seed, threads).score,
        **baselines.general(parts.train, seed, category),
    }
    who = people(parts, repeats)
    known = measure(who.known, rankers, k)
    strangers = measure_strangers(who.strangers, {name: rankers[name] for name in baselines.IMPERSONAL}, k)
    return Evaluation(params, table(parts, who, known, strangers, seed), beats_all(known, "als", seed))


def search(
    held_out: Split | None, grid: Sequence[AlsParams], k: int, repeats: bool, seed: int, threads: int = THREADS
) -> AlsParams:
    """The parameters with the best NDCG for returning users on validation rows; the first of equal ones."""
    if held_out is None:
        return grid[0]
    queries = people(held_out, repeats).known
    return best_of(grid, lambda params: fit_interactions(held_out.train, params, seed, threads), queries, k)


def best_of(
    grid: Sequence[AlsParams], fit: Callable[[AlsParams], Recommender], queries: Queries, k: int
) -> AlsParams:
    """The parameters with the best mean NDCG on some queries; the first of equal ones."""
    values = [measure(queries, {"als": fit(params).score}, k)["als"].ndcg().sum() for params in grid]
    return grid[int(np.argmax(values))]


class Queries(NamedTuple):
    """Whom to tell something, and what they went on to deal with.

    Attributes:
        histories: what was known of them.
        wanted: items that were dealt with later, shape (n, items).
        relevant: how many those are, with those that nobody could have listed, at least 1, shape (n,).
        barred: what may not be listed for them, as in ``histories.strengths``; None if everything may.
    """

    histories: Histories
    wanted: sparse.csr_matrix
    relevant: npt.NDArray[np.int64]
    barred: sparse.csr_matrix | None

    def some(self, rows: npt.NDArray[np.int64]) -> Queries:
        """The queries at some positions."""
        barred = None if self.barred is None else self.barred[rows]
        return Queries(self.histories.some(rows), self.wanted[rows], self.relevant[rows], barred)


def measure_strangers(queries: Queries, rankers: Mapping[str, Ranker], k: int) -> Mapping[str, Lists]:
    """As :func:`measure`, for queries without a history: those of a segment are all told the same."""
    segments, number = np.unique(queries.histories.segment, return_inverse=True)
    nothing = sparse.csr_matrix((len(segments), queries.wanted.shape[1]))
    lists = {}
    for name, ranker in rankers.items():
        places = rank(ranker, Histories(nothing, nothing, segments), k, None).places[number]
        lists[name] = Lists(places, (places >= 0) & _holds(queries.wanted, places), queries.relevant)
    return lists


class People(NamedTuple):
    """The queries of a test window: of users known before, on how many days they came, and of strangers."""

    known: Queries
    days: npt.NDArray[np.int64]
    strangers: Queries


def people(parts: Split, repeats: bool, segment: npt.NDArray[np.int64] | None = None) -> People:
    """Everybody who has something to find in the test rows.

    Args:
        repeats: as in :func:`evaluate`.
        segment: of each of ``parts.test.users``.
    """
    train, test = parts
    wanted, unknown = _targets(test)
    past = histories_of(train)
    new_users = sparse.csr_matrix((len(test.users) - len(train.users), len(train.items)))
    whole = Histories(
        sparse.vstack([past.strengths, new_users], format="csr"),
        sparse.vstack([past.last, new_users], format="csr"),
        no_segment(len(test.users)) if segment is None else segment,
    )
    if not repeats:
        wanted = (wanted - wanted.multiply(whole.strengths > 0)).tocsr()
        wanted.eliminate_zeros()
    relevant = np.diff(wanted.indptr) + unknown
    queries = Queries(whole, wanted, relevant, None if repeats else whole.strengths)
    asked = np.flatnonzero(relevant > 0)
    known, strangers = asked[asked < len(train.users)], asked[asked >= len(train.users)]
    return People(queries.some(known), _days(train)[known], queries.some(strangers))


def measure(queries: Queries, rankers: Mapping[str, Ranker], k: int) -> Mapping[str, Lists]:
    """What each ranker lists, in blocks of bounded memory.

    Args:
        rankers: of the same items as the queries.
        k: length of the lists.
    """
    lists = {}
    for name, ranker in rankers.items():
        places = rank(ranker, queries.histories, k, queries.barred).places
        hits = (places >= 0) & _holds(queries.wanted, places)
        lists[name] = Lists(places, hits, queries.relevant)
    return lists


def table(
    parts: Split, who: People, known: Mapping[str, Lists], strangers: Mapping[str, Lists], seed: int
) -> pd.DataFrame:
    """The table of :class:`Evaluation`."""
    share = baselines.counts(parts.train) / len(parts.train.users)
    everybody = np.ones(len(who.days), dtype=bool)
    groups = {"returning": everybody, "one_time": who.days == 1, "repeat": who.days > 1}
    rows = []
    for group, members in groups.items():
        for method, lists in known.items():
            rows += summary(method, group, lists.some(members), share, seed)
    for method, lists in strangers.items():
        rows += summary(method, "new", lists, share, seed)
    return pd.DataFrame(rows, columns=TABLE)


def summary(
    method: str,
    group: str,
    lists: Lists,
    share: Floats,
    seed: int,
    clusters: npt.NDArray[np.int64] | None = None,
) -> list[tuple[object, ...]]:
    """Rows of a table of :data:`TABLE`, none without a list.

    Args:
        share: of each item, the share of users who have it.
        clusters: lists with the same number belong together; each list its own by default.
    """
    if not len(lists.hits):
        return []
    k = lists.hits.shape[1]
    cases = len(lists.hits) if clusters is None else len(np.unique(clusters))
    measured: list[tuple[object, ...]] = [
        (method, group, metric, *mean_interval(per_case(values, clusters), seed, draws=DRAWS), cases)
        for metric, values in lists.by_metric().items()
    ]
    whole = {
        f"coverage_at_{k}": metrics.coverage(lists.places, len(share)),
        f"novelty_at_{k}": metrics.novelty(lists.places, share),
    }
    return measured + [(method, group, metric, value, np.nan, np.nan, cases) for metric, value in whole.items()]


def per_case(values: Floats, clusters: npt.NDArray[np.int64] | None) -> Floats:
    """The mean of each cluster, by its number: each weighs the same, however many lists it has."""
    if clusters is None:
        return values
    return np.bincount(clusters, weights=values) / np.bincount(clusters)


def beats_all(
    lists: Mapping[str, Lists], model: str, seed: int, clusters: npt.NDArray[np.int64] | None = None
) -> Decision:
    """Promote a method whose NDCG is above that of each other one by the whole 95 % interval of the difference.

    The one that it beats least decides, or that it is furthest behind; the others are details.

    Args:
        lists: by method, all of the same queries.
        model: the method in question.
        seed: of the intervals.
        clusters: as in :func:`summary`.
    """
    k = lists[model].hits.shape[1]
    if not len(lists[model].hits):
        return Decision(False, ("Nobody who was known before has anything to find in the test window.",))
    values = {name: per_case(found.ndcg(), clusters) for name, found in lists.items()}
    own = values.pop(model)
    lows, reasons = [], []
    for name, others in values.items():
        mean, low, high = difference_interval(own, others, seed, draws=DRAWS)
        lows.append(low)
        verdict = "better than" if low > 0 else "worse than" if high < 0 else "not told apart from"
        reasons.append(
            f"NDCG@{k} of {model}, {own.mean():.4f}, is {verdict} that of {name}, {others.mean():.4f} "
            f"(difference {mean:+.4f}, from {low:+.4f} to {high:+.4f})."
        )
    decides = min(range(len(lows)), key=lows.__getitem__, default=0)
    return Decision(all(low > 0 for low in lows), tuple(reasons), (*reasons[:decides], *reasons[decides + 1 :]))


def _targets(test: Interactions) -> tuple[sparse.csr_matrix, npt.NDArray[np.int64]]:
    """What each user dealt with: known items as a matrix, and how many others."""
    known = test.item >= 0
    shape = (len(test.users), len(test.items))
    wanted = sparse.csr_matrix((np.ones(known.sum()), (test.user[known], test.item[known])), shape=shape)
    wanted.sum_duplicates()
    wanted.data[:] = 1
    return wanted, np.bincount(test.user[~known], minlength=len(test.users))


def _holds(matrix: sparse.csr_matrix, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each row of a matrix has a value in the columns named in the same row of ``places``."""
    if not len(places):
        return np.zeros(places.shape, dtype=bool)
    row = np.repeat(np.arange(len(places)), places.shape[1])
    return np.asarray(matrix[row, places.clip(0).ravel()]).reshape(places.shape) > 0


def _days(train: Interactions) -> npt.NDArray[np.int64]:
    """On how many days each user came."""
    day = train.time.astype("datetime64[D]").astype(np.int64)
    pairs = np.unique(np.stack([train.user, day]), axis=1)
    return np.bincount(pairs[0], minlength=len(train.users))

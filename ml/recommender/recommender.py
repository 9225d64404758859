"""A fitted recommender for any frame of user, item, weight and timestamp."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from ml.recommender.als import AlsParams, Factors, factorise, fold_in
from ml.recommender.interactions import Interactions, read
from ml.recommender.rankers import Histories, Ranked, Scores, baskets, rank
from ml.threads import THREADS

DEFAULT = AlsParams()


@dataclass(frozen=True)
class Recommender:
    """Item factors, the ids they belong to, and the histories of the users it was fitted on.

    Attributes:
        params: what it was fitted with.
        users: ids, sorted.
        items: ids, sorted.
        strengths: users × items.
        item_factors: shape (items, factors).
    """

    params: AlsParams
    users: pd.Index
    items: pd.Index
    strengths: sparse.csr_matrix
    item_factors: Factors

    def recommend(self, users: Sequence[Any], k: int = 10, *, only_new: bool = True) -> pd.DataFrame:
        """The best items for each user.

        Args:
            users: ids; whoever is not known is left out, and so is what they would be told: it would be no more than
                popularity.
            k: how many each, fewer where there are no more items.
            only_new: leave out what the user has dealt with.

        Returns:
            user, item, rank (from 1) and score, by user as asked for and rank.
        """
        asked = pd.Index(users)
        row = self.users.get_indexer(asked)
        asked, row = asked[row >= 0], row[row >= 0]
        histories = baskets(self.strengths[row])._replace(strengths=self.strengths[row])
        return flat(asked, self.items, rank(self.score, histories, k, histories.strengths if only_new else None))

    def recommend_for(self, frame: pd.DataFrame | pa.Table, k: int = 10) -> pd.DataFrame:
        """The best new items for histories that are handed in, of users known or not.

        Args:
            frame: user, item, weight and timestamp, as for :func:`fit`; items that the recommender has not met are
                passed over, and so are users of nothing else.
            k: how many each.

        Returns:
            As :meth:`recommend`, users in order.

        Raises:
            BadInput: as :func:`fit`.
        """
        asked = read(frame)
        strengths = asked.strengths()
        place = self.items.get_indexer(asked.items)
        met = place >= 0
        chosen = sparse.csr_matrix(
            (np.ones(int(met.sum())), (np.flatnonzero(met), place[met])), shape=(len(asked.items), len(self.items))
        )
        known = sparse.csr_matrix(strengths @ chosen)
        some = np.flatnonzero(np.diff(known.indptr))
        histories = baskets(known[some])._replace(strengths=known[some])
        return flat(asked.users[some], self.items, rank(self.score, histories, k, histories.strengths))

    def score(self, who: Histories) -> Scores:
        """The ranker: how well each item fits a history, known or new; its factors follow from it alone."""
        return fold_in(self.item_factors, who.strengths, self.params) @ self.item_factors.T

    def similar(self, items: Sequence[Any], k: int = 10) -> pd.DataFrame:
        """The items whose factors point the same way (cosine).

        Args:
            items: ids; unknown ones are left out.

        Returns:
            user (the item asked for), item, rank and score, as :meth:`recommend`.
        """
        asked = pd.Index(items)
        row = self.items.get_indexer(asked)
        asked, row = asked[row >= 0], row[row >= 0]
        length = np.linalg.norm(self.item_factors, axis=1, keepdims=True)
        unit = self.item_factors / np.where(length > 0, length, 1)
        each = sparse.csr_matrix((np.ones(len(row)), (np.arange(len(row)), row)), shape=(len(row), len(self.items)))

        def cosine(who: Histories) -> Scores:
            return unit[who.strengths.indices] @ unit.T

        return flat(asked, self.items, rank(cosine, baskets(each), k, each))

    def save(self, folder: Path) -> None:
        """Write the recommender into a folder, as arrays, Parquet and JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "params.json").write_text(json.dumps(self.params.as_dict(), sort_keys=True))
        pq.write_table(pa.table({"user": pa.array(self.users)}), folder / "users.parquet")
        pq.write_table(pa.table({"item": pa.array(self.items)}), folder / "items.parquet")
        sparse.save_npz(folder / "strengths.npz", self.strengths)
        np.savez(folder / "factors.npz", item_factors=self.item_factors)

    @classmethod
    def load(cls, folder: Path) -> Recommender:
        """Read what :meth:`save` wrote."""
        with np.load(folder / "factors.npz", allow_pickle=False) as arrays:
            item_factors = arrays["item_factors"]
        return cls(
            AlsParams(**json.loads((folder / "params.json").read_text())),
            pd.Index(pq.read_table(folder / "users.parquet")["user"].to_pandas()),
            pd.Index(pq.read_table(folder / "items.parquet")["item"].to_pandas()),
            sparse.load_npz(folder / "strengths.npz"),
            item_factors,
        )


def fit(
    frame: pd.DataFrame | pa.Table,
    params: AlsParams = DEFAULT,
    *,
    seed: int = 0,
    threads: int = THREADS,
) -> Recommender:
    """Fit implicit ALS on any interactions.

    Args:
        frame: pandas or Arrow with user, item, weight (above 0) and timestamp; rows of one pair add up.
        params: of the factorisation; :func:`ml.recommender.evaluate` searches for good ones.
        seed: the same seed gives the same factors, whatever the number of threads.

    Raises:
        BadInput: if the frame cannot be learned from.
    """
    return fit_interactions(read(frame), params, seed, threads)


def fit_interactions(past: Interactions, params: AlsParams, seed: int, threads: int = THREADS) -> Recommender:
    """:func:`fit` for interactions that are numbered already."""
    strengths = past.strengths()
    return Recommender(params, past.users, past.items, strengths, factorise(strengths, params, seed, threads))


def flat(asked: pd.Index, items: pd.Index, ranked: Ranked) -> pd.DataFrame:
    """Lists as rows of user, item, rank and score; empty places are left out."""
    row, place = np.nonzero(ranked.places >= 0)
    return pd.DataFrame(
        {
            "user": asked[row],
            "item": items[ranked.places[row, place]],
            "rank": (place + 1).astype(np.int32),
            "score": ranked.scores[row, place].astype(np.float64),
        }
    )

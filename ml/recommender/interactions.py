"""Who dealt with what, how strongly and when: any frame of user, item, weight and timestamp, checked and numbered."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import sparse

from ml.candidate import BadInput

COLUMNS = ("user", "item", "weight", "timestamp")
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Interactions:
    """Rows of a frame, with users and items as positions in sorted indexes.

    Attributes:
        users: ids, sorted, unique.
        items: ids, sorted, unique.
        user: position in ``users``, shape (n,).
        item: position in ``items``, shape (n,); -1 for one that is not among them (of a test, never seen before).
        weight: above 0, shape (n,).
        time: UTC, shape (n,).
    """

    users: pd.Index
    items: pd.Index
    user: Positions
    item: Positions
    weight: npt.NDArray[np.float64]
    time: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.user)

    def strengths(self) -> sparse.csr_matrix:
        """Summed weights, users × items: rows of the same pair add up."""
        shape = (len(self.users), len(self.items))
        matrix = sparse.csr_matrix((self.weight, (self.user, self.item)), shape=shape)
        matrix.sum_duplicates()
        return matrix

    def where(self, rows: npt.NDArray[np.bool_]) -> Interactions:
        """Some of the rows; users and items stay as they are."""
        return replace(
            self, user=self.user[rows], item=self.item[rows], weight=self.weight[rows], time=self.time[rows]
        )

    def frame(self) -> pd.DataFrame:
        """The rows again as a frame with :data:`COLUMNS`; none of an item that is not among the items."""
        known = self.item >= 0
        return pd.DataFrame(
            {
                "user": self.users[self.user[known]],
                "item": self.items[self.item[known]],
                "weight": self.weight[known],
                "timestamp": self.time[known],
            }
        )


def read(frame: pd.DataFrame | pa.Table) -> Interactions:
    """Check a frame and number its users and items; the order of its rows does not matter.

    Args:
        frame: pandas or Arrow, with user, item (ids of any one sortable type), weight (above 0) and timestamp (a
            time, or a number of seconds since 1970). A pair may be in several rows; their weights add up.

    Raises:
        BadInput: if a column or all rows are missing, an id, weight or time is null, or a weight is not above 0.
    """
    rows = checked(frame)
    user, users = pd.factorize(rows["user"], sort=True)
    item, items = pd.factorize(rows["item"], sort=True)
    return _ordered(rows, pd.Index(users), pd.Index(items), user, item)


def read_later(frame: pd.DataFrame | pa.Table, before: Interactions) -> Interactions:
    """Check a test frame and number it like the training frame; users only it has come after the known ones.

    Raises:
        BadInput: as :func:`read`.
    """
    rows = checked(frame)
    users = before.users.append(pd.Index(rows["user"].unique()).difference(before.users, sort=True))
    return _ordered(
        rows, users, before.items, users.get_indexer(rows["user"]), before.items.get_indexer(rows["item"])
    )


def checked(frame: pd.DataFrame | pa.Table) -> pd.DataFrame:
    """The four columns of a frame that can be learned from, times in UTC.

    Raises:
        BadInput: as :func:`read`.
    """
    rows = frame.to_pandas() if isinstance(frame, pa.Table) else frame
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise BadInput(
            f"The interactions lack {', '.join(missing)}.", "Give columns user, item, weight and timestamp."
        )
    rows = rows.loc[:, list(COLUMNS)]
    if rows.empty:
        raise BadInput("There are no interactions.", "Give at least one row.")
    for name in COLUMNS:
        nulls = int(rows[name].isna().sum())
        if nulls:
            raise BadInput(f"{nulls} of {len(rows)} interactions have no {name}.", "Remove or complete those rows.")
    weight = pd.to_numeric(rows["weight"], errors="coerce").astype(float)
    wrong = int((~(np.isfinite(weight) & (weight > 0))).sum())
    if wrong:
        raise BadInput(f"{wrong} of {len(rows)} weights are not numbers above 0.", "Remove or mend those rows.")
    numeric = pd.api.types.is_numeric_dtype(rows["timestamp"])
    time = pd.to_datetime(rows["timestamp"], unit="s" if numeric else None, utc=True).dt.tz_localize(None)
    return rows.assign(weight=weight, timestamp=time.astype("datetime64[us]"))


def _ordered(rows: pd.DataFrame, users: pd.Index, items: pd.Index, user: Positions, item: Positions) -> Interactions:
    weight, time = rows["weight"].to_numpy(), rows["timestamp"].to_numpy()
    # In one order whatever the frame's: sums of floats depend on it.
    order = np.lexsort((weight, time, item, user))
    return Interactions(
        users, items, user[order].astype(np.int64), item[order].astype(np.int64), weight[order], time[order]
    )

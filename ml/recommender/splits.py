"""What is learned from and what is asked about: a frame of interactions parted in time."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from ml.candidate import BadInput
from ml.recommender.interactions import Interactions, read, read_later


class Split(NamedTuple):
    """What was known, and what came after: test rows are numbered like the training rows."""

    train: Interactions
    test: Interactions


def split_at(frame: pd.DataFrame | pa.Table, split: float | datetime) -> Split:
    """Cut a frame at a time, or after a share of its rows; rows of the same moment stay together."""
    whole = read(frame)
    if isinstance(split, datetime):
        cut = np.datetime64(pd.Timestamp(split).tz_convert(None) if split.tzinfo else split, "us")
    else:
        cut = np.sort(whole.time)[min(int(split * len(whole)), len(whole) - 1)]
    return cut_at(whole, cut)


def cut_at(whole: Interactions, cut: np.datetime64) -> Split:
    """The rows before a moment, and those from then on.

    Raises:
        BadInput: if there are none before or none after.
    """
    before = whole.time < cut
    if before.all() or not before.any():
        raise BadInput(
            f"All interactions are {'before' if before.all() else 'after'} {cut}: nothing to "
            f"{'test on' if before.all() else 'learn from'}.",
            "Split at another moment.",
        )
    rows = whole.frame()
    return split_pair(rows[before], rows[~before])


def split_pair(train: pd.DataFrame | pa.Table, test: pd.DataFrame | pa.Table) -> Split:
    """Number a given pair of frames."""
    past = read(train)
    return Split(past, read_later(test, past))


def window_before(parts: Split) -> Split | None:
    """The training rows, cut at the start of a window as long as the test window; None if that leaves nothing."""
    train, test = parts
    length = test.time.max() - test.time.min()
    start = train.time.max() - length
    if not (train.time < start).any():
        return None
    return cut_at(train, start)


def last_quarter(train: Interactions) -> Split | None:
    """The training rows without, and with only, the last quarter of each user's; None if nobody has four rows."""
    order = np.lexsort((train.item, train.time, train.user))
    size = np.bincount(train.user, minlength=len(train.users))[train.user[order]]
    first = np.searchsorted(train.user[order], train.user[order])
    late = np.zeros(len(train), dtype=bool)
    late[order] = np.arange(len(train)) - first >= size - size // 4
    if not late.any():
        return None
    rows = train.frame()
    return split_pair(rows[~late], rows[late])

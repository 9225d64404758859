"""Numbers as the text that the files hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data_generation.draws import Floats, Ints


def timestamps(seconds: Ints, given: npt.NDArray[np.bool_] | None = None) -> pa.StringArray:
    """Seconds since the epoch as ``YYYY-MM-DD HH:MM:SS``; null where not given."""
    mask = None if given is None else ~given
    return pa.array(np.asarray(seconds, dtype=np.int64), pa.timestamp("s"), mask=mask).cast(pa.string())


def money(reais: Floats) -> pa.StringArray:
    """Reais with two digits for the centavos."""
    return pa.array(np.round(reais, 2)).cast(pa.decimal128(14, 2)).cast(pa.string())


def whole(numbers: npt.NDArray[np.integer]) -> pa.StringArray:
    """Whole numbers, plainly."""
    return pa.array(numbers).cast(pa.string())

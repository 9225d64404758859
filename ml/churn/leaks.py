"""A feature that knows too much: alone, no honest column tells who will buy again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ml.churn import ranking
from ml.churn.examples import Examples, Floats

TOO_GOOD = 0.75
"""AUC of a single column from which on it is suspected. The best honest one on the real Olist has 0.58."""


class Suspect(NamedTuple):
    """A column and how well it tells buyers alone: the larger of its AUC and that of its opposite."""

    column: str
    auc: float


def suspects(examples: Examples, rows: np.ndarray, labels: Floats) -> list[Suspect]:
    """Columns of features that alone tell too well who buys, worst first.

    Both the values of a column and whether it has one are looked at.

    Args:
        examples: all of them.
        rows: positions of those with known labels.
        labels: whether they bought, shape (n,).
    """
    found = []
    for name in examples.raw:
        values = examples.raw[name].to_numpy()[rows]
        missing = np.isnan(values)
        filled = np.where(missing, np.nanmedian(values) if not missing.all() else 0.0, values)
        aucs = [ranking.measure(side, labels)["auc"] for side in (filled, missing.astype(np.float64))]
        best = max(max(auc, 1 - auc) for auc in aucs)
        if best > TOO_GOOD:
            found.append(Suspect(str(name), best))
    return sorted(found, key=lambda suspect: -suspect.auc)

"""How well a score ranks, and how sure that is: AUC, top-decile lift and PR-AUC under a clustered, paired bootstrap.

Ties are counted as in the mean over all ways of breaking them, so that no result depends on the order of the rows.
Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; whole people are drawn, because one person's
examples of several dates are not independent (Field & Welsh, JRSS B 69, 2007).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
METRICS = ("auc", "top_decile_lift", "pr_auc")
TOP = 0.1


class Interval(NamedTuple):
    """A value and the bounds of its 95 % percentile interval."""

    value: float
    low: float
    high: float


class Day(NamedTuple):
    """The people of one test date.

    Attributes:
        person: a whole number per person, the same on every date, shape (n,).
        labels: 1 where they bought within the horizon, shape (n,).
        scores: by ranking, higher for whom it expects to buy, each of shape (n,).
    """

    person: NDArray[np.intp]
    labels: Floats
    scores: Mapping[str, Floats]


class _Order:
    """A score's cases, best first, and where each group of equals begins."""

    def __init__(self, scores: Floats, labels: Floats) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ordered = scores[self._order]
        self._begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        self._hit = labels[self._order]

    def measure(self, weights: Floats) -> Floats:
        """The three metrics with each case counted so many times."""
        ordered = weights[self._order]
        all_ = np.add.reduceat(ordered, self._begins)
        hits = np.add.reduceat(ordered * self._hit, self._begins)
        reached, hits_reached = np.cumsum(all_), np.cumsum(hits)
        total, positives = reached[-1], hits_reached[-1]
        negatives = total - positives
        if positives == 0 or negatives == 0:
            return np.full(3, np.nan)
        # Only groups with a hit count for AUC and PR-AUC: few, where few buy.
        some = np.flatnonzero(hits)
        hit, before = hits[some], reached[some] - all_[some]
        misses_before = before - (hits_reached[some] - hit)
        auc = 1 - float((hit * (misses_before + (all_[some] - hit) / 2)).sum()) / (positives * negatives)
        last = int(np.searchsorted(reached, TOP * total))
        part = (TOP * total - (reached[last] - all_[last])) / all_[last]
        in_top = hits_reached[last] - hits[last] + part * hits[last]
        precision = hits_reached[some] / reached[some]
        return np.array([auc, in_top / (TOP * positives), float((hit * precision).sum() / positives)])


def measure(scores: Floats, labels: Floats) -> dict[str, float]:
    """The metrics of one score, both of shape (n,); NaN where all labels are equal."""
    return dict(zip(METRICS, _Order(scores, labels).measure(np.ones(len(labels))).tolist(), strict=True))


class Comparison(NamedTuple):
    """Metrics by ranking, and of one ranking against others.

    Attributes:
        metrics: by ranking and metric, the mean over the dates.
        gains: by other ranking and metric, what the subject has more.
    """

    metrics: dict[str, dict[str, Interval]]
    gains: dict[str, dict[str, Interval]]


def compare(days: Sequence[Day], subject: str, seed: int, draws: int) -> Comparison:
    """Measure every ranking on the same dates and people, and the subject against each of the others.

    A metric is the mean over the dates. Each sample draws as many people as there are, with all their examples.
    """
    names = list(days[0].scores)
    people = 1 + max(int(day.person.max()) for day in days)
    # The same scores under two names are measured once.
    orders: list[list[_Order]] = []
    for day in days:
        known: dict[bytes, _Order] = {}
        for scores in day.scores.values():
            known.setdefault(scores.tobytes(), _Order(scores, day.labels))
        orders.append([known[scores.tobytes()] for scores in day.scores.values()])

    def all_metrics(weights: Floats) -> Floats:
        each = []
        for day, row in zip(days, orders, strict=True):
            found = {order: order.measure(weights[day.person]) for order in dict.fromkeys(row)}
            each.append([found[order] for order in row])
        return np.array(each).mean(axis=0)

    value = all_metrics(np.ones(people))
    random = np.random.default_rng(seed)
    drawn = np.array(
        [
            all_metrics(np.bincount(random.integers(people, size=people), minlength=people).astype(np.float64))
            for _ in range(draws)
        ]
    )

    def interval(point: float, sample: Floats) -> Interval:
        low, high = np.nanquantile(sample, [0.025, 0.975])
        return Interval(float(point), float(low), float(high))

    own = names.index(subject)
    metrics = {
        name: {metric: interval(value[row, col], drawn[:, row, col]) for col, metric in enumerate(METRICS)}
        for row, name in enumerate(names)
    }
    gains = {
        name: {
            metric: interval(value[own, col] - value[row, col], drawn[:, own, col] - drawn[:, row, col])
            for col, metric in enumerate(METRICS)
        }
        for row, name in enumerate(names)
        if row != own
    }
    return Comparison(metrics, gains)

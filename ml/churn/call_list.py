"""Was the call list right? Its top decile on past dates, against simpler ways to rank the same people.

The people are top-decile spenders past their usual gap: those of ``gold.whale_call_list`` by the defaults of the dbt
vars ``whale_share`` and ``whale_gaps``. No table that a model reads says what the vars are: with other values the
list is of other people, and this is no evidence about them. Who would be kept off as control is among them, and so is
who has ordered only what was canceled later, as nobody knew then. Nobody called them, so this says whom the list
would have reached, not what a call would have changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from ml.churn.baselines import DAYS_MOST, SORT
from ml.churn.examples import Examples, Floats
from ml.churn.ranking import TOP, Interval

WHALE = 0.9
"""Position by spend from which on somebody is a top-decile spender: 1 less ``whale_share``, by default."""
GAPS = 1
"""After how many usual gaps somebody is past them: ``whale_gaps``, by default."""
PRIOR_ORDERS = 2
"""Orders of the average value that a person's expected basket is smoothed with, as in ``gold.customer_risk``."""
SMALLEST = 0.01
"""Stands for an average order value of nothing, which has no logarithm."""
RULES = ("expected_revenue", SORT, "monetary", "random")
OUTCOMES = ("buyers", "revenue")


class Backtest(NamedTuple):
    """The top decile of the list, all dates together.

    Attributes:
        listed: people on the lists, a person counted once a date.
        called: how many of them the top decile holds.
        totals: by rule and outcome, how many buyers it holds and how much revenue they brought.
        gains: by simpler rule and outcome, what the ranking by expected revenue has more.
    """

    listed: int
    called: float
    totals: dict[str, dict[str, Interval]]
    gains: dict[str, dict[str, Interval]]


class _List(NamedTuple):
    person: np.ndarray
    outcomes: dict[str, Floats]
    scores: dict[str, Floats]


def expected_basket(spend: Floats, orders: Floats) -> Floats:
    """A person's average order value, drawn toward that of all on the scale of ratios; shape (n,).

    Values have a heavy tail: who has once spent ten times the average spends twice as much as others the next time.
    On the real Olist the logarithm of the second order rises by 0.32 with that of the first; an own order against two
    others is 1 / 3.
    """
    common = spend.sum() / orders.sum()
    own = np.maximum(spend / orders, SMALLEST)
    return np.asarray(common * (own / common) ** (orders / (orders + PRIOR_ORDERS)))


def usual_gap(order_days: Floats, span: Floats) -> Floats:
    """Mean days between a person's order days; of who has only one, the median of the others. Shape (n,)."""
    own = np.divide(span, order_days - 1, out=np.full(len(span), np.nan), where=order_days > 1)
    common = np.nanmedian(own) if (order_days > 1).any() else np.inf
    return np.where(np.isnan(own), common, own)


def whales(examples: Examples, rows: np.ndarray) -> np.ndarray:
    """Which of the people of one date are top-decile spenders past their usual gap, shape (n,) of truth values."""
    spend, days = examples.column("spend", rows), examples.column("days_since_last_order", rows)
    gap = usual_gap(examples.column("order_days", rows), examples.column("days_since_first_order", rows) - days)
    position = (pd.Series(spend).rank(method="min").to_numpy() - 1) / max(len(spend) - 1, 1)
    return np.asarray((position >= WHALE) & (days > GAPS * gap))


def backtest(
    examples: Examples,
    probabilities: Sequence[tuple[date, np.ndarray, Floats]],
    placed: pd.DataFrame,
    horizon_days: int,
    seed: int,
    draws: int,
) -> Backtest:
    """Judge the list on some dates.

    Args:
        examples: all of them.
        probabilities: a date, the positions of its examples, and their probabilities of buying within the horizon.
        placed: of ``gold.fct_orders``: customer_unique_id, purchase_date, order_value, is_revenue_order.
        horizon_days: over how many days revenue counts.
        seed, draws: of the bootstrap; whole people are drawn.
    """
    lists = [_list(examples, day, rows, chance, placed, horizon_days) for day, rows, chance in probabilities]
    people = 1 + int(examples.person.max())
    listed = np.unique(np.concatenate([one.person for one in lists]))
    place = np.zeros(people, dtype=np.intp)
    place[listed] = np.arange(len(listed))

    def totals(weights: Floats) -> Floats:
        return np.array(
            [
                [
                    sum(_top(one.scores[rule], one.outcomes[out], weights[place[one.person]]) for one in lists)
                    for out in OUTCOMES
                ]
                for rule in RULES
            ]
        )

    value = totals(np.ones(len(listed)))
    random = np.random.default_rng(seed)
    size = len(listed)
    drawn = np.array(
        [
            totals(np.bincount(random.integers(size, size=size), minlength=size).astype(np.float64))
            for _ in range(draws if size else 0)
        ]
    ).reshape(-1, len(RULES), len(OUTCOMES))

    def interval(point: float, sample: Floats) -> Interval:
        low, high = np.quantile(sample, [0.025, 0.975]) if len(sample) else (np.nan, np.nan)
        return Interval(float(point), float(low), float(high))

    return Backtest(
        sum(len(one.person) for one in lists),
        sum(TOP * len(one.person) for one in lists),
        {
            rule: {out: interval(value[row, col], drawn[:, row, col]) for col, out in enumerate(OUTCOMES)}
            for row, rule in enumerate(RULES)
        },
        {
            rule: {
                out: interval(value[0, col] - value[row, col], drawn[:, 0, col] - drawn[:, row, col])
                for col, out in enumerate(OUTCOMES)
            }
            for row, rule in enumerate(RULES)
            if row
        },
    )


def _list(
    examples: Examples, day: date, rows: np.ndarray, chance: Floats, placed: pd.DataFrame, horizon_days: int
) -> _List:
    on_list = whales(examples, rows)
    spend, orders = examples.column("spend", rows), examples.column("orders", rows)
    basket = expected_basket(spend, orders)[on_list]
    rows, chance, spend, orders = rows[on_list], chance[on_list], spend[on_list], orders[on_list]
    until = day + timedelta(horizon_days)
    bought = pd.to_datetime(placed["purchase_date"]).dt.date
    within = placed[(bought >= day) & (bought < until) & placed["is_revenue_order"].astype(bool)]
    brought = within["order_value"].astype(np.float64).groupby(within["customer_unique_id"].astype(str)).sum()
    ids = examples.frame["customer_unique_id"].to_numpy()[rows]
    revenue = brought.reindex(ids).fillna(0).to_numpy()
    return _List(
        examples.person[rows],
        {"buyers": examples.labels(rows, horizon_days), "revenue": revenue},
        {
            "expected_revenue": chance * basket,
            SORT: orders * DAYS_MOST - examples.column("days_since_last_order", rows),
            "monetary": spend,
            "random": np.zeros(len(rows)),
        },
    )


def _top(scores: Floats, outcome: Floats, weights: Floats) -> float:
    """What the best tenth brings; equals share the place that is left, as in the mean over all ways of drawing
    lots."""
    if not len(scores):
        return 0.0
    _, group = np.unique(-scores, return_inverse=True)
    cases = np.bincount(group, weights)
    brought = np.bincount(group, weights * outcome)
    taken = np.clip(TOP * cases.sum() - (np.cumsum(cases) - cases), 0, cases)
    return float((brought * np.divide(taken, cases, out=np.zeros_like(cases), where=cases > 0)).sum())

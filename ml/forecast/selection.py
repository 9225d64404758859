"""Which model is served: the best one in the backtest, if it beats the best simple baseline by more than a margin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml.forecast import metrics
from ml.forecast.backtest import ORIGINS, Walk, judged
from ml.forecast.models import BASELINES, HORIZON

MARGIN = 0.01
"""By what share the WAPE of a model must be below that of the best baseline."""
FEWEST_ORIGINS = 12


@dataclass(frozen=True)
class Selection:
    """What is served, and why.

    Attributes:
        champion: the model that is served, perhaps a baseline.
        baseline: the best baseline.
        model: the best of the others.
        reasons: sentences with the figures.
    """

    champion: str
    baseline: str
    model: str
    reasons: tuple[str, ...]


def select(errors: Mapping[str, float]) -> Selection:
    """Choose by WAPE; of equals the first by name.

    Args:
        errors: the WAPE of each model on the same origins, :data:`ml.forecast.models.BASELINES` among them.
    """
    baseline = min((error, name) for name, error in errors.items() if name in BASELINES)[1]
    others = [(error, name) for name, error in errors.items() if name not in BASELINES]
    if not others:
        return Selection(baseline, baseline, baseline, ("Baselines only were compared.",))
    model = min(others)[1]
    won = errors[model] <= (1 - MARGIN) * errors[baseline]
    said = (
        f"The best model is {model} with a WAPE of {errors[model]:.4f}, the best baseline {baseline} with "
        f"{errors[baseline]:.4f}: {1 - errors[model] / errors[baseline]:+.1%}, and {MARGIN:.0%} is asked for."
        if errors[baseline] > 0
        else f"The baseline {baseline} makes no error at all."
    )
    outcome = (
        f"{model} is served." if won else f"No model beats it by the margin, so the baseline {baseline} is served."
    )
    return Selection(model if won else baseline, baseline, model, (said, outcome))


def replay(walks: Mapping[str, Walk]) -> Walk:
    """The forecasts of whoever would have been selected at each judged origin, by the origins before it alone.

    Selected are models that were there at each of the up to 26 earlier origins whose four weeks had come true; while
    these are fewer than twelve, the mean of twelve weeks.

    Args:
        walks: of one series, by model.
    """
    some = next(iter(walks.values()))
    found = np.full(some.forecasts.shape, np.nan)
    for known in judged(some.panel.weeks):
        before = list(range(max(0, known - HORIZON - ORIGINS + 1), known - HORIZON + 1))
        errors = {}
        for name, taken in walks.items():
            forecast = taken.forecasts[before]
            if np.isfinite(forecast).all():
                errors[name] = metrics.wape(taken.actual[before], forecast)
            elif name in BASELINES or np.isfinite(forecast[-FEWEST_ORIGINS:]).all():
                errors[name] = np.nan
        full = {name: error for name, error in errors.items() if np.isfinite(error)}
        champion = select(full).champion if full else "mean_12"
        found[known] = walks[champion].forecasts[known]
    return Walk(some.panel, found)

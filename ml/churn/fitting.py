"""The candidates: a ridge logistic regression and boosted trees, fitted, saved and read back the same way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ml.churn.features import Feature
from ml.threads import THREADS

Floats = NDArray[np.float64]

RIDGE = 0.01
"""Inverse strength of the penalty on standardised coefficients: a prior with a standard deviation of 0.1 on each."""
MOST_TREES, PATIENCE = 400, 30
TREES: Mapping[str, Any] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 3,
    "eta": 0.05,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "lambda": 10,
    "nthread": THREADS,
}
"""Shallow and slow, because one example in a hundred is positive. Fixed before any test window was looked at."""


class Fitted(Protocol):
    """A fitted candidate. ``method`` is its name in ``ml.churn_scores``; ``trees`` 0 where there are none."""

    @property
    def method(self) -> str: ...
    @property
    def trees(self) -> int: ...

    def logits(self, matrix: pd.DataFrame) -> Floats:
        """Log odds of buying again within the label's days, shape (n,)."""

    def contributions(self, matrix: pd.DataFrame) -> Floats:
        """What each feature adds to the log odds, against the average of what was fitted on, shape (n, f)."""

    def save(self, folder: Path) -> None:
        """Write it into a folder, which is made."""


@dataclass(frozen=True)
class Logistic:
    """Logistic regression on standardised features: log odds = intercept + Σ coefficient × (x − mean) / scale."""

    mean: Floats
    scale: Floats
    coefficients: Floats
    intercept: float
    method: str = "logistic_regression"
    trees: int = 0

    @classmethod
    def fit(cls, matrix: pd.DataFrame, labels: Floats) -> Logistic:
        """Fit by penalised maximum likelihood; matrix (n, f), labels (n,) of 0 and 1, both present."""
        values = matrix.to_numpy()
        mean, scale = values.mean(axis=0), values.std(axis=0)
        scale[scale < 1e-12] = 1.0
        model = LogisticRegression(C=RIDGE, solver="newton-cholesky", max_iter=100, tol=1e-8)
        model.fit((values - mean) / scale, labels)
        return cls(mean, scale, model.coef_[0], float(model.intercept_[0]))

    def logits(self, matrix: pd.DataFrame) -> Floats:
        return self.intercept + self.contributions(matrix).sum(axis=1)

    def contributions(self, matrix: pd.DataFrame) -> Floats:
        return np.asarray((matrix.to_numpy() - self.mean) / self.scale * self.coefficients)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "logistic.npz",
            mean=self.mean,
            scale=self.scale,
            coefficients=self.coefficients,
            intercept=np.array([self.intercept]),
        )


@dataclass(frozen=True)
class Trees:
    """Gradient-boosted trees (Chen & Guestrin, KDD 2016), monotone where theory asks."""

    booster: xgboost.Booster
    trees: int
    method: str = "xgboost"

    @classmethod
    def fit(
        cls,
        matrix: pd.DataFrame,
        labels: Floats,
        features: tuple[Feature, ...],
        seed: int,
        trees: int = MOST_TREES,
        watched: tuple[pd.DataFrame, Floats] | None = None,
    ) -> Trees:
        """Fit so many trees, or, where other examples are watched, as many as make their log loss smallest."""
        parameters = {**TREES, "seed": seed, "monotone_constraints": tuple(feature.monotone for feature in features)}
        data = xgboost.DMatrix(matrix, label=labels, nthread=THREADS)
        if watched is None:
            return cls(xgboost.train(parameters, data, trees), trees)
        booster = xgboost.train(
            parameters,
            data,
            trees,
            evals=[(xgboost.DMatrix(watched[0], label=watched[1], nthread=THREADS), "watched")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        best = int(booster.best_iteration) + 1
        return cls(booster[:best], best)

    def logits(self, matrix: pd.DataFrame) -> Floats:
        return np.asarray(self.booster.predict(self._data(matrix), output_margin=True), dtype=np.float64)

    def contributions(self, matrix: pd.DataFrame) -> Floats:
        # The last column is the average (Lundberg & Lee, NIPS 2017; exact for trees).
        return np.asarray(self.booster.predict(self._data(matrix), pred_contribs=True), dtype=np.float64)[:, :-1]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.booster.save_model(folder / "trees.json")

    @staticmethod
    def _data(matrix: pd.DataFrame) -> xgboost.DMatrix:
        return xgboost.DMatrix(matrix, nthread=THREADS)


def load(folder: Path) -> Fitted:
    """Read back what :meth:`Fitted.save` has written."""
    if (folder / "trees.json").exists():
        booster = xgboost.Booster({"nthread": THREADS})
        booster.load_model(folder / "trees.json")
        return Trees(booster, booster.num_boosted_rounds())
    with np.load(folder / "logistic.npz", allow_pickle=False) as saved:
        return Logistic(saved["mean"], saved["scale"], saved["coefficients"], float(saved["intercept"][0]))


def losses(labels: Floats, logits: Floats) -> Floats:
    """Negative log likelihood of each label; all of shape (n,)."""
    return np.asarray(np.logaddexp(0, logits) - labels * logits)


def dump(path: Path, content: Mapping[str, Any]) -> None:
    """Settings and other small content as JSON."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def read(path: Path) -> dict[str, Any]:
    """What :func:`dump` has written."""
    return dict(json.loads(path.read_text()))

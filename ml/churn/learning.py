"""From examples to a calibrated model for one day, using only what was known by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ml.churn import calibration, fitting
from ml.churn.calibration import Line
from ml.churn.cells import Cells
from ml.churn.examples import FOLDS, Examples, Floats
from ml.churn.features import features
from ml.churn.fitting import Fitted, Logistic, Trees
from ml.churn.settings import Settings
from ml.churn.windows import Windows

CANDIDATES = ("logistic_regression", "xgboost")
TREES_WITHOUT_CHOICE = 60
"""How many trees are fitted where no earlier date says when to stop."""


class Choice(NamedTuple):
    """How the candidates did on the date of choice."""

    logistic_regression: float
    xgboost: float
    standard_error: float

    @property
    def best(self) -> str:
        """The trees, if they are better by more than a standard error."""
        better = self.logistic_regression - self.xgboost > self.standard_error
        return "xgboost" if better else "logistic_regression"


@dataclass(frozen=True)
class Learnt:
    """What was learnt for one day.

    Attributes:
        at: the day; nothing that happened then or later is in it.
        fitted: scores the short horizon.
        line: from scores to probabilities of the full horizon.
        cells: the rates of frequency and recency.
        choice: log loss of each candidate on the date of choice, and the standard error of their difference; None if
        there
            was no such date.
        rivals: by name, the candidates that were not chosen; not calibrated, and not saved.
    """

    at: date
    fitted: Fitted
    line: Line
    cells: Cells
    choice: Choice | None
    rivals: Mapping[str, Fitted] = field(default_factory=dict)

    def rankings(self, matrix: pd.DataFrame) -> dict[str, Floats]:
        """Scores by candidate, each of shape (n,); the chosen one's are probabilities."""
        found = {name: rival.logits(matrix) for name, rival in self.rivals.items()}
        return {**found, self.fitted.method: self.probabilities(matrix)}

    def probabilities(self, matrix: pd.DataFrame) -> Floats:
        """Of buying within the horizon, shape (n,)."""
        return self.line.probabilities(self.fitted.logits(matrix))

    def save(self, folder: Path) -> None:
        """Write it into a folder, which is made."""
        self.fitted.save(folder)
        np.savez(folder / "cells.npz", rates=self.cells.rates)
        content = {"at": self.at.isoformat(), "line": list(self.line), "choice": self.choice}
        fitting.dump(folder / "learnt.json", content)


def learn(examples: Examples, windows: Windows, settings: Settings, seed: int, *, rivals: bool) -> Learnt:
    """Choose a candidate, fit it, and calibrate it; fit the ones that were not chosen too if ``rivals`` are asked
    for.

    The candidates are compared on the newest date whose labels are known, after being fitted on dates whose labels
    were known by that one; there too the trees stop growing. The trees are chosen only if their log loss is smaller
    by more than a standard error, else the simpler candidate (Breiman et al., Classification and Regression Trees,
    1984, section 3.4.3). Then they are fitted on all dates. Calibration uses the dates whose full labels are known,
    and scores of people who were left out of the fit.
    """
    choice, trees = _choose(examples, windows, settings, seed)
    best = choice.best if choice else CANDIDATES[0]
    rows, judged = examples.rows(windows.fit), examples.rows(windows.calibrate)

    def fit(name: str, known: np.ndarray) -> Fitted:
        labels, matrix = examples.labels(known, settings.label_days), examples.matrix.iloc[known]
        if name == "xgboost":
            return Trees.fit(matrix, labels, features(examples.clickstream), seed, trees)
        return Logistic.fit(matrix, labels)

    scores = np.empty(len(judged))
    for fold in range(FOLDS):
        out = examples.fold[judged] == fold
        if out.any():
            scores[out] = fit(best, rows[examples.fold[rows] != fold]).logits(examples.matrix.iloc[judged[out]])
    labels = examples.labels(judged, settings.horizon_days)
    return Learnt(
        windows.at,
        fit(best, rows),
        calibration.fit_line(scores, labels),
        Cells.fit(examples.column("orders", judged), examples.column("days_since_last_order", judged), labels),
        choice,
        {name: fit(name, rows) for name in CANDIDATES if name != best} if rivals else {},
    )


def _choose(examples: Examples, windows: Windows, settings: Settings, seed: int) -> tuple[Choice | None, int]:
    """How the candidates do on the date of choice, and the number of trees that was best there."""
    before, on = examples.rows(windows.before_choice), examples.rows([windows.choose])
    then, now = (examples.labels(rows, settings.label_days) for rows in (before, on))
    if not (0 < then.sum() < len(then) and 0 < now.sum() < len(now)):
        return None, TREES_WITHOUT_CHOICE
    known, watched = examples.matrix.iloc[before], examples.matrix.iloc[on]
    grown = Trees.fit(known, then, features(examples.clickstream), seed, watched=(watched, now))
    simple, trees = (fitting.losses(now, model.logits(watched)) for model in (Logistic.fit(known, then), grown))
    error = float((simple - trees).std() / np.sqrt(len(on)))
    return Choice(float(simple.mean()), float(trees.mean()), error), grown.trees


def load(folder: Path) -> Learnt:
    """Read back what :meth:`Learnt.save` has written."""
    content = fitting.read(folder / "learnt.json")
    with np.load(folder / "cells.npz", allow_pickle=False) as saved:
        cells = Cells(saved["rates"])
    line = Line(*content["line"])
    choice = Choice(*content["choice"]) if content["choice"] else None
    return Learnt(date.fromisoformat(content["at"]), fitting.load(folder), line, cells, choice)

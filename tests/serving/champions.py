"""Trains recommender and churn, makes them champions whatever their gates say, and lets them score:
`python -m tests.serving.champions`.

The small shop of the tests has too few orders for any gate.
"""

from __future__ import annotations

import sys

from lakehouse import cli, settings
from ml import steps, threads
from ml.candidate import Decision
from ml.registry import Registry

TARGET = "local"


def promote(name: str) -> None:
    """Train a model on Gold and make it champion."""
    warehouse = settings.warehouse()
    model = steps._model(name, TARGET, warehouse)
    registry = Registry(warehouse)
    inputs, told = steps._inputs(model, TARGET, warehouse, lambda *_: None)
    with threads.fixed():
        candidate = model.train(inputs.frames, told, steps.SEED)
    version, _ = registry.register(name, model, candidate, steps._provenance(inputs))
    registry.settle(version, Decision(True, ("For a test.",)))


if __name__ == "__main__":
    for each in ("recommender", "churn"):
        promote(each)
    sys.argv[1:] = ["score", "all"]
    cli.main()

"""What MLflow runs to load a registered model: this file and a folder; nothing is unpickled."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext


class Served(PythonModel):
    """Answers with the ``predict`` of the module that the model was trained by."""

    def load_context(self, context: PythonModelContext) -> None:
        """Find the module and the folder."""
        self._model = import_module(context.model_config["module"])
        self._folder = Path(context.artifacts["model"])

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """What the model answers to rows like those of the input example."""
        answer: pd.DataFrame = self._model.predict(self._folder, model_input)
        return answer


mlflow.models.set_model(Served())

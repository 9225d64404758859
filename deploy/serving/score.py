"""Azure ML's scoring script: ``init()`` once, ``run(raw_data)`` per request; ``ml.serving.core`` answers.

``AZUREML_MODEL_DIR`` holds the registered model: a warehouse's folder ``serving``, as ``lakehouse score`` left it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from azureml_inference_server_http.api.aml_response import AMLResponse

from ml.serving.core import BadQuestion, NotKnown, Service

service: Service | None = None


def init() -> None:
    """Load the models. Where there are none the deployment fails, not a request."""
    global service
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    # Azure ML puts a registered folder under its name; a folder that is given by path lies there itself.
    inside = [path.parent for path in sorted(folder.rglob("*.npz"))]
    service = Service.open(inside[0] if inside else folder)


def run(raw_data: str) -> AMLResponse:
    """Answer ``{"customer": id}`` and what else :meth:`ml.serving.core.Service.score` takes, as JSON.

    The status is 400 for what is no question, 404 for what is not known; both say why.
    """
    assert service is not None
    try:
        question = json.loads(raw_data)
    except (ValueError, RecursionError):
        return _answer({"error": 'The body is no JSON. Ask as in {"customer": "an id"}.'}, 400)
    try:
        return _answer(service.score(question), 200)
    except BadQuestion as problem:
        return _answer({"error": str(problem)}, 400)
    except NotKnown as problem:
        return _answer({"error": str(problem)}, 404)


def _answer(content: Any, status: int) -> AMLResponse:
    return AMLResponse(content, status, json_str=True)

"""Questions and answers as the rows of a frame, for MLflow's pyfunc; each row is asked on its own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.serving import arrays
from ml.serving.core import CHURN, RECOMMENDER, NotKnown, Service
from ml.serving.risks import NUMBERS, WORDS

COLUMNS = ("customer_unique_id", "basket", "views", "state")


def recommended(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Lists for questions with some of :data:`COLUMNS`; :func:`ml.recommender.model.predict` says which."""
    service = _opened(path, RECOMMENDER)
    found = []
    for number, row in enumerate(rows.to_dict("records")):
        question = {name: value for name in COLUMNS if (value := _given(row.get(name))) is not None}
        customer = question.pop("customer_unique_id", None)
        if customer is not None:
            question["customer"] = customer
        answer = service.score(question)
        found += [
            {"question": number, "customer_unique_id": customer, **offer, "cold_start": answer["cold_start"]}
            for offer in answer["recommendations"]
        ]
    columns = ["question", "customer_unique_id", "product_id", "rank", "score", "method", "cold_start"]
    return pd.DataFrame(found, columns=columns)


def risks_of(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The risks of people by ``customer_unique_id``; :func:`ml.churn.model.predict` says which columns."""
    service = _opened(path, CHURN)
    found: list[dict[str, Any]] = []
    for customer in rows["customer_unique_id"]:
        try:
            answer = service.score({"risk_of": customer})
        except NotKnown:
            answer = {}
        scores = {name: answer.get(name) for name in (*NUMBERS, *WORDS)}
        found.append({"customer_unique_id": customer, **scores, "is_known": bool(answer)})
    frame = pd.DataFrame(found, columns=["customer_unique_id", *NUMBERS, *WORDS, "is_known"])
    return frame.astype(dict.fromkeys(NUMBERS, float) | dict.fromkeys(WORDS, object))


@lru_cache(maxsize=2)
def _opened(path: Path, name: str) -> Service:
    return Service({name: arrays.read(path)})


def _given(value: Any) -> Any:
    """A value of a row; None for what is null, lists as lists."""
    if isinstance(value, str | list | tuple):
        return value
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if pd.isna(value) else value

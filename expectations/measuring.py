"""Asking the tables: one query a suite, one small frame back."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession

from expectations.checks import Suite
from expectations.results import first_line, short

MAX_ROWS = 5000
"""A measurement is a summary; one that is longer copies its table."""
MAX_SAMPLE = 20
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


class Measured(NamedTuple):
    """A suite's measurement as its query gave it, or why there is none."""

    frame: pd.DataFrame | None
    problem: str
    seconds: float


def measure(session: SparkSession, suite: Suite) -> Measured:
    """Ask a suite's question; an answer that is no measurement is a problem in words, as is an error of the query."""
    started = time.perf_counter()
    frame, problem = None, ""
    try:
        frame = _frame(session.sql(suite.measure).limit(MAX_ROWS + 1).toArrow())
    except Exception as error:  # The engines raise many kinds; all mean that this query gave no answer.
        problem = f"could not be measured: {first_line(error)}"
    return Measured(frame, problem, time.perf_counter() - started)


def sample(session: SparkSession, query: str) -> list[Any]:
    """The first rows of a query as text, or why there are none."""
    try:
        rows = session.sql(query).limit(MAX_SAMPLE).toArrow().to_pylist()
    except Exception as error:
        return [f"could not be listed: {first_line(error)}"]
    return [{name: short(value) for name, value in row.items()} for row in rows]


def _frame(answer: pa.Table) -> pd.DataFrame:
    if answer.num_rows > MAX_ROWS:
        raise ValueError(f"the measurement has more than {MAX_ROWS} rows")
    columns: dict[str, Any] = {}
    for name, column in zip(answer.column_names, answer.columns, strict=True):
        if name == "key":
            columns[name] = column.cast(pa.string()).fill_null("null").to_pylist()
        elif not any(is_number(column.type) for is_number in NUMBERS):
            raise ValueError(f"{name} is {column.type}; a measurement has numbers, and one text column called key")
        else:
            columns[name] = column.cast(pa.float64()).to_pandas()
    frame = pd.DataFrame(columns)
    if "key" not in frame and len(frame) != 1:
        raise ValueError(f"a measurement without a key has one row, not {len(frame)}")
    if "key" in frame and frame["key"].duplicated().any():
        raise ValueError(f"the key {frame.loc[frame['key'].duplicated(), 'key'].iloc[0]!r} is there more than once")
    return frame

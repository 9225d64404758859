"""What was measured before: kept in ``quality.measurements``, and put beside what is measured now.

Only what has just been built adds to it, and only those count that passed their gate. ``lakehouse validate`` looks at
the same tables again; if it counted, one could make any state the usual one by asking about it eight times.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from expectations.checks import Suite
from lakehouse import tables
from lakehouse.catalog import TableName

MEASUREMENTS = TableName("quality", "measurements")
SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("measured_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("layer", pa.string(), nullable=False),
        pa.field("suite", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("accepted", pa.bool_(), nullable=False),
    ]
)
RUNS = 8
"""How many accepted runs are looked back on."""
ENDINGS = ("_before", "_ratio", "_change")
"""What the runner adds to the name of a number for what it learned from earlier runs."""
NO_HISTORY = "nothing to compare with yet"
"""What is said of a check that needs one."""
NO_KEY = ""
"""Stands for the key where a measurement has one row and no key."""


class History(NamedTuple):
    """The newest accepted runs, oldest first, at most :data:`RUNS`; a value per run, suite, key and metric."""

    runs: tuple[str, ...]
    values: pd.DataFrame

    def of(self, suite: Suite) -> History:
        """The part that one suite measured."""
        return History(self.runs, self.values[self.values["suite"] == suite.title])


def with_history(frame: pd.DataFrame, history: History) -> pd.DataFrame:
    """Put beside each number what it was before.

    Args:
        frame: a measurement: doubles, and ``key`` if it has more than one row.
        history: of the same suite.

    Returns:
        ``key`` if there was one, and for each number ``x``: ``x``; ``x_before``, its median over the accepted runs
        that had the key; ``x_ratio``, ``x`` over that, null where that is 0; ``x_change``, ``x`` less what it was
        in the last accepted run, null for a key that is new. A key of that run that is gone has a row with 0 in every
        number.
    """
    keyed = "key" in frame
    numbers = [name for name in frame.columns if name != "key"]
    now = frame.set_index("key") if keyed else frame.set_axis([NO_KEY] * len(frame))
    past = history.values.pivot(index=["run_id", "key"], columns="metric", values="value").reindex(columns=numbers)
    last = past[past.index.get_level_values("run_id") == history.runs[-1]] if history.runs else past.iloc[:0]
    last = last.droplevel("run_id")
    if keyed:
        gone = last.index.difference(now.index)
        now = now.reindex(now.index.append(pd.Index(gone)), fill_value=0.0)
    before = past.groupby(level="key").median().reindex(now.index)
    columns: dict[str, pd.Series] = {}
    for name in numbers:
        columns[name] = now[name]
        columns[f"{name}_before"] = before[name]
        columns[f"{name}_ratio"] = now[name] / before[name].where(before[name] != 0)
        columns[f"{name}_change"] = now[name] - last[name].reindex(now.index)
    result = pd.DataFrame(columns, index=now.index, dtype="float64")
    return result.rename_axis("key").reset_index() if keyed else result.reset_index(drop=True)


def read(place: tables.Place, layer: str) -> History:
    """The newest accepted runs of a layer; without runs if there are none yet."""
    accepted = f"from {{table}} where layer = '{layer}' and accepted"
    newest = f"select run_id {accepted} group by run_id order by max(measured_at) desc, run_id desc limit {RUNS}"
    found = tables.ask(place, MEASUREMENTS, newest)
    runs = () if found is None else tuple(reversed(found["run_id"].to_pylist()))
    of_runs = ", ".join(f"'{run}'" for run in runs or ("",))
    values = f"select run_id, suite, key, metric, value {accepted} and run_id in ({of_runs})"
    rows = tables.ask(place, MEASUREMENTS, values)
    if rows is None:
        return History((), pd.DataFrame({"run_id": [], "suite": [], "key": [], "metric": [], "value": []}))
    return History(runs, rows.to_pandas())


def add(
    place: tables.Place,
    run_id: str,
    measured_at: datetime,
    layer: str,
    measured: Mapping[str, pd.DataFrame],
    *,
    accepted: bool,
) -> None:
    """Keep what a step measured, by suite; later runs are compared with it if it was accepted: passed its gate."""
    frames = []
    for suite, frame in measured.items():
        long = frame if "key" in frame else frame.assign(key=NO_KEY)
        frames.append(long.melt("key", var_name="metric").assign(suite=suite))
    if not frames:
        return
    rows = pd.concat(frames).assign(run_id=run_id, measured_at=measured_at, layer=layer, accepted=accepted)
    tables.append(place, MEASUREMENTS, pa.Table.from_pandas(rows, SCHEMA, preserve_index=False))

"""What was measured before, beside what is measured now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from expectations import history
from expectations.history import History, with_history

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def past(*runs: dict[str, float], metric: str = "n") -> History:
    """A history with a run per dictionary, oldest first: the value of each key."""
    ids = tuple(f"run {number}" for number in range(len(runs)))
    rows = [
        {"run_id": run, "suite": "s", "key": key, "metric": metric, "value": value}
        for run, values in zip(ids, runs, strict=True)
        for key, value in values.items()
    ]
    return History(ids, pd.DataFrame(rows, columns=["run_id", "suite", "key", "metric", "value"]))


def keyed(values: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"key": list(values), "n": list(values.values())})


def row(frame: pd.DataFrame, key: str) -> dict[str, float]:
    return frame.set_index("key").loc[key].to_dict()


def test_without_history_nothing_is_known() -> None:
    frame = with_history(keyed({"a": 1.0}), past())
    assert list(frame.columns) == ["key", "n", "n_before", "n_ratio", "n_change"]
    assert frame["n"].tolist() == [1.0]
    assert frame[["n_before", "n_ratio", "n_change"]].isna().all(axis=None)
    assert [str(kind) for kind in frame.dtypes[1:]] == ["float64"] * 4


def test_before_is_the_median_over_runs_of_the_same_key() -> None:
    frame = with_history(keyed({"a": 6.0, "b": 5.0}), past({"a": 1.0, "b": 10.0}, {"a": 9.0, "b": 10.0}, {"a": 2.0}))
    assert row(frame, "a") == {"n": 6.0, "n_before": 2.0, "n_ratio": 3.0, "n_change": 4.0}
    assert row(frame, "b")["n_before"] == 10.0


def test_of_a_new_key_nothing_is_known() -> None:
    frame = with_history(keyed({"new": 4.0}), past({"a": 1.0, "b": 2.0, "c": 30.0}))
    new = row(frame, "new")
    assert [name for name in ("n_before", "n_ratio", "n_change") if not pd.isna(new[name])] == []


def test_a_key_that_is_gone_has_a_row_of_zeros() -> None:
    frame = with_history(keyed({"a": 1.0}), past({"a": 1.0, "gone": 7.0}))
    assert row(frame, "gone") == {"n": 0.0, "n_before": 7.0, "n_ratio": 0.0, "n_change": -7.0}


def test_a_key_that_was_gone_already_in_the_last_run_is_gone() -> None:
    assert with_history(keyed({"a": 1.0}), past({"a": 1.0, "old": 7.0}, {"a": 1.0}))["key"].tolist() == ["a"]


def test_all_keys_can_go() -> None:
    frame = with_history(keyed({}), past({"a": 2.0}))
    assert row(frame, "a")["n_ratio"] == 0.0


def test_a_run_that_measured_no_key_is_the_last_run_all_the_same() -> None:
    runs = past({"a": 2.0})
    after = History((*runs.runs, "empty"), runs.values)
    assert with_history(keyed({"b": 1.0}), after)["key"].tolist() == ["b"]


def test_nothing_is_a_multiple_of_zero() -> None:
    frame = with_history(keyed({"a": 3.0}), past({"a": 0.0}))
    assert row(frame, "a")["n_before"] == 0.0
    assert pd.isna(row(frame, "a")["n_ratio"])


def test_a_measurement_without_a_key_is_compared_with_itself() -> None:
    frame = with_history(pd.DataFrame({"n": [6.0], "new": [1.0]}), past({history.NO_KEY: 2.0}, {history.NO_KEY: 4.0}))
    assert frame.drop(columns=["new_before", "new_ratio", "new_change"]).to_dict("records") == [
        {"n": 6.0, "n_before": 3.0, "n_ratio": 2.0, "n_change": 2.0, "new": 1.0}
    ]
    assert frame["new_before"].isna().all()


def add(warehouse: Path, number: int, value: float, *, accepted: bool = True, layer: str = "silver") -> None:
    measured = {"s": keyed({"a": value}), "t": pd.DataFrame({"n": [value]})}
    history.add(warehouse, f"run {number:02}", BEGAN + timedelta(days=number), layer, measured, accepted=accepted)


def test_only_accepted_runs_of_the_layer_are_read_and_only_eight(warehouse: Path) -> None:
    assert history.read(warehouse, "silver").runs == ()
    for number in range(10):
        add(warehouse, number, float(number))
    add(warehouse, 10, 1000.0, accepted=False)
    add(warehouse, 11, 1000.0, layer="gold")
    read = history.read(warehouse, "silver")
    assert read.runs == tuple(f"run {number:02}" for number in range(2, 10))
    assert sorted(read.values["value"].unique()) == [float(number) for number in range(2, 10)]


def test_what_was_kept_is_what_comes_back(warehouse: Path) -> None:
    add(warehouse, 1, 3.0)
    read = history.read(warehouse, "silver")
    kept = read.values.sort_values("suite").to_dict("records")
    assert kept == [
        {"run_id": "run 01", "suite": "s", "key": "a", "metric": "n", "value": 3.0},
        {"run_id": "run 01", "suite": "t", "key": history.NO_KEY, "metric": "n", "value": 3.0},
    ]


def test_a_null_is_kept_as_a_null(warehouse: Path) -> None:
    add(warehouse, 1, float("nan"))
    assert history.read(warehouse, "silver").values["value"].isna().all()

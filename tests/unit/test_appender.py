"""One commit at the end, or nothing."""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from lakehouse import appender
from lakehouse.appender import Appender

SCHEMA = pa.schema([pa.field("a", pa.string(), nullable=False)])


def batch(*values: str | None) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.string())], schema=SCHEMA)


def bulk() -> pa.RecordBatch:
    return batch(*(os.urandom(16).hex() for _ in range(10_000)))


def files(path: Path) -> list[str]:
    return sorted(file.name for file in path.rglob("*.parquet*"))


def test_all_batches_are_one_commit_at_the_end_of_the_block(tmp_path: Path) -> None:
    with Appender(tmp_path, SCHEMA) as rows:
        for number in range(20):
            rows.append(batch(f"{number:02}"))
            assert DeltaTable(tmp_path).version() == 0
    table = DeltaTable(tmp_path)
    assert table.version() == 1
    assert sorted(table.to_pyarrow_table()["a"].to_pylist()) == [f"{number:02}" for number in range(20)]
    assert not table.schema().fields[0].nullable


def test_without_a_batch_there_is_no_commit_and_no_table(tmp_path: Path) -> None:
    with Appender(tmp_path / "t", SCHEMA):
        pass
    assert not (tmp_path / "t").exists()


def test_new_columns_are_added_to_the_table(tmp_path: Path) -> None:
    with Appender(tmp_path, SCHEMA) as rows:
        rows.append(batch("x"))
    wider = pa.schema([*SCHEMA, pa.field("b", pa.string())])
    with Appender(tmp_path, wider) as rows:
        rows.append(pa.RecordBatch.from_pydict({"a": ["y"], "b": ["z"]}, schema=wider))
    found = DeltaTable(tmp_path).to_pyarrow_table().sort_by("a").to_pylist()
    assert found == [{"a": "x", "b": None}, {"a": "y", "b": "z"}]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_raises_its_own_error_and_leaves_no_file(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appender, "write_deltalake", functools.partial(write_deltalake, target_file_size=500_000))
    with Appender(tmp_path, SCHEMA) as rows:
        rows.append(batch("x"))
    before = files(tmp_path)
    seen: list[str] = []

    def fail_late() -> None:
        nonlocal seen
        with Appender(tmp_path, SCHEMA) as rows:
            for _ in range(20):
                rows.append(bulk())
            seen = files(tmp_path)
            raise error("mine")

    with pytest.raises(error, match=r"^mine$"):
        fail_late()
    assert len(seen) > len(before), "the writer had finished files of its own"
    assert files(tmp_path) == before
    assert DeltaTable(tmp_path).version() == 1


def test_a_write_that_fails_is_raised_where_the_batches_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object, **__: object) -> None:
        raise DeltaError("cannot be written")

    monkeypatch.setattr(appender, "write_deltalake", write)
    appended = 0

    def append_much() -> None:
        nonlocal appended
        with Appender(tmp_path, SCHEMA) as rows:
            for _ in range(100):
                rows.append(batch("x"))
                appended += 1

    with pytest.raises(DeltaError, match="cannot be written"):
        append_much()
    assert appended < 3


def test_files_of_a_commit_that_was_made_stay_whatever_is_raised_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*arguments: object, **options: object) -> None:
        write_deltalake(*arguments, **options)  # type: ignore[call-overload]
        raise OSError("after the commit")

    monkeypatch.setattr(appender, "write_deltalake", write)
    with pytest.raises(OSError, match="after the commit"), Appender(tmp_path, SCHEMA) as rows:
        rows.append(batch("x"))
    assert DeltaTable(tmp_path).to_pyarrow_table()["a"].to_pylist() == ["x"]


def test_ctrl_c_between_two_batches_is_not_held_up_by_the_writer(tmp_path: Path) -> None:
    appended = 0

    def append_until_stopped() -> None:
        nonlocal appended
        with Appender(tmp_path, SCHEMA) as rows:
            for _ in range(3):
                rows.append(bulk())
                appended += 1
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        append_until_stopped()
    assert appended == 1
    assert DeltaTable(tmp_path).version() == 0

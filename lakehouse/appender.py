"""Appending to a Delta table batch by batch, in one commit that comes at the end or not at all.

The Delta writer asks for its batches from a thread of its own and holds the caller's while it does. Here it gets a
thread to hold, so that Ctrl-C and whatever else goes wrong between two batches is raised at once and as it is.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError


def create_if_missing(path: Path, schema: pa.Schema) -> None:
    """Make an empty Delta table, unless there is one.

    Args:
        path: the table's folder; made if it is missing.
        schema: its columns, with their nullability.

    Raises:
        DeltaError: the folder cannot be written.
    """
    if not DeltaTable.is_deltatable(str(path)):
        DeltaTable.create(path, schema, mode="ignore")


class Appender:
    """A ``with`` block that appends to a table: commits when the block ends well, leaves no trace when it fails.

    Without a batch nothing is written. Columns that the table lacks are added to it.

    Args:
        path: the table's folder; the table is made with the first batch if it is missing.
        schema: the batches' columns.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._handed: queue.Queue[pa.RecordBatch | None] = queue.Queue(maxsize=1)
        self._failed = False
        self._files_before: set[Path] = set()

    def __enter__(self) -> Appender:
        return self

    def append(self, batch: pa.RecordBatch) -> None:
        """Hand over a batch; waits while the one before it is still to be taken.

        Raises:
            DeltaError: writing has failed.
        """
        if self._writing is None:
            create_if_missing(self._path, self._schema)
            self._files_before = set(self._path.glob("*.parquet"))
            self._writing = self._thread.submit(self._write)
        self._hand(batch)
        if self._writing.done():
            self._writing.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing is None:
            return
        self._failed = error is not None
        try:
            self._hand(None)
            wait([self._writing])
            if error is None:
                self._writing.result()
        finally:
            self._thread.shutdown()
            if self._writing.exception():
                self._sweep()

    def _write(self) -> None:
        batches = pa.RecordBatchReader.from_batches(self._schema, self._taken())
        write_deltalake(self._path, batches, mode="append", schema_mode="merge")

    def _taken(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._handed.get()) is not None:
            yield batch
        if self._failed:
            raise RuntimeError("abandoned")

    def _hand(self, batch: pa.RecordBatch | None) -> None:
        # A writer that has failed takes nothing any more.
        while self._writing and not self._writing.done():
            with contextlib.suppress(queue.Full):
                self._handed.put(batch, timeout=0.1)
                return

    def _sweep(self) -> None:
        """Remove the files that no commit will point to; on a full disk they would be in the way."""
        with contextlib.suppress(OSError, DeltaError):
            committed = {uri.rpartition("/")[2] for uri in DeltaTable(self._path).file_uris()}
            for file in set(self._path.glob("*.parquet")) - self._files_before:
                if file.name not in committed:
                    file.unlink()

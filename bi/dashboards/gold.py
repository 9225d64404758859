"""Gold as pages read it: by SQL over the Delta files, without the engine that wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import QueryBuilder

from lakehouse import catalog
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError

Row = dict[str, Any]
NAMED = re.compile(r"\b(gold|quality)__([a-z0-9_]+)")


class Gold:
    """The tables of the schemas ``gold`` and ``quality`` of a warehouse; opened once, as they are at that moment."""

    def __init__(self, warehouse: Path) -> None:
        self._warehouse = warehouse
        self._builder = QueryBuilder()
        self._registered: set[str] = set()

    def rows(self, sql: str) -> list[Row]:
        """The rows of a query; a table is named ``schema__table``.

        Raises:
            LakehouseError: a table is not there.
        """
        for schema, name in NAMED.findall(sql):
            self._register(TableName(schema, name))
        return pa.table(self._builder.execute(sql).read_all()).to_pylist()

    def has(self, table: TableName) -> bool:
        """Whether there is such a table."""
        return (table.path(self._warehouse) / "_delta_log").is_dir()

    def _register(self, table: TableName) -> None:
        alias = f"{table.schema}__{table.name}"
        if alias in self._registered:
            return
        if not self.has(table):
            raise LakehouseError(f"There is no table {table} to show.", "Run `lakehouse run --path ...` first.")
        self._builder = self._builder.register(alias, catalog.open_delta(self._warehouse, table))
        self._registered.add(alias)


def plain(value: Any) -> Any:
    """A value as JSON and a browser know it: money as a number, a day as ``yyyy-mm-dd``."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value

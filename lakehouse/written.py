"""The tables that the project writes, by the files that say so; a failed step puts back no other."""

from __future__ import annotations

from collections.abc import Iterable

from lakehouse import settings
from lakehouse.bronze import DELIVERIES, REJECTED_ROWS
from lakehouse.catalog import TableName
from lakehouse.landing import SOURCES
from ml.contracts import CONTRACTS

_BUILT = {
    "silver": (("models/silver", "*.sql"), ("snapshots", "*.yml")),
    "gold": (
        ("models/gold", "*.sql"),
        ("models/marts", "*.sql"),
        ("../python_models/gold", "*.py"),
        ("seeds", "*.csv"),
    ),
}
"""The folders of the dbt project whose files have the names of a schema's tables."""


def tables_of(schemas: Iterable[str]) -> set[TableName]:
    """All tables of these schemas that a step of the project may write, whether they are there or not."""
    landings = [landing for files in SOURCES.values() for some in files for landing in some]
    names = {
        "bronze": {DELIVERIES.name, REJECTED_ROWS.name, *(landing.table for landing in landings)},
        "ml": set(CONTRACTS),
    }
    for schema, folders in _BUILT.items():
        names[schema] = {
            file.stem for folder, kind in folders for file in (settings.DBT_PROJECT / folder).rglob(kind)
        }
    return {TableName(schema, name) for schema in schemas for name in names[schema]}

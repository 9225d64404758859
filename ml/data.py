"""Gold tables as frames for the models, and their frames as ``ml`` tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from lakehouse import tables
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError
from lakehouse.tables import Place
from ml.contracts import CONTRACTS, ORIGIN
from ml.models import Clickstream, Frames

UNKNOWN = "unknown"


class Inputs(NamedTuple):
    """What a model is given, and where it came from.

    Attributes:
        frames: the tables that it reads.
        versions: the Delta version of each.
        dbt_invocations: the ids of the dbt invocations that made them, sorted; ``unknown`` where one does not say.
        reporting_date: the end of the last complete week.
        clickstream: ``observed`` only if all visits were.
    """

    frames: Frames
    versions: Mapping[str, int]
    dbt_invocations: tuple[str, ...]
    reporting_date: date
    clickstream: Clickstream


class Origin(NamedTuple):
    """The values of the columns of ``ml.contracts.ORIGIN``."""

    model_name: str
    model_version: int
    as_of_date: date
    scored_at: datetime


class CannotLearn(LakehouseError):
    """Gold holds nothing that a model could learn or score from."""


def prepare(place: Place) -> None:
    """Make the ``ml`` tables that are missing, empty."""
    for name, contract in CONTRACTS.items():
        tables.create(place, TableName("ml", name), contract.schema)


def require(place: Place, reads: Mapping[str, tuple[str, ...]]) -> None:
    """Make sure that Gold has what a model reads, without starting an engine.

    Raises:
        LakehouseError: a table is missing, cannot be read, or lacks a column.
    """
    there = set(tables.names(place, ["gold"]))
    for table in _tables(reads):
        if table not in there:
            raise LakehouseError(
                f"There is no table {table} in {place} to learn from.", "Run `lakehouse run --path ...` first."
            )
        lacking = sorted(set(reads.get(table.name, ())) - tables.columns(place, table))
        if lacking:
            raise LakehouseError(
                f"The table {table} lacks the column {', '.join(lacking)}.",
                "Build it anew with this version's models: `lakehouse build --layer gold`.",
            )


def read(session: SparkSession, place: Place, reads: Mapping[str, tuple[str, ...]]) -> Inputs:
    """Read what a model needs; to be called under the write lock, so that the versions noted are those read.

    Args:
        session: knows the tables.
        place: where they are.
        reads: columns by Gold table.

    Returns:
        Frames whose rows are sorted by all columns, first to last. Decimals are float64, dates ``datetime64``, times
        ``datetime64`` in UTC, whole numbers with nulls float64.

    Raises:
        LakehouseError: as :func:`require`, or no week is complete.
    """
    require(place, reads)
    versions, invocations = {}, set()
    for table in _tables(reads):
        if table.name in reads:
            versions[str(table)], invocation = tables.made(place, table)
            invocations.add(invocation or UNKNOWN)
    frames = {
        name: _frame(session.table(TableName("gold", name).quoted).select(*columns).toArrow())
        for name, columns in reads.items()
    }
    return Inputs(frames, versions, tuple(sorted(invocations)), _reporting_date(session), _clickstream(session))


def is_measured(place: Place, model: str, version: int) -> bool:
    """Whether ``ml.model_metrics`` says how good a version is."""
    sql = f"select count(*) as n from {{table}} where model_name = '{model}' and model_version = {version}"
    found = tables.ask(place, TableName("ml", "model_metrics"), sql)
    return found is not None and bool(found["n"][0].as_py())


def write(place: Place, rows: Frames, origin: Origin) -> dict[str, int]:
    """Write rows to ``ml`` tables; to be called inside :func:`lakehouse.tables.writing`.

    The rows of a table replace all that it holds or, where it keeps its history, those that its contract names.

    Returns:
        The number of rows by table.

    Raises:
        ValueError: rows that do not fit their contract.
    """
    conformed = {name: conform(name, frame, origin) for name, frame in rows.items()}
    for name, table in conformed.items():
        values = {
            "model_name": f"'{origin.model_name}'",
            "model_version": f"{origin.model_version}",
            "as_of_date": f"date '{origin.as_of_date}'",
        }
        same = " and ".join(f"{column} = {values[column]}" for column in CONTRACTS[name].replaced)
        tables.replace(place, TableName("ml", name), table, same or None)
    return {name: table.num_rows for name, table in conformed.items()}


def conform(name: str, frame: pd.DataFrame, origin: Origin) -> pa.Table:
    """Rows as their contract has them: its columns and types, sorted by its key.

    Args:
        name: of the table.
        frame: the columns of the contract without those of the origin, in any order.
        origin: what to put in those.

    Raises:
        ValueError: columns are missing or too many, values do not fit their type, a required one is null, or a key is
            there twice.
    """
    contract = CONTRACTS[name]
    asked, given = {field.name for field in contract.columns}, set(frame.columns)
    if asked != given:
        raise ValueError(f"ml.{name} lacks {sorted(asked - given)} and has no place for {sorted(given - asked)}")
    columns = [_column(name, field, frame[field.name]) for field in contract.columns]
    columns += [
        pa.repeat(pa.scalar(value, field.type), len(frame)) for field, value in zip(ORIGIN, origin, strict=True)
    ]
    table = pa.table(columns, schema=contract.schema)
    if table.group_by(list(contract.key)).aggregate([]).num_rows < table.num_rows:
        raise ValueError(f"ml.{name} would have two rows with the same {', '.join(contract.key)}")
    return table.sort_by([(column, "ascending") for column in contract.key])


def _column(name: str, field: pa.Field, series: pd.Series) -> pa.Array:
    array = pa.Array.from_pandas(series)
    try:
        if pa.types.is_decimal(field.type):
            array = pc.round(array.cast(pa.float64()), field.type.scale)
        array = array.cast(field.type)
    except pa.ArrowInvalid as error:
        raise ValueError(f"ml.{name}.{field.name} cannot hold what it is given: {error}") from error
    if array.null_count and not field.nullable:
        raise ValueError(f"ml.{name}.{field.name} has {array.null_count} nulls and may have none")
    return array


def _tables(reads: Mapping[str, tuple[str, ...]]) -> list[TableName]:
    """What is read, and what says when it is and where visits come from."""
    return [TableName("gold", name) for name in dict.fromkeys((*reads, "weekly_revenue", "fct_sessions"))]


def _frame(table: pa.Table) -> pd.DataFrame:
    # An engine gives rows in any order, and so would the last digits of what is learned from them be.
    table = table.combine_chunks().sort_by([(name, "ascending") for name in table.column_names])
    fields = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields)).to_pandas(date_as_object=False)


def _reporting_date(session: SparkSession) -> date:
    weeks = session.sql("select max(week_start) as last from gold.weekly_revenue where is_complete").toArrow()
    last: date | None = weeks["last"][0].as_py()
    if last is None:
        raise CannotLearn(
            "gold.weekly_revenue has no complete week: there is no day to learn or score for.",
            "Deliver some months of orders; weeks are complete when trade is regular.",
        )
    return last + timedelta(days=6)


def _clickstream(session: SparkSession) -> Clickstream:
    origins = session.sql("select distinct provenance from gold.fct_sessions").toArrow()["provenance"].to_pylist()
    return "observed" if origins == ["observed"] else "generated"

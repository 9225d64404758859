"""What became of each check and each dbt test: one row a check and run in ``quality.check_results``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa

from expectations.checks import Dimension, Severity
from lakehouse import tables
from lakehouse.catalog import TableName
from lakehouse.dbt_runner import NodeResult

CHECK_RESULTS = TableName("quality", "check_results")
MAX_TEXT = 200
TREND_RUNS = 24


class Status(StrEnum):
    """How a check ended; ``unknown`` where it had nothing to judge or to compare with, or was not reached."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CheckResult:
    """One check of one run, in the words that people read.

    ``suite`` is the type of the test where ``kind`` is dbt. Only the status ``failed`` stops a step. ``sample`` is
    JSON: a list of at most twenty rows or keys that offend. ``seconds`` is a share of the time of the suite's query.
    """

    layer: str
    table_name: str
    suite: str
    check_name: str
    kind: str
    dimension: str
    severity: str
    status: str
    observed: str
    expected: str
    sample: str
    owner: str
    why: str
    seconds: float


SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("checked_at", pa.timestamp("us", tz="UTC"), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in CheckResult.__annotations__ if name != "seconds"),
        pa.field("seconds", pa.float64(), nullable=False),
    ]
)
_STATUS_OF_DBT = {"pass": Status.PASSED, "warn": Status.WARNED, "skipped": Status.UNKNOWN}
_DIMENSION_OF_DBT = {
    "not_null": Dimension.COMPLETENESS,
    "rows_accounted_for": Dimension.COMPLETENESS,
    "grain": Dimension.UNIQUENESS,
    "unique": Dimension.UNIQUENESS,
    "accepted_values": Dimension.VALIDITY,
    "holds": Dimension.VALIDITY,
    "freshness": Dimension.TIMELINESS,
    "history_is_of_today": Dimension.TIMELINESS,
}


def of_dbt(step: str, nodes: Iterable[NodeResult]) -> list[CheckResult]:
    """The data tests among the nodes of a layer's step, as results; a test of a source is about its schema."""
    results = []
    for node in nodes:
        if node.test is None:
            continue
        kind_of_node, _, schema, *_ = node.test.on.split(".")
        table = node.test.on.rpartition(".")[2]
        # The project's not-null tests come one a column or one a table. Whatever is no other kind compares tables.
        kind = "not_null" if node.test.kind.startswith("not_null") else node.test.kind
        results.append(
            CheckResult(
                layer=schema if kind_of_node == "source" else step,
                table_name=table,
                suite=node.test.kind,
                check_name=node.name,
                kind="dbt",
                dimension=_DIMENSION_OF_DBT.get(kind, Dimension.CONSISTENCY),
                severity=Severity.CRITICAL if node.test.severity == "error" else Severity.WARNING,
                status=_STATUS_OF_DBT.get(node.status, Status.FAILED),
                observed=node.message or "no rows",
                expected="no rows",
                sample="[]",
                owner=node.test.owner,
                why="",
                seconds=node.seconds,
            )
        )
    return results


def short(value: Any) -> str:
    """A value as text that fits a line; a number with six digits, or all that are before the point."""
    if isinstance(value, float):
        return "null" if math.isnan(value) else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return str(value)[:MAX_TEXT]


def first_line(error: object) -> str:
    """What an error says, without what follows."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:MAX_TEXT]


def store(place: tables.Place, run_id: str, checked_at: datetime, results: Iterable[CheckResult]) -> None:
    """Keep the results of a step."""
    rows = [{"run_id": run_id, "checked_at": checked_at, **asdict(result)} for result in results]
    if rows:
        tables.append(place, CHECK_RESULTS, pa.Table.from_pylist(rows, SCHEMA))


def newest(place: tables.Place) -> list[dict[str, Any]]:
    """The rows of the newest run of each layer and kind, in the order of the tables."""
    return _rows(
        place,
        "select * from ("
        "select *, rank() over (partition by layer, kind order by checked_at desc) as age from {table}"
        ") where age = 1 order by table_name, suite, check_name",
    )


def trend(place: tables.Place) -> list[dict[str, Any]]:
    """How many checks did not hold, over the last :data:`TREND_RUNS` runs.

    Returns:
        A row per run, layer and dimension that was checked in it, runs in the order in which they began: ``run_id``,
        ``layer``, ``dimension``, ``checks``, ``failed`` and ``warned``.
    """
    return _rows(
        place,
        "select run_id, layer, dimension, count(*) as checks, "
        "sum(case when status = 'failed' then 1 else 0 end) as failed, "
        "sum(case when status = 'warned' then 1 else 0 end) as warned "
        "from (select *, dense_rank() over (order by run_id desc) as age from {table}) "
        f"where age <= {TREND_RUNS} group by run_id, layer, dimension order by run_id, layer, dimension",
    )


def _rows(place: tables.Place, sql: str) -> list[dict[str, Any]]:
    """Of a query over the results; none if there are no results yet."""
    found = tables.ask(place, CHECK_RESULTS, sql)
    return [] if found is None else found.to_pylist()

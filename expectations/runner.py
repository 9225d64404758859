"""Measuring the tables of a layer with one query a suite, and judging the measurements with Great Expectations."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import great_expectations as gx
import pandas as pd
import pyarrow as pa
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.render.renderer.inline_renderer import InlineRenderer
from pyspark.sql import SparkSession

from expectations import history
from expectations.checks import Check, Severity, Suite
from expectations.history import History
from expectations.results import CheckResult, Status

MAX_ROWS = 5000
"""A measurement is a summary; one that is longer copies its table."""
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
MAX_SAMPLE = 20
MAX_TEXT = 200
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Measured:
    """A suite's measurement as its query gave it, or why there is none."""

    suite: Suite
    frame: pd.DataFrame | None
    problem: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """What is true of a layer.

    Attributes:
        results: one per check of the suites.
        measured: the measurement by suite.
        judged: what Great Expectations says, by suite; for its pages.
    """

    results: list[CheckResult]
    measured: dict[str, pd.DataFrame]
    judged: dict[str, ExpectationSuiteValidationResult]


def validate(
    suites: Sequence[Suite], session: SparkSession, past: History, progress: Progress = lambda *_: None
) -> Report:
    """Measure and judge.

    A suite that cannot be measured, or a check that cannot be judged, has failed, whatever its severity: nobody knows
    what it would have said. The others are judged all the same. A check that needs earlier runs and has none is
    unknown.

    Args:
        suites: of one layer.
        session: knows the tables as they are now.
        past: what the layer was like before.
        progress: called with a suite's name, how many are done, and how many there are.
    """
    measurements = []
    for number, suite in enumerate(suites):
        progress(f"checks of {suite.title}", number, len(suites))
        measurements.append(measure(session, suite))
    frames = {
        measured.suite.title: history.with_history(measured.frame, past.of(measured.suite))
        for measured in measurements
        if measured.frame is not None
    }
    judged = judge([suite for suite in suites if suite.title in frames], frames)
    results = [
        _result(session, measured, frames.get(measured.suite.title), check, judged.get(measured.suite.title))
        for measured in measurements
        for check in measured.suite.checks
    ]
    now = {measured.suite.title: measured.frame for measured in measurements if measured.frame is not None}
    return Report(results, now, judged)


def measure(session: SparkSession, suite: Suite) -> Measured:
    """Ask a suite's question; an answer that is no measurement is a problem in words, as is an error of the query."""
    started = time.perf_counter()
    frame, problem = None, ""
    try:
        frame = _frame(session.sql(suite.measure).limit(MAX_ROWS + 1).toArrow())
    except Exception as error:  # the engines raise many kinds; all mean that this query gave no answer
        problem = f"could not be measured: {_first_line(error)}"
    return Measured(suite, frame, problem, time.perf_counter() - started)


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


def judge(suites: Iterable[Suite], frames: Mapping[str, pd.DataFrame]) -> dict[str, ExpectationSuiteValidationResult]:
    """Have Great Expectations judge measurements with their history, all suites in one checkpoint.

    Args:
        suites: of one layer.
        frames: a measurement for each.

    Returns:
        Its results by suite, without the checks that have nothing to compare with.

    Raises:
        RuntimeError: it judged another number of expectations than it was given.
    """
    in_memory = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    settings = DataContextConfig(store_backend_defaults=in_memory, progress_bars=ProgressBarsConfig(globally=False))
    context = gx.get_context(mode="ephemeral", project_config=settings)
    source = context.data_sources.add_pandas("measurements")
    definitions, asked = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for suite in suites:
            frame = frames[suite.title]
            checks = [check for check in suite.checks if not _lacks_history(check, frame)]
            if not checks:
                continue
            # A checkpoint hands the same frame to all of its suites; files it reads one by one.
            path = Path(folder) / f"{suite.title}.parquet"
            (frame if "key" in frame else frame.assign(key=suite.table)).to_parquet(path)
            asset: Any = source.add_parquet_asset(suite.title, path=path)
            suite_of_checks = gx.ExpectationSuite(suite.title, expectations=[_named(check) for check in checks])
            expectations = context.suites.add(suite_of_checks)
            definition = gx.ValidationDefinition(
                name=suite.title, data=asset.add_batch_definition("all"), suite=expectations
            )
            definitions.append(context.validation_definitions.add(definition))
            asked[suite.title] = len(checks)
        if not definitions:
            return {}
        checkpoint = gx.Checkpoint(
            name="layer",
            validation_definitions=definitions,
            # Measurements are small: a summary costs nothing, and unlike the basic format it names the keys.
            result_format={"result_format": "SUMMARY", "unexpected_index_column_names": ["key"]},
        )
        ran = context.checkpoints.add(checkpoint).run().run_results.values()
    judged = {result.suite_name: result for result in ran}
    evaluated = {name: len({_check_of(one) for one in result.results}) for name, result in judged.items()}
    if evaluated != asked:
        raise RuntimeError(f"Great Expectations was asked {asked} and judged {evaluated}.")
    return judged


def _named(check: Check) -> Any:
    """The expectation under its check's name; the description is what the pages of Great Expectations say."""
    said = f"{check.name}: {_expected(check)} {check.why}".replace("$", "$$")
    named = {"meta": {"check": check.name}, "description": said, "severity": check.severity.value}
    return check.expectation.copy(update=named)


def _check_of(result: ExpectationValidationResult) -> str:
    configuration: Any = result.expectation_config
    return str(configuration.meta["check"])


def _lacks_history(check: Check, frame: pd.DataFrame) -> bool:
    """Whether it asks about earlier runs, and there were none that measured this."""
    names = _columns(check)
    learned = [name for name in names if name.endswith(history.ENDINGS) and name in frame]
    return any(frame[name].isna().all() for name in learned)


def _columns(check: Check) -> list[str]:
    arguments = [getattr(check.expectation, name, None) for name in COLUMN_ARGUMENTS]
    return [name for value in arguments if value for name in ([value] if isinstance(value, str) else value)]


def _result(
    session: SparkSession,
    measured: Measured,
    frame: pd.DataFrame | None,
    check: Check,
    judged: ExpectationSuiteValidationResult | None,
) -> CheckResult:
    suite = measured.suite
    status, observed = Status.UNKNOWN, "nothing to compare with yet"
    sample: list[Any] = []
    verdict = next((one for one in judged.results if _check_of(one) == check.name), None) if judged else None
    if frame is None:
        status, observed = Status.FAILED, measured.problem
    elif verdict is not None and (problem := _exception(verdict)):
        status, observed = Status.FAILED, f"could not be judged: {problem}"
    elif verdict is not None:
        failed = Status.FAILED if check.severity is Severity.CRITICAL else Status.WARNED
        status = Status.PASSED if verdict.success else failed
        observed, sample = _observed(verdict, frame, check)
    if status in (Status.FAILED, Status.WARNED) and frame is not None and check.sample:
        sample = _sample(session, check.sample)
    return CheckResult(
        layer=suite.layer,
        table_name=suite.table,
        suite=suite.title,
        check_name=check.name,
        kind="expectation",
        dimension=check.dimension,
        severity=check.severity,
        status=status,
        observed=observed,
        expected=_expected(check),
        sample=json.dumps(sample, ensure_ascii=False, default=str),
        owner=suite.owner,
        why=check.why,
        seconds=measured.seconds / len(suite.checks),
    )


def _exception(verdict: ExpectationValidationResult) -> str:
    """The error that kept a check from being judged, if there was one; one flat record, or one a metric."""
    info = verdict.exception_info or {}
    for record in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if record.get("raised_exception"):
            return _first_line(record["exception_message"])
    return ""


def _observed(verdict: ExpectationValidationResult, frame: pd.DataFrame, check: Check) -> tuple[str, list[Any]]:
    """In words, what was found, and the keys that offend."""
    result = verdict.result
    if "unexpected_count" not in result:
        return _short(result.get("observed_value")), list(result.get("partial_missing_list") or [])
    columns = _columns(check)
    if len(frame) == 1 and "key" not in frame:
        return ", ".join(f"{name} {_short(frame[name].iloc[0])}" for name in columns), []
    offending = result.get("partial_unexpected_index_list") or []
    words = [
        " ".join([str(row.get("key", "")), *(_short(row[name]) for name in columns if name != "key" and name in row)])
        for row in offending[:3]
    ]
    more = f": {', '.join(words)}" if words else ""
    return (
        f"{result['unexpected_count']} of {result['element_count']} keys offend{more}",
        [row.get("key") for row in offending[:MAX_SAMPLE]],
    )


def _expected(check: Check) -> str:
    """The sentence that Great Expectations has for an expectation."""
    content = InlineRenderer(check.expectation.configuration).get_rendered_content()[0]
    rendered: Any = content.to_json_dict()["value"]
    values = {name: _short(param["value"]) for name, param in (rendered.get("params") or {}).items()}
    return Template(rendered["template"]).safe_substitute(values)


def _sample(session: SparkSession, query: str) -> list[Any]:
    try:
        rows = session.sql(query).limit(MAX_SAMPLE).toArrow().to_pylist()
    except Exception as error:
        return [f"could not be listed: {_first_line(error)}"]
    return [{name: _short(value) for name, value in row.items()} for row in rows]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return "null" if math.isnan(value) else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return str(value)[:MAX_TEXT]


def _first_line(error: object) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:MAX_TEXT]

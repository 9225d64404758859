"""Great Expectations as the judge of measurements: the only file that talks to it, besides the pages'."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.render.renderer.inline_renderer import InlineRenderer

from expectations.checks import Check, Suite
from expectations.history import ENDINGS, NO_HISTORY
from expectations.results import first_line, short

COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")


class Verdict(NamedTuple):
    """What is said of one check: whether it holds, what was seen, and which keys offend (twenty at most).

    ``problem`` says why it could not be judged; it is empty if it was.
    """

    holds: bool
    observed: str
    keys: list[str]
    problem: str


def judge(measurements: Sequence[tuple[Suite, pd.DataFrame]]) -> dict[str, ExpectationSuiteValidationResult]:
    """Have measurements with their history judged, all suites in one checkpoint.

    Returns:
        The results by suite, without the checks that have nothing to judge.

    Raises:
        RuntimeError: another number of expectations was judged than was asked for.
    """
    in_memory = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    settings = DataContextConfig(store_backend_defaults=in_memory, progress_bars=ProgressBarsConfig(globally=False))
    context = gx.get_context(mode="ephemeral", project_config=settings)
    source = context.data_sources.add_pandas("measurements")
    definitions, asked = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for suite, frame in measurements:
            checks = [check for check in suite.checks if not nothing_to_judge(check, frame)]
            if not checks:
                continue
            # A checkpoint hands the same frame to all of its suites; files it reads one by one.
            path = Path(folder) / f"{suite.title}.parquet"
            (frame if "key" in frame else frame.assign(key=suite.table)).to_parquet(path)
            asset: Any = source.add_parquet_asset(suite.title, path=path)
            expectations = gx.ExpectationSuite(suite.title, expectations=[_named(check) for check in checks])
            definition = gx.ValidationDefinition(
                name=suite.title, data=asset.add_batch_definition("all"), suite=context.suites.add(expectations)
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


def verdict(check: Check, frame: pd.DataFrame, judged: ExpectationSuiteValidationResult | None) -> Verdict | None:
    """What the results of a suite say of one of its checks; None if it was not judged."""
    for one in judged.results if judged else []:
        if _check_of(one) == check.name:
            observed, keys = _observed(one, frame, check)
            return Verdict(bool(one.success), observed, keys, _problem(one))
    return None


def nothing_to_judge(check: Check, frame: pd.DataFrame) -> str:
    """Why a check says nothing of a measurement; empty if it does: null holds whatever is expected."""
    for name in _columns(check):
        if name in frame and frame[name].isna().all():
            return NO_HISTORY if name.endswith(ENDINGS) else "nothing to judge here"
    return ""


@cache
def expected(check: Check) -> str:
    """The sentence that Great Expectations has for an expectation."""
    content = InlineRenderer(check.expectation.configuration).get_rendered_content()[0]
    rendered: Any = content.to_json_dict()["value"]
    values = {name: short(param["value"]) for name, param in (rendered.get("params") or {}).items()}
    return Template(rendered["template"]).safe_substitute(values)


def _named(check: Check) -> Any:
    """The expectation under its check's name; the description is what the pages of Great Expectations say."""
    said = f"{check.name}: {expected(check)} {check.why}".replace("$", "$$")
    named = {"meta": {"check": check.name}, "description": said, "severity": check.severity.value}
    return check.expectation.copy(update=named)


def _check_of(result: ExpectationValidationResult) -> str:
    configuration: Any = result.expectation_config
    return str(configuration.meta["check"])


def _columns(check: Check) -> list[str]:
    arguments = [getattr(check.expectation, name, None) for name in COLUMN_ARGUMENTS]
    return [name for value in arguments if value for name in ([value] if isinstance(value, str) else value)]


def _problem(result: ExpectationValidationResult) -> str:
    """The error that kept a check from being judged, if there was one: in one flat record, or in one a metric."""
    info = result.exception_info or {}
    for record in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if record.get("raised_exception"):
            return f"could not be judged: {first_line(record['exception_message'])}"
    return ""


def _observed(result: ExpectationValidationResult, frame: pd.DataFrame, check: Check) -> tuple[str, list[str]]:
    """In words, what was found, and the keys that offend."""
    found, columns = result.result, _columns(check)
    if "unexpected_count" not in found:
        return short(found.get("observed_value")), list(found.get("partial_missing_list") or [])
    if "key" not in frame:
        return ", ".join(f"{name} {short(frame[name].iloc[0])}" for name in columns), []
    offending = found.get("partial_unexpected_index_list") or []
    words = [
        " ".join([row["key"], *(short(row[name]) for name in columns if name != "key")]) for row in offending[:3]
    ]
    count = f"{found['unexpected_count']} of {found['element_count']} keys offend"
    return ": ".join([count, *([", ".join(words)] if words else [])]), [row["key"] for row in offending]

"""From suites to results: measure, put history beside, have it judged, say what follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd
from great_expectations.core import ExpectationSuiteValidationResult
from pyspark.sql import SparkSession

from expectations import history, judging, measuring
from expectations.checks import Check, Severity, Suite
from expectations.results import CheckResult, Status

Progress = Callable[[str, int, int], None]


class Report(NamedTuple):
    """What is true of a layer.

    Attributes:
        results: one per check of the suites.
        measured: the measurement by suite, without history.
        judged: what Great Expectations says, by suite; for its pages.
    """

    results: list[CheckResult]
    measured: dict[str, pd.DataFrame]
    judged: dict[str, ExpectationSuiteValidationResult]


def validate(
    suites: Sequence[Suite], session: SparkSession, past: history.History, progress: Progress = lambda *_: None
) -> Report:
    """Measure and judge.

    A suite that cannot be measured, or a check that cannot be judged, has failed, whatever its severity: nobody knows
    what it would have said. The others are judged all the same. A check that has nothing to judge,
    or needs earlier runs and has none, is unknown.

    Args:
        suites: of one layer.
        session: knows the tables as they are now.
        past: what the layer was like before.
        progress: called with a suite's name, how many are done, and how many there are.
    """
    answers = {}
    for number, suite in enumerate(suites):
        progress(f"checks of {suite.title}", number, len(suites))
        answers[suite.title] = measuring.measure(session, suite)
    progress("judging what was measured", len(suites), len(suites))
    measured = {title: answer.frame for title, answer in answers.items() if answer.frame is not None}
    frames = {
        suite.title: history.with_history(measured[suite.title], past.of(suite))
        for suite in suites
        if suite.title in measured
    }
    judged = judging.judge([(suite, frames[suite.title]) for suite in suites if suite.title in frames])
    results = []
    for suite in suites:
        for check in suite.checks:
            verdict: judging.Verdict | None = judging.Verdict(False, "", [], answers[suite.title].problem)
            reason = ""
            if suite.title in frames:
                verdict = judging.verdict(check, frames[suite.title], judged.get(suite.title))
                reason = judging.nothing_to_judge(check, frames[suite.title])
            status, observed, sample = _followed(check, verdict, reason)
            if status in (Status.FAILED, Status.WARNED) and check.sample:
                sample = measuring.sample(session, check.sample)
            seconds = answers[suite.title].seconds / len(suite.checks)
            results.append(
                _result(suite, check, status, observed, json.dumps(sample, ensure_ascii=False, default=str), seconds)
            )
    return Report(results, measured, judged)


def _followed(check: Check, verdict: judging.Verdict | None, reason: str) -> tuple[Status, str, list[Any]]:
    """What follows from a verdict, or from none for a reason: how it ended, what was seen, which keys offend."""
    if verdict is None:
        return Status.UNKNOWN, reason, []
    if verdict.problem:
        return Status.FAILED, verdict.problem, []
    failed = Status.FAILED if check.severity is Severity.CRITICAL else Status.WARNED
    return (Status.PASSED if verdict.holds else failed), verdict.observed, verdict.keys


def _result(suite: Suite, check: Check, status: Status, observed: str, sample: str, seconds: float) -> CheckResult:
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
        expected=judging.expected(check),
        sample=sample,
        owner=suite.owner,
        why=check.why,
        seconds=seconds,
    )

"""Suites measured and judged as a run does it, without a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pyspark.sql import SparkSession

from expectations import history, judging, measuring
from expectations.checks import Suite
from expectations.suites import bronze, gold, marts, ml, silver

LAYERS: Mapping[str, tuple[Suite, ...]] = {
    "bronze": bronze.SUITES,
    "silver": silver.SUITES,
    "gold": gold.SUITES,
    "ml": ml.SUITES,
    "marts": marts.SUITES,
}
SUITES = [suite for suites in LAYERS.values() for suite in suites]
CHECKS = [(suite, check) for suite in SUITES for check in suite.checks]
Frames = dict[str, pd.DataFrame]


def name_of(suite: Suite) -> str:
    return f"{suite.layer}.{suite.name or suite.table}"


def failures(now: Frames, before: Frames) -> set[str]:
    """The checks that fail, of the suites that were measured, where one earlier run was accepted."""
    by_name = {name_of(suite): suite for suite in SUITES if name_of(suite) in now}
    frames = []
    for name, suite in by_name.items():
        past = before[name] if "key" in before[name] else before[name].assign(key=history.NO_KEY)
        values = past.melt("key", var_name="metric").assign(run_id="before", suite=suite.title)
        frames.append((suite, history.with_history(now[name], history.History(("before",), values))))
    failed = set()
    # Two layers may have suites of one name, and a run judges one layer.
    for layer in LAYERS:
        of_layer = [(suite, frame) for suite, frame in frames if suite.layer == layer]
        judged = judging.judge(of_layer)
        for suite, frame in of_layer:
            for check in suite.checks:
                verdict = judging.verdict(check, frame, judged.get(suite.title))
                if verdict is not None and not verdict.holds:
                    assert verdict.problem == "", verdict.problem
                    failed.add(check.name)
    return failed


def measure(session: SparkSession, suites: tuple[Suite, ...], **replaced: str) -> Frames:
    """Measure suites, with views in place of some tables; if there are any, only suites with such a table."""
    frames = {}
    for suite in suites:
        sql = suite.measure
        for table, view in replaced.items():
            sql = re.sub(rf"\b{table.replace('__', '[.]', 1)}\b", view, sql)
        if not replaced or sql != suite.measure:
            answer = measuring.measure(session, replace(suite, measure=sql))
            assert answer.frame is not None, answer.problem
            frames[name_of(suite)] = answer.frame
    return frames

"""Measuring on the real engine, and judging with Great Expectations."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from great_expectations.expectations import (
    Expectation,
    ExpectColumnMaxToBeBetween,
    ExpectColumnPairValuesAToBeGreaterThanB,
    ExpectColumnValuesToBeBetween,
)
from pyspark.sql import SparkSession

from expectations import docs, measuring, runner
from expectations.checks import Check, Dimension, Severity, Suite
from expectations.history import History
from expectations.results import CheckResult
from lakehouse import catalog, session

NO_RUNS = History((), pd.DataFrame(columns=["run_id", "suite", "key", "metric", "value"]))
BY_STATE = (
    "select state as key, count(*) as orders, sum(cast(price as decimal(18, 2))) as price from silver.o group by 1"
)


@pytest.fixture
def engine(warehouse: Path) -> SparkSession:
    """A table of five orders in three states, one of them null."""
    catalog.prepare(warehouse)
    rows = {
        "id": ["o1", "o2", "o3", "o4", "o5"],
        "state": ["SP", "SP", "RJ", "RJ", None],
        "price": [1.0, 2.0, 3.0, 4.0, 100.0],
    }
    write_deltalake(warehouse / "silver" / "o", pa.table(rows))
    return session.open_session("local", warehouse)


def check(name: str, expectation: Expectation, severity: Severity = Severity.CRITICAL, sample: str = "") -> Check:
    return Check(name, Dimension.DISTRIBUTION, severity, "It happened.", expectation, sample)


def suite(measure: str, *checks: Check, name: str = "") -> Suite:
    return Suite("silver", "o", "shop", measure, checks, name)


def results(engine: SparkSession, *suites: Suite, past: History = NO_RUNS) -> dict[str, CheckResult]:
    return {result.check_name: result for result in runner.validate(suites, engine, past).results}


def most(column: str, limit: float) -> Expectation:
    return ExpectColumnValuesToBeBetween(column=column, max_value=limit)


def test_each_check_has_a_result_in_the_order_of_the_suites(engine: SparkSession) -> None:
    suites = (
        suite(BY_STATE, check("a", most("orders", 9)), check("b", most("price", 9))),
        suite("select 1 as one", check("c", most("one", 1)), name="ones"),
    )
    report = runner.validate(suites, engine, NO_RUNS)
    assert [(one.check_name, one.status) for one in report.results] == [
        ("a", "passed"),
        ("b", "failed"),
        ("c", "passed"),
    ]
    assert {name: len(judged.results) for name, judged in report.judged.items()} == {"o": 2, "ones": 1}
    assert sorted(report.measured) == ["o", "ones"]


def test_a_failure_says_what_was_seen_what_was_expected_and_which_keys(engine: SparkSession) -> None:
    failed = results(engine, suite(BY_STATE, check("dear", most("price", 5))))["dear"]
    assert (
        failed.observed == "2 of 3 keys offend: RJ 7, null 100"
        or failed.observed == "2 of 3 keys offend: null 100, RJ 7"
    )
    assert failed.expected == "price values must be less than or equal to 5."
    assert sorted(json.loads(failed.sample)) == ["RJ", "null"]
    assert (failed.owner, failed.why, failed.severity) == ("shop", "It happened.", "critical")


def test_a_sample_is_fetched_after_a_failure_only_and_cut(engine: SparkSession) -> None:
    many = "select id from silver.o order by id"
    broken = "select no_such_column from silver.o"
    numbers = "select explode(sequence(1, 100)) as number"
    found = results(
        engine,
        suite(
            "select count(*) as n from silver.o",
            check("too_many", most("n", 4), sample=many),
            check("warned", most("n", 3), Severity.WARNING, numbers),
            check("fine", most("n", 5), sample=broken),
            check("unlisted", most("n", 2), sample=broken),
        ),
    )
    assert [row["id"] for row in json.loads(found["too_many"].sample)] == ["o1", "o2", "o3", "o4", "o5"]
    assert found["too_many"].observed == "n 5"
    assert len(json.loads(found["warned"].sample)) == measuring.MAX_SAMPLE
    assert found["warned"].status == "warned"
    assert found["fine"].sample == "[]"
    assert "could not be listed" in found["unlisted"].sample


def test_checks_of_history_are_unknown_at_first_and_then_judge(engine: SparkSession) -> None:
    about = suite("select count(*) as n from silver.o", check("fell", most("n_ratio", 1.1)), check("n", most("n", 9)))
    first = results(engine, about)
    assert (first["fell"].status, first["n"].status) == ("unknown", "passed")
    values = pd.DataFrame({"run_id": ["r"], "suite": ["o"], "key": [""], "metric": ["n"], "value": [1.0]})
    second = results(engine, about, past=History(("r",), values))
    assert second["fell"].status == "failed"
    assert second["fell"].observed == "n_ratio 5"


def test_a_check_of_nothing_is_unknown(engine: SparkSession) -> None:
    found = results(engine, suite("select cast(null as double) as n, 1 as m", check("n", most("n", 1))))["n"]
    assert (found.status, found.observed) == ("unknown", "nothing to judge here")


def test_a_suite_of_history_alone_is_unknown_and_judged_by_nobody(engine: SparkSession) -> None:
    report = runner.validate([suite("select 1 as n", check("fell", most("n_ratio", 1)))], engine, NO_RUNS)
    assert [result.status for result in report.results] == ["unknown"]
    assert report.judged == {}


def test_two_checks_with_one_expectation_are_two(engine: SparkSession) -> None:
    one = check("one", most("n", 1))
    found = results(engine, suite("select 1 as n", one, replace(one, name="two")))
    assert [found["one"].status, found["two"].status] == ["passed", "passed"]


def test_aggregates_and_pairs_can_be_judged_too(engine: SparkSession) -> None:
    found = results(
        engine,
        suite(
            BY_STATE,
            check("max", ExpectColumnMaxToBeBetween(column="price", max_value=5)),
            check("pair", ExpectColumnPairValuesAToBeGreaterThanB(column_A="price", column_B="orders")),
        ),
    )
    assert found["max"].observed == "100"
    assert found["pair"].status == "passed"


@pytest.mark.parametrize(
    ("measure", "problem"),
    [
        ("select no_such_column from silver.o", "no_such_column"),
        ("select count(*) as n from silver.no_such_table", "no_such_table"),
        ("this is no SQL", "could not be measured: "),
        ("select explode(sequence(1, 5001)) as n", "the measurement has more than 5000 rows"),
        ("select price as n from silver.o", "a measurement without a key has one row, not 5"),
        ("select state as key, price as n from silver.o", "is there more than once"),
        (
            "select date '2018-01-01' as n",
            "n is date32[day]; a measurement has numbers, and one text column called key",
        ),
    ],
)
def test_a_suite_that_cannot_be_measured_fails_in_words_and_hides_nothing(
    measure: str, problem: str, engine: SparkSession
) -> None:
    broken = suite(measure, check("broken", most("n", 1), Severity.WARNING), name="broken")
    found = results(engine, broken, suite(BY_STATE, check("sound", most("orders", 9))))
    assert found["broken"].status == "failed"
    assert found["broken"].observed.startswith("could not be measured: ")
    assert problem in found["broken"].observed
    assert found["sound"].status == "passed"


def test_a_check_that_cannot_be_judged_fails_and_hides_nothing(engine: SparkSession) -> None:
    found = results(
        engine, suite(BY_STATE, check("typo", most("ordres", 9), Severity.WARNING), check("ok", most("orders", 9)))
    )
    assert found["typo"].status == "failed"
    assert found["typo"].observed.startswith("could not be judged: ")
    assert "ordres" in found["typo"].observed
    assert found["ok"].status == "passed"


def test_decimals_and_null_keys_are_measured(engine: SparkSession) -> None:
    frame = measuring.measure(engine, suite(BY_STATE, check("a", most("orders", 1)))).frame
    assert frame is not None
    assert dict(zip(frame["key"], frame["price"], strict=True)) == {"SP": 3.0, "RJ": 7.0, "null": 100.0}


def test_pages_ask_no_other_machine_for_anything(engine: SparkSession, tmp_path: Path) -> None:
    sound, dear = (
        check("sound", most("orders", 9)),
        check("dear", most("price", 5), Severity.WARNING, "select '<b>' as id"),
    )
    report = runner.validate([suite(BY_STATE, sound, dear)], engine, NO_RUNS)
    rows = [{"run_id": "r1", "layer": "silver", "dimension": "validity", "checks": 2, "failed": 1, "warned": 3}]
    docs.write(tmp_path, "silver", report.judged, [asdict(result) for result in report.results], rows)
    pages = {path.name: path.read_text() for path in (tmp_path / "quality").rglob("*") if path.is_file()}
    assert sorted(pages) == ["index.html", "o.html"]
    for page in pages.values():
        assert not any(word in page for word in ("<script", "<link", "<img", "<iframe", "@import", "url("))
    assert re.findall(r'href="([^#"][^"]*)"', pages["o.html"]) == []
    assert "<a href='../index.html'>" in pages["o.html"]
    assert "dear" in pages["o.html"]
    assert "It happened." in pages["o.html"]
    assert "<td class='failed' title='r1: 2 checks'>1 (3)</td>" in pages["index.html"]
    assert "Silver: 1 warned, 1 passed" in pages["index.html"]
    assert "href='silver/o.html'" in pages["index.html"]
    assert "&lt;b&gt;" in pages["index.html"]

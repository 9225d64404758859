"""Results as rows, dbt's own among them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from expectations import results
from expectations.results import CheckResult, of_dbt
from lakehouse import gate
from lakehouse.dbt_runner import DataTest, NodeResult
from tests.delta import query

AT = datetime(2026, 1, 1, tzinfo=UTC)


def node(
    kind: str = "grain", status: str = "pass", on: str = "model.lakehouse.orders", severity: str = "error"
) -> NodeResult:
    return NodeResult(f"test.lakehouse.{kind}_orders.abc", status, 0.5, "", DataTest(kind, on, severity, "analytics"))


def test_models_are_no_checks() -> None:
    assert of_dbt("gold", [NodeResult("model.lakehouse.orders", "success", 1.0, "")]) == []


def test_a_dbt_test_is_a_check_of_its_table() -> None:
    assert of_dbt("gold", [node()]) == [
        CheckResult(
            layer="gold",
            table_name="orders",
            suite="grain",
            check_name="grain_orders",
            kind="dbt",
            dimension="uniqueness",
            severity="critical",
            status="passed",
            observed="no rows",
            expected="no rows",
            sample="[]",
            owner="analytics",
            why="",
            seconds=0.5,
        )
    ]


def test_a_test_of_a_source_is_about_its_schema() -> None:
    found = of_dbt("silver", [node(on="source.lakehouse.bronze.orders")])[0]
    assert (found.layer, found.table_name) == ("bronze", "orders")
    found = of_dbt("marts", [node(on="source.lakehouse.ml.drift")])[0]
    assert (found.layer, found.table_name) == ("ml", "drift")


@pytest.mark.parametrize(
    ("kind", "dimension"),
    [
        ("not_null", "completeness"),
        ("not_null_constraints_hold", "completeness"),
        ("grain", "uniqueness"),
        ("unique", "uniqueness"),
        ("relationships", "consistency"),
        ("reconciles", "consistency"),
        ("agrees_with_silver", "consistency"),
        ("accepted_values", "validity"),
        ("holds", "validity"),
        ("freshness", "timeliness"),
    ],
)
def test_the_type_of_a_test_says_what_it_is_about(kind: str, dimension: str) -> None:
    assert of_dbt("gold", [node(kind)])[0].dimension == dimension


@pytest.mark.parametrize(
    ("status", "ours"),
    [("pass", "passed"), ("warn", "warned"), ("fail", "failed"), ("error", "failed"), ("skipped", "unknown")],
)
def test_what_dbt_says_is_said_in_our_words(status: str, ours: str) -> None:
    assert of_dbt("gold", [node(status=status)])[0].status == ours


def test_a_warning_of_dbt_is_no_critical_check() -> None:
    assert of_dbt("gold", [node(severity="warn")])[0].severity == "warning"


def test_the_newest_run_of_each_layer_is_found_again(warehouse: Path) -> None:
    assert results.newest(warehouse) == []
    old, new = of_dbt("gold", [node("grain")]), of_dbt("gold", [node("unique"), node("holds")])
    results.store(warehouse, "1", AT, old)
    results.store(warehouse, "1", AT, of_dbt("silver", [node("grain")]))
    results.store(warehouse, "2", AT.replace(day=2), new)
    found = [(row["layer"], row["check_name"]) for row in results.newest(warehouse)]
    assert sorted(found) == [("gold", "holds_orders"), ("gold", "unique_orders"), ("silver", "grain_orders")]
    assert query(warehouse, "select count(*) as n from quality__check_results") == [{"n": 4}]


def test_the_trend_counts_what_did_not_hold_by_run_layer_and_dimension(warehouse: Path) -> None:
    assert results.trend(warehouse) == []
    broken, noticed = node("unique", "fail"), node("holds", "warn")
    results.store(warehouse, "1", AT, of_dbt("gold", [node("grain"), broken, noticed]))
    results.store(warehouse, "2", AT.replace(day=2), of_dbt("gold", [node("grain")]))
    assert [tuple(row.values()) for row in results.trend(warehouse)] == [
        ("1", "gold", "uniqueness", 2, 1, 0),
        ("1", "gold", "validity", 1, 0, 1),
        ("2", "gold", "uniqueness", 1, 0, 0),
    ]


def test_the_trend_ends_with_the_newest_runs(warehouse: Path) -> None:
    for run in range(results.TREND_RUNS + 2):
        results.store(warehouse, f"{run:02}", AT, of_dbt("gold", [node("grain")]))
    assert next(row["run_id"] for row in results.trend(warehouse)) == "02"


def test_what_is_checked_after_the_clock_was_put_back_is_the_newest(warehouse: Path) -> None:
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    results.store(warehouse, ahead.strftime(gate.RUN_ID), ahead, of_dbt("silver", [node(status="fail")]))
    before = gate.new_run_id(warehouse)
    assert before > ahead.strftime(gate.RUN_ID)
    gate.keep_failed_tests("silver", warehouse, before, [node()])
    assert [(row["run_id"], row["status"]) for row in results.newest(warehouse)] == [(before, "passed")]
    assert results.trend(warehouse)[-1]["run_id"] == before
    assert gate.new_run_id(warehouse) > before

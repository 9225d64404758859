"""dbt's own tests on this adapter: unit tests and generic tests pass on what is right and fail on what is wrong."""

from __future__ import annotations

import pytest

from tests.dbt.small_project import Project, incremental, statuses, values

UNIT_TEST = """
unit_tests:
  - name: names_are_upper_case
    model: shouted
    given: [{input: ref('names'), rows: [{id: 7, name: ana}, {id: 8}]}]
    expect: {rows: [{id: 7, name: %s}, {id: 8, name: null}]}
"""
UNIT_TEST_OF_INCREMENT = """
unit_tests:
  - name: only_later_ids_are_taken
    model: later
    overrides: {macros: {is_incremental: true}}
    given:
      - {input: ref('names'), rows: [{id: 1}, {id: 2}, {id: 3}]}
      - {input: this, format: sql, rows: select 2 as id}
    expect: {rows: [%s]}
"""
LATER = """
    select id from {{ ref('names') }}
    {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
"""
GENERIC_TESTS = """
models:
  - name: %s
    columns:
      - name: id
        data_tests:
          - not_null
          - unique
          - accepted_values: {arguments: {values: [1, 2]}}
          - relationships: {arguments: {to: ref('parent'), field: id}}
"""
CHILDREN: dict[str, tuple[str, set[str]]] = {
    "good": ("(1), (2)", set()),
    "empty": ("(1), (cast(null as int))", {"not_null"}),
    "twice": ("(1), (1)", {"unique"}),
    "stranger": ("(1), (3)", {"accepted_values"}),
    "orphan": ("(1), (4)", {"accepted_values", "relationships"}),
}


@pytest.fixture
def names(project: Project) -> Project:
    project.model("names", values("(1, 'ana'), (2, 'bia'), (3, 'eva')", "id, name"))
    return project


def test_unit_tests_run_on_an_empty_warehouse_because_what_they_need_is_built_first(names: Project) -> None:
    names.model("shouted", "select id, upper(name) as name from {{ ref('names') }}", UNIT_TEST % "ANA")
    names.model("later", incremental() + LATER, UNIT_TEST_OF_INCREMENT % "{id: 3}")
    result = names.succeeds("build")
    assert statuses(result) == {
        "names": "success",
        "names_are_upper_case": "pass",
        "shouted": "success",
        "only_later_ids_are_taken": "pass",
        "later": "success",
    }
    assert names.rows("later") == [(1,), (2,), (3,)]  # not the fixture of the test
    assert names.known() == ["later", "names", "shouted"]


def test_a_unit_test_that_fails_keeps_its_model_from_being_built(names: Project) -> None:
    names.model("shouted", "select id, upper(name) as name from {{ ref('names') }}", UNIT_TEST % "ana")
    names.model("later", incremental() + LATER, UNIT_TEST_OF_INCREMENT % "{id: 2}, {id: 3}")
    result = names.dbt("build")
    assert statuses(result) == {
        "names": "success",
        "names_are_upper_case": "fail",
        "shouted": "skipped",
        "only_later_ids_are_taken": "fail",
        "later": "skipped",
    }
    assert not names.path("shouted").exists()
    assert not names.path("later").exists()


@pytest.mark.slow
def test_unit_tests_run_again_on_tables_that_exist_after_a_fresh_start(names: Project) -> None:
    names.model("later", incremental() + LATER, UNIT_TEST_OF_INCREMENT % "{id: 3}")
    names.succeeds("build")
    names.restart()
    assert statuses(names.succeeds("build"))["only_later_ids_are_taken"] == "pass"
    assert names.rows("later") == [(1,), (2,), (3,)]


@pytest.mark.slow
def test_generic_tests_pass_on_good_data_and_fail_on_bad(project: Project) -> None:
    project.model("parent", values("(1), (2), (3)", "id"))
    for name, (rows, _) in CHILDREN.items():
        project.model(name, values(rows, "id"), GENERIC_TESTS % name)
    project.succeeds("run")
    outcomes = statuses(project.dbt("test"))
    for name, (_, expected) in CHILDREN.items():
        outcome = {test.split(f"_{name}_")[0]: status for test, status in outcomes.items() if f"_{name}_" in test}
        assert len(outcome) == 4
        assert {test for test, status in outcome.items() if status == "fail"} == expected, name

"""Contracts: a query that breaks its model's contract fails, and the table on disk stays as it was."""

from __future__ import annotations

import pytest

from tests.dbt.small_project import Project, incremental, statuses

pytestmark = pytest.mark.slow

GOOD = "select cast(1 as bigint) as id, cast('9.99' as decimal(18, 2)) as price, 'x' as s"
BROKEN = {
    "wrong_type": "select cast(1 as int) as id, cast('9.99' as decimal(18, 2)) as price, 'x' as s",
    "wrong_precision": "select cast(1 as bigint) as id, cast('9.99' as decimal(20, 2)) as price, 'x' as s",
    "missing_column": "select cast(1 as bigint) as id, cast('9.99' as decimal(18, 2)) as price",
    "extra_column": GOOD + ", 1 as more",
}
YML = """
models:
  - name: {name}
    config: {{contract: {{enforced: true}}}}
    columns:
      - {{name: id, data_type: bigint}}
      - {{name: price, data_type: "decimal(18,2)"}}
      - {{name: s, data_type: string}}
"""
KINDS = pytest.mark.parametrize("config", ["", incremental("append_new_columns")], ids=["table", "incremental"])


def write(project: Project, name: str, sql: str) -> None:
    project.model(name, sql, YML.format(name=name))


@KINDS
def test_a_first_build_that_breaks_its_contract_writes_nothing(project: Project, config: str) -> None:
    for name, sql in BROKEN.items():
        write(project, name, config + sql)
    result = project.dbt("build")
    assert statuses(result) == dict.fromkeys(BROKEN, "error")
    assert [name for name in BROKEN if project.path(name).exists()] == []


@KINDS
def test_a_second_build_that_breaks_its_contract_leaves_the_table_as_it_was(project: Project, config: str) -> None:
    for name in BROKEN:
        write(project, name, config + GOOD)
    project.succeeds("build")
    for name, sql in BROKEN.items():
        write(project, name, config + sql)
    said = project.fails("build")
    assert said.count("This model has an enforced contract that failed") == len(BROKEN)
    for mismatch in ("DECIMAL(20,2) | DECIMAL(18,2)", "missing in contract", "missing in definition"):
        assert mismatch.lower() in said.lower()
    assert {name: project.version(name) for name in BROKEN} == dict.fromkeys(BROKEN, 0)


@KINDS
def test_a_query_that_keeps_its_contract_is_written_in_the_order_of_the_contract(
    project: Project, config: str
) -> None:
    write(project, "t", config + "select 'x' as s, cast('9.99' as decimal(18, 2)) as price, cast(1 as bigint) as id")
    project.succeeds("build")
    project.succeeds("build")
    assert project.version("t") == 1
    assert list(project.columns("t").items()) == [("id", "long"), ("price", "decimal(18,2)"), ("s", "string")]

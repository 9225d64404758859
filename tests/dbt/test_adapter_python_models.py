"""Python models: run in this process, read what is upstream, and fail with their own name in the message."""

from __future__ import annotations

import pytest

from tests.dbt.small_project import Project, messages, statuses, values

# Two models with the same names inside: what travels to the workers must be each model's own.
WITH_HELPERS = """
    import pandas as pd

    STEP = {step}

    def step(number):
        return number + STEP

    def steps(blocks):
        for block in blocks:
            yield pd.DataFrame({{"id": block["id"].map(step)}})

    def model(dbt, session):
        dbt.config(materialized="table")
        return dbt.ref("numbers").mapInPandas(steps, "id bigint")
"""
BROKEN_MODEL = """
    def broken(blocks):
        raise ValueError("inside a worker")
        yield

    def model(dbt, session):
        numbers = dbt.ref("numbers")
        return %s
"""
BROKEN = {
    "raises": ("{}['absent']", "KeyError: 'absent'"),
    "asks_the_engine": ("session.sql('select absent')", "absent"),
    "raises_in_a_worker": ("numbers.mapInPandas(broken, 'id bigint')", "ValueError: inside a worker"),
    "returns_no_frame": ("numbers.count()", "model() returned int, not a Spark or pandas DataFrame"),
}


@pytest.fixture
def numbers(project: Project) -> Project:
    project.model("numbers", values("(1, 'a'), (2, cast(null as string))", "id, s"))
    return project


@pytest.mark.slow
def test_functions_above_the_model_run_in_workers_and_are_each_models_own(numbers: Project) -> None:
    numbers.python_model("by_one", WITH_HELPERS.format(step=1))
    numbers.python_model("by_ten", WITH_HELPERS.format(step=10))
    numbers.succeeds("build")
    assert (numbers.rows("by_one"), numbers.rows("by_ten")) == ([(2,), (3,)], [(11,), (12,)])


def test_a_model_may_return_a_pandas_frame_and_be_read_by_sql(numbers: Project) -> None:
    numbers.python_model("frame", "def model(dbt, session):\n    return dbt.ref('numbers').toPandas()\n")
    numbers.model("below", "select count(*) as n, count(s) as texts from {{ ref('frame') }}")
    numbers.succeeds("build")
    assert (numbers.rows("frame"), numbers.rows("below")) == ([(1, "a"), (2, None)], [(2, 1)])


def test_a_model_is_replaced_and_found_again(numbers: Project) -> None:
    code = "def model(dbt, session):\n    return session.sql('''select {} as id''')\n"
    numbers.python_model("t", code.format(1))
    numbers.succeeds("build")
    numbers.restart()
    numbers.python_model("t", code.format("'one'"))
    numbers.succeeds("build")
    assert (numbers.version("t"), numbers.rows("t"), numbers.columns("t")) == (1, [("one",)], {"id": "string"})


def test_a_model_may_be_partitioned(numbers: Project) -> None:
    body = "dbt.config(partition_by='id')\n    return dbt.ref('numbers').select('s', 'id')"
    numbers.python_model("t", f"def model(dbt, session):\n    {body}\n")
    numbers.succeeds("build")
    assert numbers.delta("t").metadata().partition_columns == ["id"]


def test_an_exception_fails_the_node_names_the_file_and_writes_nothing(numbers: Project) -> None:
    for name, (body, _) in BROKEN.items():
        numbers.python_model(name, BROKEN_MODEL % body)
        numbers.model(f"below_{name}", f"select * from {{{{ ref('{name}') }}}}")
    result = numbers.dbt("build")
    said = messages(result)
    for name, (_, words) in BROKEN.items():
        assert f"The Python model models/{name}.py failed: " in said[name]
        assert words in said[name]
        assert statuses(result)[f"below_{name}"] == "skipped"
        assert not numbers.path(name).exists()


def test_an_incremental_python_model_is_refused_at_its_first_build(numbers: Project) -> None:
    numbers.python_model(
        "t",
        """
        def model(dbt, session):
            dbt.config(materialized="incremental", incremental_strategy="merge", unique_key="id")
            return dbt.ref("numbers")
        """,
    )
    said = numbers.fails("build")
    assert "The Python model t is incremental; here Python models are tables." in said
    assert not numbers.path("t").exists()

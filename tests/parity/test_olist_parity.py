"""``make parity``: the whole project on Apache Spark, on the real shop, gives what the embedded engine gives.

Too long for every change: minutes for the tables, and more for the models, which are trained on each engine.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakehouse.catalog import TableName
from tests.conftest import OLIST_ARCHIVE
from tests.delta import contents, differences, drop_times
from tests.runs import command, dbt

pytestmark = [pytest.mark.parity, pytest.mark.spark, pytest.mark.slow]
SCHEMAS = ("silver", "gold")
EPSILON = 1e-9
"""Of a float, as a share of its size."""

Tables = dict[TableName, pa.Table]


@pytest.fixture
def delivery(request: pytest.FixtureRequest) -> tuple[list[Path], Path]:
    """The real Olist with generated behaviour where it is at hand, the small shop elsewhere.

    Returns:
        The paths of the files, and what the local engine built from them.
    """
    real = OLIST_ARCHIVE.exists() or os.environ.get("REQUIRE_OLIST") == "1"
    files = ["olist_archive", "olist_behaviour"] if real else ["shop"]
    built = "olist_behaviour_warehouse" if real else "shop_warehouse"
    return [request.getfixturevalue(name) for name in files], request.getfixturevalue(built)


@pytest.mark.usefixtures("java")
def test_every_table_is_the_same_on_spark_and_every_unit_test_passes(
    delivery: tuple[list[Path], Path], tmp_path: Path
) -> None:
    paths, local = delivery
    words = [word for path in paths for word in ("--path", str(path))]
    run = command(tmp_path / "spark", "run", "--target", "spark", *words)
    assert run.returncode == 0, run.stdout + run.stderr
    # What is there already takes the way of an increment, and changes nothing; unit tests need tables beside them.
    again = dbt(
        tmp_path / "spark",
        *("build", "--target", "spark", "--exclude-resource-type", "test"),
        *("--select", "config.materialized:incremental", "resource_type:snapshot", "test_type:unit"),
    )
    assert again.returncode == 0, again.stdout[-3000:]
    ours = drop_times(contents(local, SCHEMAS))
    assert len(ours) > 30
    print(re.findall("Time by step.*", run.stdout), counted(ours))  # for the record; pytest -s shows it
    assert differences(ours, drop_times(contents(tmp_path / "spark", SCHEMAS))) == []


@pytest.mark.olist
@pytest.mark.usefixtures("java")
def test_models_learn_and_score_the_same(olist_behaviour_warehouse: Path, tmp_path: Path) -> None:
    scored = {}
    for target in ("local", "spark"):
        warehouse = tmp_path / target / "warehouse"
        shutil.copytree(olist_behaviour_warehouse, warehouse)
        for words in (("train", "all"), ("score", "all"), ("build", "--layer", "marts")):
            run = command(warehouse, *words, "--target", target)
            assert run.returncode == 0, run.stdout + run.stderr
        scored[target] = without_moments(contents(warehouse, ("ml", "gold")))
    assert scored["local"][TableName("ml", "churn_scores")].num_rows > 1000
    print(counted(scored["local"]), "floats differ by at most", largest(scored["local"], scored["spark"]))
    assert beyond_epsilon(scored["local"], scored["spark"]) == []


def test_a_float_that_is_off_by_more_than_epsilon_is_a_difference() -> None:
    name = TableName("ml", "churn_scores")

    def table(value: float) -> Tables:
        return {name: pa.table({"key": ["a", "b"], "value": [value, None]})}

    assert beyond_epsilon(table(2.0), table(2.0 * (1 + 1e-12))) == []
    assert beyond_epsilon(table(2.0), table(2.0 * (1 + 1e-8))) == ["ml.churn_scores.value differs"]
    assert beyond_epsilon(table(0.0), table(-0.0)) == []
    assert largest(table(2.0), table(1.0)) == 0.5


def without_moments(tables: Tables) -> Tables:
    """Without the column that says when a model scored."""
    return {
        name: rows.drop_columns(["scored_at"]) if "scored_at" in rows.column_names else rows
        for name, rows in tables.items()
    }


def counted(tables: Tables) -> dict[str, tuple[int, int]]:
    """Tables and rows, by schema."""
    schemas = {name.schema for name in tables}
    rows = {schema: [table.num_rows for name, table in tables.items() if name.schema == schema] for schema in schemas}
    return {schema: (len(counts), sum(counts)) for schema, counts in sorted(rows.items())}


def beyond_epsilon(one: Tables, other: Tables) -> list[str]:
    """As :func:`tests.delta.differences`, but floats may differ by :data:`EPSILON` of their size."""
    found = []
    for difference in differences(one, other):
        place = re.fullmatch(r"(\w+)\.(\w+)\.(\w+) differs", difference)
        if place is None or not (deviation(one, other, TableName(place[1], place[2]), place[3]) <= EPSILON):
            found.append(difference)
    return found


def largest(one: Tables, other: Tables) -> float:
    """How far two floats in the same place are apart at most, as a share of the larger."""
    columns = [(name, field) for name, table in one.items() for field in table.schema]
    floats = [(name, field.name) for name, field in columns if pa.types.is_floating(field.type)]
    return max(deviation(one, other, name, column) for name, column in floats)


def deviation(one: Tables, other: Tables, name: TableName, column: str) -> float:
    """Of one column; endless where its type or its empty places differ."""
    left, right = (tables[name][column] for tables in (one, other))
    if not pa.types.is_floating(left.type) or not left.is_null().equals(right.is_null()):
        return math.inf
    size = pc.max_element_wise(pc.abs(left), pc.abs(right))
    apart = pc.if_else(pc.equal(left, right), 0.0, pc.divide(pc.abs(pc.subtract(left, right)), size))
    return float(pc.max(apart).as_py() or 0.0)

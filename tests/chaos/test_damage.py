"""Tables whose log or files are damaged, and a register that is locked: the next run heals, or says how to."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.catalog import TableName
from tests.chaos.lab import Lab, one_error

pytestmark = pytest.mark.chaos


def garble_the_log(table: Path) -> None:
    log = newest_log(table)
    log.write_bytes(log.read_bytes()[:-40])


def empty_the_log(table: Path) -> None:
    """As a machine leaves it that lost its power."""
    newest_log(table).write_bytes(b"")


def lose_a_part(table: Path) -> None:
    for part in table.rglob("*.parquet"):
        part.unlink()


def newest_log(table: Path) -> Path:
    return max((table / "_delta_log").glob("*.json"))


@pytest.mark.parametrize(
    ("stage", "name", "damage"),
    [
        ("ingest", "bronze.orders", garble_the_log),
        ("ingest", "bronze.order_reviews", empty_the_log),
        ("ingest", "bronze.order_reviews", lose_a_part),
        ("silver", "bronze.orders", lose_a_part),
        ("silver", "silver.clickstream_events", garble_the_log),
        ("silver", "silver.clickstream_events", lose_a_part),
        ("silver", "silver.products_history", lose_a_part),
        ("silver", "silver.customers", empty_the_log),
        ("gold", "silver.order_items", lose_a_part),
        ("gold", "gold.customer_360", garble_the_log),
        ("gold", "gold.customer_360", lose_a_part),
        ("gold", "quality.check_results", garble_the_log),
        ("gold", "quality.check_results", lose_a_part),
        ("score", "gold.churn_examples", lose_a_part),
        ("score", "ml.churn_scores", garble_the_log),
        ("marts", "ml.churn_scores", lose_a_part),
        ("site", "gold.weekly_performance", lose_a_part),
    ],
)
def test_a_damaged_table_is_built_again_or_named(
    stage: str, name: str, damage: Callable[[Path], None], lab: Lab
) -> None:
    step = lab.step("again", stage)
    lab.stand(step.before)
    table = TableName(*name.split("."))
    path = table.path(lab.warehouse)
    damage(path)
    ended, said = lab.end(step)
    if ended:
        assert ended == 1, said
        said = one_error(said)
        assert f"The table {name} at {path}" in said
        assert f"Bring {path} back from a copy." in said
        # What it says is done: from a copy, or by the step that builds it.
        shutil.rmtree(path)
        if table.schema == "bronze" or "Or delete that folder" not in said or builder(table) != stage:
            shutil.copytree(table.path(lab.state(step.before) / "warehouse"), path)
        lab.take(step)
    assert lab.changed(step.after) == []


def builder(table: TableName) -> str:
    """The stage that builds a table anew if it is gone."""
    return {"ml": "score", "quality": "gold"}.get(table.schema, table.schema)


@pytest.mark.parametrize("stage", ["train", "score", "site"])
def test_a_register_that_another_program_holds(stage: str, lab: Lab) -> None:
    step = lab.step("again", stage)
    lab.stand(step.before)
    connection = sqlite3.connect(lab.warehouse / "mlflow.db", isolation_level=None)
    connection.execute("begin exclusive")
    try:
        said = lab.fail(step)
    finally:
        connection.close()
    assert f"The model registry in {lab.warehouse} cannot be used: another program is writing to it." in said
    assert "Wait until that program" in said
    assert lab.torn(step) == []
    lab.take(step)
    assert lab.changed(step.after) == []

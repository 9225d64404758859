"""The command line with three small suites instead of the real ones; `python -m tests.gated run ...` runs it.

What makes a check fail is one line of `olist_order_items_dataset.csv`: delivered many times it fails Bronze's, with a
price over half a million Silver's, and with one over fifty thousand Gold's.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn

from great_expectations.expectations import ExpectColumnValuesToBeBetween

import expectations.suites
from expectations.checks import Check, Dimension, Severity, Suite
from lakehouse import gate
from lakehouse.cli import main

BROKEN = "TESTS_BROKEN_SUITE"
"""An environment variable: with it, Silver has a suite more, whose query is no query."""
KILLED = "TESTS_KILLED_AT_THE_GATE"
"""An environment variable: with it, the process is killed as soon as it comes to a gate."""


def killed(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def suite(layer: str, table: str, measure: str, column: str, limit: float, sample: str = "", name: str = "") -> Suite:
    """A critical check of a limit, one that compares with earlier runs, and a warning that is always given."""
    most = Check(
        f"{column}_too_high",
        Dimension.VALIDITY,
        Severity.CRITICAL,
        f"Nobody has seen more than {limit:g}.",
        ExpectColumnValuesToBeBetween(column=column, max_value=limit),
        sample,
    )
    grown = Check(
        "rows_doubled",
        Dimension.DISTRIBUTION,
        Severity.CRITICAL,
        "A file was taken in twice.",
        ExpectColumnValuesToBeBetween(column="row_count_ratio", max_value=2),
    )
    always = Check(
        "rows_at_all",
        Dimension.COMPLETENESS,
        Severity.WARNING,
        "So that there is a warning.",
        ExpectColumnValuesToBeBetween(column="row_count", max_value=-1),
    )
    return Suite(layer, table, "shop", measure, (most, grown, always), name)


SUITES: dict[str, tuple[Suite, ...]] = {
    "bronze": (
        suite(
            "bronze",
            "order_items",
            "select count(*) as row_count, count(*) / count(distinct order_id, order_item_id) as deliveries "
            "from bronze.order_items",
            "deliveries",
            10,
            "select order_id from bronze.order_items group by order_id having count(*) > 100",
        ),
    ),
    "silver": (
        suite(
            "silver",
            "order_items",
            "select count(*) as row_count, max(price) as price from silver.order_items",
            "price",
            500_000,
            "select order_id, price from silver.order_items where price > 500000",
        ),
    ),
    "gold": (
        suite(
            "gold",
            "fct_order_items",
            "select count(*) as row_count, max(price) as price from gold.fct_order_items",
            "price",
            50_000,
        ),
    ),
}

if __name__ == "__main__":
    if os.environ.get(KILLED):
        gate.gate = killed
    if os.environ.get(BROKEN):
        SUITES["silver"] += (suite("silver", "orders", "select nothing", "x", 1, name="broken"),)
    expectations.suites._BY_LAYER.update(SUITES | {"ml": (), "marts": ()})
    main()

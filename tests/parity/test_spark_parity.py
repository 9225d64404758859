"""The same dbt project on Apache Spark gives the tables that the embedded engine gives, row by row."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import OLIST_ARCHIVE
from tests.delta import contents, differences, drop_times
from tests.runs import command, dbt

pytestmark = [pytest.mark.spark, pytest.mark.slow]
SCHEMAS = ("silver", "gold")


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
    print(re.findall("Time by step.*", run.stdout))  # for the record; pytest -s shows it
    ours = drop_times(contents(local, SCHEMAS))
    assert len(ours) > 30
    assert differences(ours, drop_times(contents(tmp_path / "spark", SCHEMAS))) == []

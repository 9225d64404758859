"""``make parity``: a cluster of several processes, reached by Spark Connect, gives the embedded engine's tables."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse import cluster, settings
from lakehouse.catalog import MARKER
from lakehouse.errors import LakehouseError
from tests.delta import contents, differences, drop_times
from tests.runs import dbt, environment_for

pytestmark = [pytest.mark.parity, pytest.mark.spark, pytest.mark.slow]
SCHEMAS = ("silver", "gold")
# Each task tells the process that forked it, one an executor; it waits, so that no executor does them all.
EXECUTORS = """
import os, time
import pandas as pd
from lakehouse import session, settings
def who(frames):
    for frame in frames:
        time.sleep(2)
        yield pd.DataFrame({"parent": [os.getppid()]})
spark = session.open_session("spark", settings.warehouse())
print(spark.range(0, 4, 1, 4).mapInPandas(who, "parent long").distinct().count())
"""


@pytest.mark.usefixtures("java")
def test_two_workers_build_the_tables_that_the_embedded_engine_builds(shop_warehouse: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "cluster" / "warehouse"
    for schema in ("bronze", "ml"):
        shutil.copytree(shop_warehouse / schema, warehouse / schema)
    shutil.copy(shop_warehouse / MARKER, warehouse)
    with cluster.running(warehouse, workers=2) as up:
        assert sorted(up.processes) == ["connect", "master", "worker 1", "worker 2"]
        kinds = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        build = dbt(warehouse, "build", "--target", "spark", *kinds, SPARK_REMOTE=up.remote)
        assert build.returncode == 0, build.stdout[-3000:]
        asked = subprocess.run(
            [sys.executable, "-c", EXECUTORS],
            env=environment_for(warehouse, SPARK_REMOTE=up.remote),
            capture_output=True,
            text=True,
            cwd=settings.ROOT,
            check=True,
        )
        assert asked.stdout.split()[-1] == "2"
    assert all(process.poll() is not None for process in up.processes.values())
    ours = drop_times(contents(shop_warehouse, SCHEMAS))
    assert differences(ours, drop_times(contents(warehouse, SCHEMAS))) == []


@pytest.mark.usefixtures("java")
def test_a_part_that_does_not_come_up_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_node", lambda name: (f"org.apache.spark.deploy.{name}", "--no-such-option"))
    with pytest.raises(LakehouseError, match="master did not come up"), cluster.running(tmp_path):
        pass

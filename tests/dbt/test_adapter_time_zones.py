"""Time is UTC, whatever the time zone of the machine."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.dbt.small_project import UTC, Project, incremental, shown

NOON = dt.datetime(2018, 2, 18, 12, tzinfo=UTC)  # in the night before it, São Paulo put its clocks back
ZONES = ["America/Sao_Paulo", "Asia/Tokyo"]

EVENTS = """
    select {{ 2 if is_incremental() else 1 }} as id, timestamp '2018-02-18 12:00:00' as at
    {% if is_incremental() %} union all select max(id) + 9, max(at) from {{ this }} {% endif %}
"""
FETCHED = """
    -- depends_on: {{ ref('events') }}
    {% set latest = run_query('select max(at) from ' ~ ref('events')).columns[0][0] if execute %}
    select cast('{{ latest }}' as timestamp) as at
"""
PANDAS = """
    def model(dbt, session):
        return dbt.ref("events").where("id = 1").select("at").toPandas()
"""


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES, indirect=True)
def test_timestamps_that_dbt_fetches_are_utc(project: Project, zone: str) -> None:
    project.model("events", "select timestamp '2018-02-18 12:00:00' as at")
    project.model("fetched", FETCHED)
    project.succeeds("build")
    assert project.rows("fetched") == [(NOON,)]
    assert shown(project.succeeds("show", "--select", "events")) == [(NOON,)]
    assert time.tzname != ("UTC", "UTC"), zone


@pytest.mark.slow
def test_a_warehouse_built_in_one_time_zone_reads_and_rebuilds_the_same_in_another(project: Project) -> None:
    project.model("events", incremental() + EVENTS)
    project.model("words", "select id, cast(at as string) as at, hour(at) as hour from {{ ref('events') }}")
    project.model("fetched", FETCHED)
    project.python_model("from_pandas", PANDAS)
    for zone in ZONES:
        subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", *project.arguments("build")],
            env=os.environ | {"TZ": zone},
            check=True,
            timeout=120,
        )
    assert project.version("events") == 1
    assert project.rows("events") == [(1, NOON), (10, NOON), (2, NOON)]
    assert project.rows("words") == [(id_, "2018-02-18 12:00:00", 12) for id_ in (1, 10, 2)]
    assert project.rows("fetched") == project.rows("from_pandas") == [(NOON,)]

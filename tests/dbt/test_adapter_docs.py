"""The commands that only look: docs, compile, show; and the adapter's own size."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse.catalog import prepare
from tests.dbt.small_project import INCREMENTAL, Project, shown, statuses, values

pytestmark = pytest.mark.slow

ADAPTER = Path(__file__).resolve().parents[2] / "dbt_adapter"
SOURCES = "sources: [{name: bronze, tables: [{name: delivered}]}]"
FRESH_SOURCES = """
sources:
  - name: bronze
    tables:
      - name: delivered
        config:
          loaded_at_field: at
          freshness: {warn_after: {count: 2, period: day}, error_after: {count: 7, period: day}}
"""


def test_the_catalog_of_the_docs_holds_every_table_with_columns_and_types(project: Project) -> None:
    prepare(project.warehouse)
    write_deltalake(project.warehouse / "bronze" / "delivered", pa.table({"id": ["1"]}))
    project.file("models/sources.yml", SOURCES)
    project.seed("seeded", "id,day\n1,2018-01-01\n")
    project.model(
        "one", "select 1 as id, cast(1 as decimal(18, 2)) as price from {{ source('bronze', 'delivered') }}"
    )
    project.model("two", INCREMENTAL + "select id from {{ ref('one') }}")
    project.succeeds("build")
    project.restart()
    project.succeeds("docs", "generate")
    catalog = json.loads((project.target / "catalog.json").read_text())
    assert catalog["errors"] is None
    assert {
        name: {column: entry["type"] for column, entry in node["columns"].items()}
        for name, node in (catalog["nodes"] | catalog["sources"]).items()
    } == {
        "model.small.one": {"id": "int", "price": "decimal(18,2)"},
        "model.small.two": {"id": "int"},
        "seed.small.seeded": {"id": "bigint", "day": "date"},
        "source.small.bronze.delivered": {"id": "string"},
    }
    assert {node["metadata"]["owner"] for node in catalog["nodes"].values()} == {None}


def test_compile_and_show_answer_without_writing(project: Project) -> None:
    project.model("one", values("(1, 'ç'), (2, cast(null as string))", "id, s"))
    project.succeeds("build")
    project.restart()
    project.model("two", "select id, s from {{ ref('one') }} order by id")
    compiled = project.succeeds("compile", "--select", "two")
    assert compiled.result.results[0].node.compiled_code == "select id, s from silver.one order by id"  # type: ignore[union-attr]
    assert shown(project.succeeds("show", "--select", "two")) == [(1, "ç"), (2, None)]
    assert shown(project.succeeds("show", "--inline", "select count(*) as n from {{ ref('one') }}")) == [(2,)]
    assert not project.path("two").exists()


@pytest.mark.parametrize(("days_old", "status"), [(1, "pass"), (3, "warn"), (9, "error")])
def test_the_freshness_of_a_source_is_judged_by_its_timestamps(project: Project, days_old: int, status: str) -> None:
    prepare(project.warehouse)
    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=days_old, hours=-1)
    write_deltalake(project.warehouse / "bronze" / "delivered", pa.table({"at": [at]}))
    project.file("models/sources.yml", FRESH_SOURCES)
    result = project.dbt("source", "freshness", "--output", str(project.folder / "sources.json"))
    assert statuses(result) == {"delivered": status}


def test_the_adapter_stays_under_four_hundred_lines() -> None:
    files = [path for path in ADAPTER.rglob("*") if path.suffix in {".py", ".sql"}]
    assert sum(len(path.read_text().splitlines()) for path in files) < 400
    assert len(files) > 5

"""The databricks target without a workspace: what dbt-databricks would send is of the dialect, and what it says.

The materializations are dbt-databricks' own. No warehouse has run any of it; see docs/databricks.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from bi.power_bi.contracts import shared_tables
from lakehouse import settings
from lakehouse.catalog import MARKER, TableName
from tests.conftest import Once
from tests.databricks.statements import databricks_words, foreign_imports, refused
from tests.databricks.workspace import HOST
from tests.delta import content
from tests.runs import SHORT_SPARK, environment_for

GOLDEN = Path(__file__).with_name("golden")
SECOND = "/sql/1.0/warehouses/second"
PYTHON_MODELS = ("int_channel_attribution", "int_customer_value", "int_product_affinity")
READ_BY_SCRIPTS = ("silver/as_of", "silver/clickstream_events", "gold/fct_order_items", "gold/fct_sessions")
# The one catalog that plain Spark has too, so that scripts run there as they stand.
CATALOG = "spark_catalog"

Said = dict[str, list[dict[str, Any]]]


def record(project: Path, warehouse: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build a project twice in a process of its own; what was said is in ``said.json`` then."""
    environment = environment_for(
        folder / "unused" / "warehouse",
        **HOST,
        DATABRICKS_CATALOG=CATALOG,
        DATABRICKS_SCHEMA="prod",
        DATABRICKS_TOKEN="none",
        DATABRICKS_HTTP_PATH_LARGE=SECOND,
    )
    environment.pop("DBT_TARGET_PATH")
    return subprocess.run(
        [sys.executable, "-m", "tests.databricks.workspace", project, warehouse, folder / "said.json"],
        env=environment,
        capture_output=True,
        text=True,
        cwd=settings.ROOT,
        check=False,
    )


@pytest.fixture(scope="module")
def said(shop_warehouse: Path, once: Once) -> Said:
    """What both builds of this project said."""

    def fill(folder: Path) -> None:
        run = record(settings.DBT_PROJECT, shop_warehouse, folder)
        assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-3000:]

    found: Said = json.loads((once("databricks_said", fill) / "said.json").read_text())
    return found


def of(said: Said, build: str, node: str | None = None) -> list[str]:
    """The statements of a build, or of one node in it."""
    return [one["sql"] for one in said["statements"] if one["build"] == build and node in (None, one["node"])]


def matching(statements: list[str], pattern: str) -> list[str]:
    """What the group of a pattern holds, where it is found."""
    bare = (" ".join(sql.replace("`", "").replace(f"{CATALOG}.", "").split()) for sql in statements)
    return [found[1] for sql in bare if (found := re.search(pattern, sql, flags=re.IGNORECASE))]


def test_every_statement_of_both_builds_is_of_the_dialect(said: Said) -> None:
    assert min(len(of(said, build)) for build in ("first", "second")) > 1000
    assert refused(one["sql"] for one in said["statements"]) == []


def test_a_config_that_makes_sql_of_no_dialect_is_caught(shop_warehouse: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "models" / "dim_seller.sql").write_text("select 'a' as seller_id")
    (project / "dbt_project.yml").write_text(
        "name: small\nprofile: lakehouse\nquery-comment: ''\nflags: {send_anonymous_usage_stats: false}\n"
        "models: {+materialized: table, +tblproperties: {owner: the shop's}}\n"
    )
    run = record(project, shop_warehouse, tmp_path)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-3000:]
    statements = [one["sql"] for one in json.loads((tmp_path / "said.json").read_text())["statements"]]
    found = refused(statements)
    assert len(found) == 2
    assert all(one.startswith("create or replace table") for one in found)


def test_a_command_of_no_known_form_is_caught() -> None:
    name = "`main`.`silver`.`customers`"
    assert refused([f"optimize {name}", f"alter table {name} alter column `email` set tags ('pii' = 'true')"]) == []
    wrong = [
        f"optimize {name} zorder",
        f"alter table {name} alter column `email` set tags ('pii', 'true')",
        "select 1 form x y",
    ]
    assert len(refused(wrong)) == 3


def test_a_table_is_made_at_first_and_merged_or_replaced_after(said: Said) -> None:
    made = {build: matching(of(said, build), r"^create or replace table (\S+)") for build in ("first", "second")}
    merged = {build: matching(of(said, build), r"merge into (\S+)") for build in ("first", "second")}
    increments = {f"silver.{name}" for name in ("clickstream_events", "orders", "sessions", "stg_orders")}
    increments |= {"silver.stg_clickstream_events", "silver.products_history", "silver.sellers_history"}
    assert set(made["first"]) - set(made["second"]) == increments
    assert merged["first"] == []
    assert set(merged["second"]) == increments
    assert len(made["first"]) > 55
    # What a period no longer gives is deleted by the merge that brings it in.
    assert matching(of(said, "second", "sessions"), r"(when not matched by source and .* then delete)")


def test_what_is_configured_once_is_said_of_every_table(said: Said) -> None:
    first = of(said, "first")
    created = [sql for sql in first if re.match(r"\s*create or replace table .* using delta", sql, flags=re.DOTALL)]
    seeds = [sql for sql in created if "`inventory`" in sql]
    assert all("delta.autoOptimize.optimizeWrite" in sql for sql in created if sql not in seeds)
    assert not [sql for sql in first if "partitioned by" in sql.lower()]
    clustered = r"create or replace table (\S+) .*cluster by"
    assert set(matching(created, clustered)) == {
        *(f"silver.{name}" for name in ("clickstream_events", "orders", "sessions")),
        *(f"silver.stg_{name}" for name in ("clickstream_events", "orders")),
        *(f"gold.{name}" for name in ("churn_examples", "fct_order_items", "fct_orders", "fct_sessions")),
    }
    tags = matching(first, r"alter table (\S+ alter column \w+) set tags \('pii' = 'true'\)")
    assert {tag.split()[-1] for tag in tags} == {"full_name", "email", "phone"}
    assert {tag.split()[0] for tag in tags} >= {"silver.customer_contacts", "gold.whale_call_list"}
    grants = matching(first, r"grant select on (\S+ to \S+)")
    shared = {f"gold.{table.name} to analysts" for table in shared_tables().values() if table.schema == "gold"}
    assert len(shared) > 15
    assert shared <= set(grants)
    assert [grant for grant in grants if "whale_call_list" in grant] == ["gold.whale_call_list to customer_care"]
    assert not [grant for grant in grants if "int_" in grant or grant.startswith("silver")]


def test_tests_are_told_as_keys(said: Said) -> None:
    for build in ("first", "second"):
        keys = matching(of(said, build), r"alter table (gold\.\S+) add constraint \w+ primary key")
        assert len(keys) == len(set(keys)) >= 15
        ends = of(said, build, "lakehouse-on-run-end-0")
        foreign = matching(ends, r"alter table (\S+ add constraint .*)")
        order = "gold.fct_order_items add constraint fct_order_items_product_id_leads_to_dim_product"
        assert f"{order} foreign key (product_id) references gold.dim_product (product_id)" in foreign
        assert len(foreign) == len(set(foreign)) > 20
        # One that is there already is given up first.
        assert len(matching(ends, r"(drop constraint if exists)")) == len(foreign)
    assert matching(of(said, "first", "orders"), r"(add constraint orders_key primary key \(order_id\))")
    assert not matching(of(said, "second", "orders"), r"(add constraint)")
    # A key is required before it is one.
    first = of(said, "first", "orders")
    required = next(i for i, sql in enumerate(first) if "`order_id` set not null" in sql)
    assert required < next(i for i, sql in enumerate(first) if "primary key" in sql)


def test_wide_joins_go_to_the_large_warehouse_and_every_query_is_tagged(said: Said) -> None:
    paths = {(one["node"], one["http_path"]) for one in said["statements"]}
    assert {node for node, path in paths if path == SECOND} == {"churn_examples", "interaction_matrix"}
    for session in said["sessions"]:
        assert session["timezone"] == "UTC"
        assert "project:customer_intelligence_lakehouse" in session["QUERY_TAGS"]


def test_python_models_are_jobs_without_a_cluster(said: Said) -> None:
    assert sorted(script["node"] for script in said["scripts"]) == sorted(2 * PYTHON_MODELS)
    for script in said["scripts"]:
        assert not {"new_cluster", "existing_cluster_id"} & set(script["job"])
        assert foreign_imports(script["code"]) == []


def test_a_python_model_that_imports_from_the_repository_is_caught() -> None:
    inside = (
        "def model(dbt, session):\n    from ml.churn import features\n    import pandas\n    from . import helper\n"
    )
    assert foreign_imports(inside) == ["", "ml"]


@pytest.mark.parametrize("node", ["fct_sessions", "sessions", "products_history", "int_product_affinity"])
def test_what_is_said_is_what_was_looked_at(said: Said, node: str) -> None:
    """One table, one incremental, one snapshot, one Python model; ``UPDATE_GOLDEN=1`` writes the files anew."""
    parts = []
    for build in ("first", "second"):
        parts += [f"-- {build} build\n{tidy(sql)};\n" for sql in of(said, build, node)]
    parts += [
        f"-- first build, notebook\n{script['code'].strip()}\n"
        for script in said["scripts"]
        if (script["build"], script["node"]) == ("first", node)
    ]
    text = "\n".join(parts)
    file = GOLDEN / f"{node}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def tidy(sql: str) -> str:
    """Without the blank lines and spaces that macros leave."""
    return "\n".join(line.rstrip() for line in sql.strip().splitlines() if line.strip())


def test_no_model_knows_of_databricks() -> None:
    project = settings.DBT_PROJECT
    files = [
        *project.glob("models/**/*"),
        *project.glob("snapshots/*"),
        *(settings.ROOT / "python_models").rglob("*"),
    ]
    # Sources say in which schema they are, which is not a model's to say.
    code = {
        file: file.read_text()
        for file in files
        if file.suffix in (".sql", ".py", ".yml") and file.name != "_sources.yml"
    }
    assert len(code) > 120
    assert {file.name: words for file, text in code.items() if (words := databricks_words(text))} == {}


@pytest.mark.parametrize("layer", ["bronze", "ml", "quality"])
def test_what_is_read_is_in_the_schema_that_commands_write_to(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (settings.DBT_PROJECT / "models" / layer / "_sources.yml").read_text()
    (source,) = yaml.load(text, yaml.CSafeLoader)["sources"]
    schema = jinja2.Environment(autoescape=True).from_string(source["schema"])
    for prefix in ("dev_ann", "prod"):
        monkeypatch.setenv("DATABRICKS_SCHEMA", prefix)
        target = {"type": "databricks", "schema": prefix}
        assert schema.render(target=target) == settings.databricks_schema(layer)
    assert schema.render(target={"type": "lakehouse", "schema": "silver"}) == layer


@pytest.mark.parametrize(
    "code",
    [
        "{{ config(liquid_clustered_by=['order_id']) }} select 1",
        "{% if target.type == 'databricks' %} select 1 {% endif %}",
        "    config:\n      databricks_tags: {pii: 'true'}",
        "def model(dbt, session):\n    dbt.config(submission_method='serverless_cluster')",
    ],
)
def test_a_databricks_word_in_a_model_is_caught(code: str) -> None:
    assert databricks_words(code)
    assert databricks_words("-- databricks has no such word\nselect 1") == []


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_each_submitted_script_runs_as_it_stands_in_plain_spark(
    said: Said, shop_warehouse: Path, tmp_path: Path
) -> None:
    warehouse = tmp_path / "spark" / "warehouse"
    for part in READ_BY_SCRIPTS:
        shutil.copytree(shop_warehouse / part, warehouse / part)
    shutil.copy(shop_warehouse / MARKER, warehouse)
    scripts = [one["code"] for one in said["scripts"] if one["build"] == "first"]
    run = run_scripts(warehouse, scripts)
    assert run.returncode == 0, run.stdout[-1000:] + run.stderr[-3000:]
    for name in PYTHON_MODELS:
        table = TableName("gold", name)
        assert content(warehouse, table).equals(content(shop_warehouse, table)), name
    # On the session that has just been paid for: a script that needs the repository does not run.
    broken = run_scripts(warehouse, ["from lakehouse import catalog"])
    assert broken.returncode != 0
    assert "lakehouse" in broken.stderr.strip().splitlines()[-1]


def run_scripts(warehouse: Path, scripts: list[str]) -> subprocess.CompletedProcess[str]:
    """In a process that knows the packages of a runtime only."""
    file = warehouse.parent / "scripts.json"
    file.write_text(json.dumps(scripts))
    return subprocess.run(
        [sys.executable, "-m", "tests.databricks.run_scripts", str(warehouse), str(file)],
        env=environment_for(warehouse, **SHORT_SPARK),
        capture_output=True,
        text=True,
        cwd=settings.ROOT,
        check=False,
    )


def credentials(environment: dict[str, str]) -> Any:
    """What dbt-databricks makes of the profile in an environment."""
    from dbt.adapters.databricks.credentials import DatabricksCredentials
    from dbt.config.renderer import ProfileRenderer
    from dbt_common.context import set_invocation_context

    set_invocation_context({**HOST, **environment})
    output = yaml.safe_load((settings.PROFILES / "profiles.yml").read_text())["lakehouse"]["outputs"]["databricks"]
    told = {name: value for name, value in output.items() if name not in ("type", "threads")}
    return DatabricksCredentials.from_dict(
        DatabricksCredentials.translate_aliases(ProfileRenderer({}).render_data(told))
    )


@pytest.mark.slow
def test_a_token_comes_before_a_service_principal() -> None:
    principal = {"DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "secret"}
    person, machine = credentials({**principal, "DATABRICKS_TOKEN": "token"}), credentials(principal)
    for found in (person, machine):
        found.validate_creds()
    assert (person.token, person.auth_type) == ("token", None)
    assert (machine.token, machine.auth_type, machine.client_id, machine.client_secret) == (
        None,
        "oauth",
        "id",
        "secret",
    )

"""The bundle is whole, cheap and gated; each check is shown to find its fault in a broken copy."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databricks.bundles.clusters import Cluster
from databricks.bundles.jobs import Job
from databricks.bundles.model_serving_endpoints import ModelServingEndpoint
from databricks.bundles.registered_models import RegisteredModel
from databricks.bundles.schemas import Schema
from databricks.bundles.sql_warehouses import SqlWarehouse
from databricks.bundles.volumes import Volume

from lakehouse.settings import DBT_PROJECT
from tests.deploy.broken import replace
from tests.deploy.bundle import BUNDLE, TARGETS, Outside, faults, merged, read, resources
from tests.deploy.schemas import fit

TYPES: dict[str, Any] = {
    "clusters": Cluster,
    "jobs": Job,
    "model_serving_endpoints": ModelServingEndpoint,
    "registered_models": RegisteredModel,
    "schemas": Schema,
    "sql_warehouses": SqlWarehouse,
    "volumes": Volume,
}
JOB = "resources/lakehouse.job.yml"
ROOT_FILE = "databricks.yml"
WAREHOUSE = "resources/warehouse.yml"
INTERACTIVE = "resources/interactive.yml"
CATALOG = "resources/catalog.yml"
SERVING = "optional/serving.yml"
POWER_BI = "optional/power_bi.yml"
FAULTS = [
    # What is referred to is defined, and what is defined is used.
    (JOB, "- task_key: silver_gate\n          desc", "- task_key: gate\n          desc", "there is no such task"),
    (
        JOB,
        "            - task_key: marts\n",
        "            - task_key: mart\n",
        "marts_gate waits for mart, and there is no",
    ),
    (
        JOB,
        "job_cluster_key: single_node\n          libraries: &",
        "job_cluster_key: node\n          libraries: &",
        "cluster node",
    ),
    (JOB, "profiles_directory: ../profiles", "profiles_directory: ../profile", "there is no profile in ../profile"),
    (JOB, "--target databricks --selector gold", "--target prod --selector gold", "the profile has no target 'prod'"),
    (JOB, "--target databricks --selector gold", "--target spark --selector gold", "does not take the token"),
    (JOB, "package: dbt-databricks", "package: dbt-spark", "it does not bring dbt-databricks"),
    (ROOT_FILE, "    - ../../profiles\n", "", "dbt reads ../profiles, which is not synced"),
    (JOB, "{{job.parameters.landing_folder}}", "{{job.parameters.folder}}", "there is no job parameter folder"),
    (JOB, 'left: "{{job.parameters.train}}"', 'left: "true"', "the job parameter train is used nowhere"),
    (JOB, "sql_warehouses.lakehouse.id", "sql_warehouses.warehouse.id", "no resource sql_warehouses.warehouse"),
    (JOB, "${var.node_type_id}", "${var.node}", "there is no variable node"),
    (ROOT_FILE, "  cost_center:\n", "  center:\n", "there is no variable cost_center"),
    (ROOT_FILE, "  notify:\n", "  unused: {default: x}\n  notify:\n", "the variable unused is used nowhere"),
    (ROOT_FILE, "../../python_models", "../../models", "there is no folder ../../models to sync"),
    (ROOT_FILE, "    - ../../python_models\n", "", "dbt reads ../python_models, which is not synced"),
    (JOB, "../../../dbt_project", "../../dbt_project", "there is no dbt project"),
    (CATALOG, "name: checkpoints", "name: memory", "nobody makes the volume landing/checkpoints"),
    # The wheel has what the tasks call, and the command line takes their words.
    (
        JOB,
        "entry_point: lakehouse\n            parameters: [train",
        "entry_point: trainer\n            parameters: [train",
        "no entry point trainer",
    ),
    (
        JOB,
        "package_name: customer_intelligence_lakehouse",
        "package_name: lakehouse",
        "the wheel is not called lakehouse",
    ),
    (JOB, "[score, all]", "[scores, all]", "No such command"),
    (JOB, "- --path\n", "- --folder\n", "No such option: --folder"),
    (JOB, "[train, all]", "[train]", "Missing parameter: model"),
    (JOB, "../../../dist/*.whl", "../../dist/*.whl", "it does not bring the wheel"),
    # dbt tests what it builds.
    (
        JOB,
        "dbt build --target databricks --selector gold",
        "dbt run --target databricks --selector gold",
        "it must be `dbt build`",
    ),
    (JOB, "--selector gold", "--selector golden", "dbt has no selector 'golden'"),
    # Nothing gets past a gate.
    (
        JOB,
        "            - task_key: gold_gate\n          condition",
        "            - task_key: gold\n          condition",
        "other than the gate of gold",
    ),
    (
        JOB,
        "parameters: [validate, --layer, marts, --just-built]",
        "parameters: [validate, --layer, ml, --just-built]",
        "marts is built by ['marts'] and checked by []",
    ),
    (
        JOB,
        "parameters: [validate, --layer, gold, --just-built]",
        "parameters: [validate, --layer, gold]",
        "the gate of gold keeps nothing",
    ),
    (
        JOB,
        "            - task_key: silver_gate\n",
        "            - task_key: ingest\n",
        "nothing waits for the gate of silver",
    ),
    (JOB, "timezone_id: UTC\n", "timezone_id: UTC\n        pause_status: UNPAUSED\n", "it runs by itself in dev too"),
    # Nothing costs without end, or without a name.
    (INTERACTIVE, "autotermination_minutes: 15", "autotermination_minutes: 120", "within 15 minutes"),
    (INTERACTIVE, "          autotermination_minutes: 15\n", "", "interactive does not end itself"),
    (INTERACTIVE, "num_workers: 0", "num_workers: 4", "interactive is not a single node"),
    (JOB, "spark.master: local[*]", "spark.master: yarn", "single_node is not a single node"),
    (WAREHOUSE, "auto_stop_mins: 10", "auto_stop_mins: 0", "does not stop within 10 minutes"),
    (WAREHOUSE, "max_num_clusters: 1", "max_num_clusters: 4", "beyond one cluster"),
    (SERVING, "scale_to_zero_enabled: true", "scale_to_zero_enabled: false", "does not scale to zero"),
    (
        SERVING,
        "          budget_policy_id: ${var.budget_policy_id}\n",
        "",
        "endpoint recommender has no budget policy",
    ),
    (JOB, "      budget_policy_id: ${var.budget_policy_id}\n", "", "no budget policy"),
    (WAREHOUSE, "key: cost_center", "key: cost", "the warehouse lakehouse has no tag cost_center"),
    (JOB, "        cost_center: ${var.cost_center}\n\n", "\n", "the job lakehouse has no tag cost_center"),
    # Whoever opens a report reads no names.
    (POWER_BI, "name: retention_campaign", "name: whale_call_list", "whale_call_list says who a person is"),
    (POWER_BI, "name: retention_campaign", "name: retention", "there is no table gold.retention"),
    # The cluster knows where things are, and no secret.
    (JOB, "              LAKEHOUSE_WAREHOUSE: /local_disk0/lakehouse\n", "", "is not told LAKEHOUSE_WAREHOUSE"),
    (JOB, "DATABRICKS_CATALOG: ${var.catalog}", "X: ${workspace.host}", "workspace.host may be empty"),
    (JOB, "spark.sql.session.timeZone: UTC", "fs.azure.account.key.lake: x", "in its Spark configuration"),
    # A run is alone, ends, is heard of, and says what it tries again.
    (JOB, "max_concurrent_runs: 1", "max_concurrent_runs: 2", "two runs at a time"),
    (JOB, "      timeout_seconds: 10800\n", "", "it may run for ever"),
    (JOB, "          timeout_seconds: 5400\n", "", "train may run for ever"),
    (JOB, "          max_retries: 2\n", "", "ingest does not say how often"),
    (JOB, "        on_failure:\n          - ${var.notify}\n", "", "nobody hears of a failure"),
    (
        JOB,
        "      health:\n        rules:\n",
        "      parent_path: x\n      x:\n        rules:\n",
        "nobody hears of a slow run",
    ),
    (JOB, "        timezone_id: UTC\n", "", "no whole schedule"),
    # The targets are what they are called.
    (ROOT_FILE, "mode: production", "mode: development", "prod: its mode is not production"),
    (
        ROOT_FILE,
        "      service_principal_name: ${var.run_as}\n    permissions",
        "      user_name: me\n    permissions",
        "no service principal",
    ),
    (ROOT_FILE, "    default: true\n", "", "dev: it is not the default"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the bundle that may be broken."""
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def test_the_bundle_is_without_fault(outside: Outside) -> None:
    assert faults(read(), outside) == []


def test_without_what_is_optional_it_is_whole_too(outside: Outside) -> None:
    assert faults(read(optional=()), outside) == []


def test_whoever_dbt_lets_read_may_use_the_warehouse() -> None:
    project = (DBT_PROJECT / "dbt_project.yml").read_text()
    groups = re.findall(r"env_var\(.DATABRICKS_(?:READERS|CALLERS)., .(\w+).\)", project)
    warehouse = merged(read(), "prod")["resources"]["sql_warehouses"]["lakehouse"]
    assert groups
    assert {right["group_name"] for right in warehouse["permissions"] if right["level"] == "CAN_USE"} == set(groups)


def test_where_data_factory_starts_the_job_its_schedule_is_paused() -> None:
    job = merged(read(optional=("optional/data_factory.yml",)), "prod")["resources"]["jobs"]["lakehouse"]
    assert job["schedule"]["pause_status"] == "PAUSED"
    assert job["permissions"] == [{"service_principal_name": "${var.data_factory}", "level": "CAN_MANAGE_RUN"}]


@pytest.mark.slow
@pytest.mark.parametrize(("file", "old", "new", "fault"), FAULTS, ids=[fault for *_, fault in FAULTS])
def test_a_broken_copy_is_caught(copy: Path, outside: Outside, file: str, old: str, new: str, fault: str) -> None:
    replace(copy, file, old, new)
    assert fault in "\n".join(faults(read(copy), outside))


@pytest.mark.parametrize("target", TARGETS)
def test_databricks_own_types_take_every_resource(target: str) -> None:
    kinds = set()
    for kind, _, resource in resources(merged(read(), target)):
        TYPES[kind].from_dict(resource)
        kinds.add(kind)
    assert {"jobs", "sql_warehouses"} <= kinds


def test_databricks_own_types_refuse_a_field_that_is_not_theirs() -> None:
    job = merged(read(), "prod")["resources"]["jobs"]["lakehouse"]
    job["tasks"][0]["time_out_seconds"] = 1
    with pytest.raises((TypeError, ValueError), match="time_out_seconds"):
        Job.from_dict(job)


def test_the_bundle_fits_its_schema(schema: Callable[[str], Path]) -> None:
    assert fit(BUNDLE.rglob("*.yml"), "--schemafile", str(schema("databricks_bundle.schema.json")))


def test_a_bundle_that_does_not_fit_its_schema_is_caught(copy: Path, schema: Callable[[str], Path]) -> None:
    replace(copy, JOB, "max_concurrent_runs: 1", "max_concurrent_run: 1")
    assert not fit(copy.rglob("*.yml"), "--schemafile", str(schema("databricks_bundle.schema.json")))

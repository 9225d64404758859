"""The Azure files are whole and closed, Data Factory starts one job; each check finds its fault in a broken copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lark.exceptions import LarkError

from lakehouse.settings import ROOT
from tests.deploy import bicep, data_factory
from tests.deploy.broken import replace
from tests.deploy.bundle import merged
from tests.deploy.bundle import read as read_bundle

LAKE = "modules/lake.bicep"
VAULT = "modules/vault.bicep"
DATABRICKS = "modules/databricks.bicep"
BUDGET = "modules/budget.bicep"
TYPES = (
    "microsoft.storage@2024-01-01.types.json",
    "microsoft.databricks@2024-05-01.types.json",
    "microsoft.consumption@2023-11-01.types.json",
)
FAULTS = [
    # The files fit together.
    ("main.bicep", "modules/lake.bicep", "modules/pond.bicep", "has no file modules/pond.bicep"),
    ("main.bicep", "    redundancy: environment", "    copies: environment", "the module lake takes no copies"),
    ("main.bicep", "    uploadersGroupId: uploadersGroupId\n", "", "the module lake is not given uploadersGroupId"),
    ("main.bicep", "lake.outputs.storageAccount", "lake.outputs.account", "the module lake has no output account"),
    ("main.bicep", "    emails: alertEmails\n", "    emails: []\n", "the parameter alertEmails is used nowhere"),
    (LAKE, "parent: account", "parent: storage", "the parent storage, which is not declared"),
    # The lake is closed.
    (LAKE, "allowBlobPublicAccess: false", "allowBlobPublicAccess: true", "allowBlobPublicAccess is not False"),
    (LAKE, "    allowBlobPublicAccess: false\n", "", "allowBlobPublicAccess is not False"),
    (LAKE, "publicAccess: 'None'", "publicAccess: 'Blob'", "the container landing may be public"),
    (LAKE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "allowSharedKeyAccess is not False"),
    (LAKE, "'TLS1_2'", "'TLS1_0'", "minimumTlsVersion is not TLS1_2"),
    (LAKE, "isHnsEnabled: true", "isHnsEnabled: false", "isHnsEnabled is not True"),
    (LAKE, "  name: 'silver'", "  name: 'middle'", "the containers are bronze, gold, landing, middle"),
    (
        LAKE,
        "output storageAccount string = account.name",
        "output key string = account.listKeys().keys[0].value",
        "listKeys",
    ),
    # Rights are the least that do.
    (
        LAKE,
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "is not one of those that may be",
    ),
    (
        LAKE,
        "  scope: landing\n  name: guid(landing.id, uploaders",
        "  name: guid(landing.id, uploaders",
        "over a whole group",
    ),
    (
        LAKE,
        "  scope: landing\n  name: guid(landing.id, uploaders",
        "  scope: bronze\n  name: guid(bronze.id, uploaders",
        "others than Unity Catalog may write beside the tables of bronze",
    ),
    (VAULT, "enablePurgeProtection: true", "enablePurgeProtection: false", "enablePurgeProtection is not true"),
    (VAULT, "enableRbacAuthorization: true", "enableRbacAuthorization: false", "enableRbacAuthorization is not true"),
    (
        DATABRICKS,
        "enableNoPublicIp: {\n        value: true",
        "enableNoPublicIp: {\n        value: false",
        "public addresses",
    ),
    # Money and deeds are heard of.
    (BUDGET, "threshold: 80", "threshold: 95", "when 80 % of the budget"),
    (BUDGET, "        contactEmails: emails\n", "", "when 50, 80, 100 % of the budget"),
    (VAULT, "scope: vault\n  name: 'to-logs'", "scope: keepers\n  name: 'to-logs'", "nothing is logged of vault"),
]
PROPERTY_FAULTS = [
    (LAKE, "isHnsEnabled: true", "isHierarchical: true", "account.properties has no property isHierarchical"),
    (LAKE, "publicAccess: 'None'", "publicAcess: 'None'", "bronze.properties has no property publicAcess"),
    (LAKE, "  kind: 'StorageV2'\n", "", "account lacks kind"),
    (LAKE, "'StorageV2'", "'StorageV9'", "account.kind cannot be 'StorageV9'"),
    (LAKE, "supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: 'yes'", "is neither true nor false"),
    (
        LAKE,
        "accessTier: 'Hot'",
        "provisioningState: 'Succeeded'",
        "account.properties.provisioningState cannot be set",
    ),
    (LAKE, "tierToCool", "tierToCold2", "has no property tierToCold2"),
    (
        DATABRICKS,
        "managedResourceGroupId: managed",
        "managedGroupId: managed",
        "workspace.properties lacks managedResourceGroupId",
    ),
    (BUDGET, "timeGrain: 'Monthly'", "timeGrain: 'Weekly'", "budget.properties.timeGrain cannot be 'Weekly'"),
    (BUDGET, "operator: 'In'", "operation: 'In'", "budget.properties.filter.dimensions has no property operation"),
]
PIPELINE = "pipeline/deliver_and_run.json"
FACTORY_FAULTS = [
    (PIPELINE, '"landing_folder": "@', '"folder": "@', "the job has no parameter folder"),
    (PIPELINE, '"type": "Copy"', '"type": "DatabricksJob"', "it starts 2 jobs"),
    (PIPELINE, '"jobId": "@pipeline().parameters.jobId"', '"jobId": ""', "run does not say which job"),
    (
        PIPELINE,
        '[{ "activity": "land", "dependencyConditions": ["Succeeded"] }]',
        "[]",
        "run does not wait for the files",
    ),
    (
        PIPELINE,
        '"referenceName": "landing_folder"',
        '"referenceName": "lake_folder"',
        "there is no dataset lake_folder",
    ),
    (PIPELINE, '"referenceName": "databricks"', '"referenceName": "spark"', "there is no linkedService spark"),
    (PIPELINE, '"jobId": { "type": "String" }', '"jobId": { "type": "Int" }', "the parameter jobId is no String"),
    (PIPELINE, "@pipeline().parameters.day", "@pipeline().parameters.date", "there is no parameter date"),
    (PIPELINE, '"timeout": "0.04:00:00", ', "", "run may run for ever"),
    (PIPELINE, '"concurrency": 1', '"concurrency": 9', "two runs at a time"),
    ("trigger/daily.json", '"jobId": "0",', "", "the pipeline needs ['day', 'jobId'] and is given ['day']"),
    ("dataset/landing_folder.json", '"name": "landing_folder"', '"name": "landing"', "it calls itself landing"),
    ("linkedService/databricks.json", '"authentication": "MSI"', '"accessToken": "x"', "signs in with accessToken"),
    (
        "linkedService/shop.json",
        '"type": "AzureKeyVaultSecret"',
        '"type": "SecureString"',
        "a secret is written into the file",
    ),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the folder that may be broken."""
    return Path(shutil.copytree(bicep.AZURE, tmp_path / "azure"))


@pytest.fixture(scope="session")
def job_parameters() -> set[str]:
    """What the job of the bundle may be told."""
    job = merged(read_bundle(), "prod")["resources"]["jobs"]["lakehouse"]
    return {parameter["name"] for parameter in job["parameters"]}


def test_the_templates_are_without_fault() -> None:
    assert bicep.faults(bicep.read()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("file", "old", "new", "fault"), FAULTS, ids=[fault for *_, fault in FAULTS])
def test_a_broken_template_is_caught(copy: Path, file: str, old: str, new: str, fault: str) -> None:
    replace(copy, file, old, new)
    assert fault in "\n".join(bicep.faults(bicep.read(copy)))


def test_what_is_not_bicep_is_caught(copy: Path) -> None:
    replace(copy, LAKE, "kind: 'StorageV2'", "kind = 'StorageV2'")
    with pytest.raises(LarkError):
        bicep.read(copy)


def test_every_property_is_one_of_its_type(schema: Callable[[str], Path]) -> None:
    types = bicep.resource_types(*(schema(f"azure/{name}") for name in TYPES))
    checked = [
        name
        for template in bicep.read().values()
        for name, resource in template.resources.items()
        if f"{resource['type']}@{resource['api_version']}" in types
    ]
    assert {"account", "blobs", "bronze", "ageing", "workspace", "connector", "budget"} <= set(checked)
    assert bicep.property_faults(bicep.read(), types) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"), PROPERTY_FAULTS, ids=[fault for *_, fault in PROPERTY_FAULTS]
)
def test_a_property_that_does_not_exist_is_caught(
    copy: Path, schema: Callable[[str], Path], file: str, old: str, new: str, fault: str
) -> None:
    types = bicep.resource_types(*(schema(f"azure/{name}") for name in TYPES))
    replace(copy, file, old, new)
    assert fault in "\n".join(bicep.property_faults({file: bicep.Template((copy / file).read_text())}, types))


def test_data_factory_is_without_fault(job_parameters: set[str]) -> None:
    assert data_factory.faults(data_factory.read(), job_parameters) == []


@pytest.mark.parametrize(("file", "old", "new", "fault"), FACTORY_FAULTS, ids=[fault for *_, fault in FACTORY_FAULTS])
def test_a_broken_pipeline_is_caught(
    copy: Path, job_parameters: set[str], file: str, old: str, new: str, fault: str
) -> None:
    replace(copy / "data_factory", file, old, new)
    assert fault in "\n".join(data_factory.faults(data_factory.read(copy / "data_factory"), job_parameters))


def shell_faults(*scripts: Path) -> str:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    run = subprocess.run([str(shellcheck), *map(str, scripts)], capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def test_the_shell_scripts_are_sound() -> None:
    scripts = [bicep.AZURE / "deploy.sh", ROOT / ".ci" / "run"]
    assert shell_faults(*scripts) == ""


def test_a_script_that_is_not_sound_is_caught(copy: Path) -> None:
    replace(copy, "deploy.sh", '"@$parameters"', "@$parameters")
    assert "SC2086" in shell_faults(copy / "deploy.sh")


@pytest.mark.parametrize("words", [(), ("test",), ("test", "x.json"), ("dev", "x.json"), ("dev", "x.json", "--now")])
def test_deploying_without_all_it_needs_ends_before_it_begins(words: tuple[str, ...]) -> None:
    run = subprocess.run(
        ["bash", str(bicep.AZURE / "deploy.sh"), *words], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert "usage" in run.stderr or "There is no file x.json" in run.stderr

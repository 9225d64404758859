"""What the Bicep files say, and what is wrong with it; the compiler itself cannot be had as a package.

Names of properties are checked for the resource providers whose types are at hand: storage, Databricks, consumption.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pycep import BicepParser

from lakehouse.settings import ROOT

AZURE = ROOT / "deploy" / "azure"

REQUIRED, READ_ONLY = 1, 2
"""Flags of a property."""
META = {"parent", "scope", "dependsOn"}
"""What Bicep itself reads."""
ALERTS = {50, 80, 100}
CONNECTOR = "connectorPrincipalId"
CONTAINERS = {"landing", "bronze", "silver", "gold"}
ROLES = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
}
"""Those that may be given: rights over data in one place, none over resources."""
LOGGED = {
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Databricks/workspaces",
    "Microsoft.KeyVault/vaults",
    "Microsoft.DataFactory/factories",
}

Tree = dict[str, Any]


@functools.cache
def parse(text: str) -> Tree:
    """The tree of a Bicep file, to be left as it is: it takes a tenth of a second and is asked for often."""
    return dict(BicepParser().parse(text=text))


class Template:
    """A parsed Bicep file."""

    def __init__(self, text: str) -> None:
        self.text = text
        tree = parse(text)
        self.parameters: Mapping[str, Tree] = tree.get("parameters", {})
        self.variables: Mapping[str, Tree] = tree.get("variables", {})
        self.outputs: Mapping[str, Tree] = tree.get("outputs", {})
        self.modules: Mapping[str, Tree] = tree.get("modules", {})
        self.resources: Mapping[str, Tree] = tree.get("resources", {})

    def of_type(self, kind: str) -> list[Tree]:
        """What the resources of a type are told."""
        return [body(resource) for resource in self.resources.values() if resource["type"] == kind]


def body(declaration: Tree) -> Tree:
    """What a resource or module is told, under a condition or not."""
    config: Tree = declaration["config"]
    return config["config"] if set(config) == {"condition", "config"} else config


def read(folder: Path = AZURE) -> dict[str, Template]:
    """The templates of a folder by their path in it.

    Raises:
        LarkError: a file is not Bicep.
    """
    return {
        path.relative_to(folder).as_posix(): Template(path.read_text()) for path in sorted(folder.rglob("*.bicep"))
    }


def faults(templates: Mapping[str, Template]) -> list[str]:
    """All that is wrong between the files, and with what they allow, in words."""
    found = [
        f"{path}: {fault}" for path, one in templates.items() for fault in _reference_faults(path, one, templates)
    ]
    return found + [*_safety_faults(templates), *_budget_faults(templates), *_logging_faults(templates)]


def _reference_faults(path: str, template: Template, templates: Mapping[str, Template]) -> Iterator[str]:
    for name in template.parameters:
        if len(re.findall(rf"\b{name}\b", template.text)) < 2:
            yield f"the parameter {name} is used nowhere"
    for name, module in template.modules.items():
        called = templates.get((Path(path).parent / module["detail"]["path"]).as_posix())
        if called is None:
            yield f"the module {name} has no file {module['detail']['path']}"
            continue
        given = set(body(module).get("params", {}))
        needed = {key for key, parameter in called.parameters.items() if parameter["default"] is None}
        yield from (f"the module {name} takes no {key}" for key in sorted(given - set(called.parameters)))
        yield from (f"the module {name} is not given {key}" for key in sorted(needed - given))
        for output in sorted(set(re.findall(rf"\b{name}\.outputs\.(\w+)", template.text)) - set(called.outputs)):
            yield f"the module {name} has no output {output}"
    declared = {*template.modules, *template.resources}
    for name, declaration in {**template.modules, **template.resources}.items():
        for key in ("parent", "scope"):
            value = body(declaration).get(key)
            if isinstance(value, str) and value not in declared:
                yield f"{name} has the {key} {value}, which is not declared"


def _safety_faults(templates: Mapping[str, Template]) -> Iterator[str]:
    names = set()
    for path, template in templates.items():
        for account in template.of_type("Microsoft.Storage/storageAccounts"):
            told = account["properties"]
            for key, value in {
                "allowBlobPublicAccess": False,
                "allowSharedKeyAccess": False,
                "isHnsEnabled": True,
                "minimumTlsVersion": "TLS1_2",
                "supportsHttpsTrafficOnly": True,
            }.items():
                if told.get(key) != value:
                    yield f"{path}: {key} is not {value}"
        for container in template.of_type("Microsoft.Storage/storageAccounts/blobServices/containers"):
            names.add(container["name"])
            if container.get("properties", {}).get("publicAccess") != "None":
                yield f"{path}: the container {container['name']} may be public"
        for vault in template.of_type("Microsoft.KeyVault/vaults"):
            for key in ("enableRbacAuthorization", "enablePurgeProtection", "enableSoftDelete"):
                if vault["properties"].get(key) is not True:
                    yield f"{path}: {key} is not true"
        for workspace in template.of_type("Microsoft.Databricks/workspaces"):
            if workspace["properties"].get("parameters", {}).get("enableNoPublicIp", {}).get("value") is not True:
                yield f"{path}: machines have public addresses"
        for role in template.of_type("Microsoft.Authorization/roleAssignments"):
            if "scope" not in role:
                yield f"{path}: a role is given over a whole group of resources"
            elif str(role["scope"]) in CONTAINERS - {"landing"} and role["properties"]["principalId"] != CONNECTOR:
                yield f"{path}: others than Unity Catalog may write beside the tables of {role['scope']}"
        for role in sorted(
            set(re.findall(r"'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'", template.text)) - set(ROLES)
        ):
            yield f"{path}: the role {role} is not one of those that may be given"
        for word in ("listKeys", "listAccountSas", "listSecrets", "getSecret"):
            if word in template.text:
                yield f"{path}: {word} takes a secret out"
    if names != CONTAINERS:
        yield f"the containers are {', '.join(sorted(names))}"


def _budget_faults(templates: Mapping[str, Template]) -> Iterator[str]:
    budgets = [one for template in templates.values() for one in template.of_type("Microsoft.Consumption/budgets")]
    if not budgets:
        yield "there is no budget"
    for budget in budgets:
        alerts = budget["properties"]["notifications"].values()
        told = {
            alert["threshold"]
            for alert in alerts
            if alert["enabled"] is True and alert.get("thresholdType") == "Actual" and alert.get("contactEmails")
        }
        if lacking := sorted(ALERTS - told):
            yield f"nobody hears when {', '.join(map(str, lacking))} % of the budget are spent"


def _logging_faults(templates: Mapping[str, Template]) -> Iterator[str]:
    for path, template in templates.items():
        logged = {one["scope"] for one in template.of_type("Microsoft.Insights/diagnosticSettings")}
        for name, resource in template.resources.items():
            if resource["type"] in LOGGED and name not in logged:
                yield f"{path}: nothing is logged of {name}"


def property_faults(templates: Mapping[str, Template], types: Mapping[str, Any]) -> list[str]:
    """Properties that a resource type lacks, must have, or does not let one set.

    Args:
        templates: by path.
        types: as :func:`resource_types` gives them.
    """
    return [
        f"{path}: {name}{fault}"
        for path, template in templates.items()
        for name, resource in template.resources.items()
        if (kind := types.get(f"{resource['type']}@{resource['api_version']}")) is not None
        for fault in _value_faults(
            {key: value for key, value in body(resource).items() if key not in META},
            kind["body"],
            kind["types"],
            {*template.parameters, *template.variables},
            skip={"type", "apiVersion", *(("name",) if "parent" in body(resource) else ())},
        )
    ]


def resource_types(*paths: Path) -> dict[str, Any]:
    """The types of all resources that files in Bicep's own format describe, by type and version."""
    found = {}
    for path in paths:
        types = json.loads(path.read_text())
        for one in types:
            if one["$type"] == "ResourceType":
                found[one["name"]] = {"body": _resolved(one["body"], types), "types": types}
    return found


def _resolved(reference: Tree, types: list[Tree]) -> Tree:
    return types[int(reference["$ref"].removeprefix("#/"))]


def _value_faults(
    value: Any,
    kind: Tree,
    types: list[Tree],
    names: set[str],
    where: str = "",
    skip: frozenset[str] | set[str] = frozenset(),
) -> Iterator[str]:
    """What is wrong with a value; what is computed is taken for right."""
    if isinstance(value, dict) and set(value) in ({"operator"}, {"function"}):
        return
    if kind["$type"] == "ObjectType" and isinstance(value, dict):
        known = kind["properties"]
        for key, part in value.items():
            if key in known:
                if known[key]["flags"] & READ_ONLY and key not in skip:
                    yield f"{where}.{key} cannot be set"
                yield from _value_faults(part, _resolved(known[key]["type"], types), types, names, f"{where}.{key}")
            elif "additionalProperties" in kind:
                rest = _resolved(kind["additionalProperties"], types)
                yield from _value_faults(part, rest, types, names, f"{where}.{key}")
            else:
                yield f"{where} has no property {key}"
        for key, told in known.items():
            if told["flags"] & REQUIRED and not told["flags"] & READ_ONLY and key not in value and key not in skip:
                yield f"{where} lacks {key}"
    elif kind["$type"] == "ArrayType" and isinstance(value, list):
        for number, part in enumerate(value):
            yield from _value_faults(part, _resolved(kind["itemType"], types), types, names, f"{where}[{number}]")
    elif kind["$type"] == "UnionType" and isinstance(value, str) and value not in names and "${" not in value:
        # The types let some pass that they do not know; one that we mistyped should not.
        literals = {_resolved(element, types).get("value") for element in kind["elements"]} - {None}
        if literals and value not in literals:
            yield f"{where} cannot be {value!r}"
    elif kind["$type"] == "BooleanType" and not isinstance(value, bool) and value not in names:
        yield f"{where} is neither true nor false"

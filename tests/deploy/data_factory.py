"""What the files of Data Factory say, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lakehouse.settings import ROOT

FACTORY = ROOT / "deploy" / "azure" / "data_factory"
FOLDERS = {
    "PipelineReference": "pipeline",
    "DatasetReference": "dataset",
    "LinkedServiceReference": "linkedService",
}

Tree = dict[str, Any]


def read(folder: Path = FACTORY) -> dict[str, Tree]:
    """The files by their path without its ending: kind and name."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): json.loads(path.read_text())
        for path in sorted(folder.rglob("*.json"))
    }


def faults(files: dict[str, Tree], job_parameters: set[str]) -> list[str]:
    """All that is wrong, in words.

    Args:
        files: as :func:`read` gives them.
        job_parameters: those of the job that the pipeline starts.
    """
    found = []
    for path, tree in files.items():
        there = [*_naming_faults(path, tree), *_reference_faults(tree, files)]
        if path.startswith("pipeline/"):
            there += _pipeline_faults(tree["properties"], job_parameters)
        if path.startswith("linkedService/"):
            there += _secret_faults(tree["properties"])
        found += [f"{path}: {fault}" for fault in there]
    return found


def nodes(tree: Any) -> Iterator[Tree]:
    """All objects in a tree."""
    if isinstance(tree, dict):
        yield tree
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(value)


def _naming_faults(path: str, tree: Tree) -> Iterator[str]:
    if tree["name"] != path.split("/")[-1]:
        yield f"it calls itself {tree['name']}"


def _reference_faults(tree: Tree, files: dict[str, Tree]) -> Iterator[str]:
    for node in nodes(tree):
        if node.get("type") in FOLDERS and "referenceName" in node:
            target = files.get(f"{FOLDERS[node['type']]}/{node['referenceName']}")
            if target is None:
                yield f"there is no {FOLDERS[node['type']]} {node['referenceName']}"
            else:
                taken = set(target["properties"].get("parameters", {}))
                yield from (
                    f"{node['referenceName']} takes no {key}"
                    for key in sorted(set(node.get("parameters", {})) - taken)
                )
        elif "pipelineReference" in node:
            target = files.get(f"pipeline/{node['pipelineReference']['referenceName']}", {"properties": {}})
            needed = set(target["properties"].get("parameters", {}))
            if needed != set(node.get("parameters", {})):
                yield f"the pipeline needs {sorted(needed)} and is given {sorted(node.get('parameters', {}))}"


def _pipeline_faults(pipeline: Tree, job_parameters: set[str]) -> Iterator[str]:
    activities = {activity["name"]: activity for activity in pipeline["activities"]}
    jobs = [activity for activity in activities.values() if activity["type"] == "DatabricksJob"]
    if len(jobs) != 1:
        yield f"it starts {len(jobs)} jobs: the steps are to be written once, in the bundle"
    for job in jobs:
        if not job["typeProperties"].get("jobId"):
            yield f"{job['name']} does not say which job"
        unknown = sorted(set(job["typeProperties"].get("jobParameters", {})) - job_parameters)
        yield from (f"the job has no parameter {name}" for name in unknown)
        if not any(activities.get(edge["activity"], {}).get("type") == "Copy" for edge in job["dependsOn"]):
            yield f"{job['name']} does not wait for the files"
    for activity in activities.values():
        yield from (
            f"{activity['name']} waits for {edge['activity']}, which there is not"
            for edge in activity["dependsOn"]
            if edge["activity"] not in activities
        )
        if not activity.get("policy", {}).get("timeout"):
            yield f"{activity['name']} may run for ever"
    parameters = pipeline.get("parameters", {})
    for name, parameter in parameters.items():
        if parameter["type"] != "String":
            yield f"the parameter {name} is no String"
    for name in sorted(set(re.findall(r"pipeline\(\)\.parameters\.(\w+)", json.dumps(pipeline))) - set(parameters)):
        yield f"there is no parameter {name}"
    if pipeline.get("concurrency") != 1:
        yield "two runs at a time would wait for one another"


def _secret_faults(service: Tree) -> Iterator[str]:
    if any(node.get("type") == "SecureString" for node in nodes(service)):
        yield "a secret is written into the file; it belongs in the vault"
    told = service["typeProperties"]
    for key in ("accessToken", "accountKey", "connectionString", "sasUri", "encryptedCredential"):
        if key in told:
            yield f"it signs in with {key} instead of an identity"
    if service["type"] == "AzureDatabricks" and told.get("authentication") != "MSI":
        yield "it does not sign in as the factory itself"

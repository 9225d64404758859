"""What the workflow files say, and what is wrong with it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

from lakehouse.settings import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
PUBLISHER = "actions/"
"""Whose actions may be used: those that come with the service itself."""

Tree = dict[str, Any]


def read(folder: Path = WORKFLOWS) -> dict[str, Tree]:
    """The workflows by their file; ``on`` stays a word."""
    return {path.name: yaml.load(path.read_text(), _Loader) for path in sorted(folder.glob("*.yml"))}


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's idea of what is true: ``on`` is not."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or letter not in "oO"]
    for letter, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def faults(workflows: Mapping[str, Tree]) -> list[str]:
    """All that is wrong, in words."""
    found = []
    for file, workflow in workflows.items():
        there = list(_rights_faults(workflow))
        for name, job in workflow["jobs"].items():
            there += [f"{name}: {fault}" for fault in _job_faults(job)]
        found += [f"{file}: {fault}" for fault in there]
    return found


def _rights_faults(workflow: Tree) -> Iterator[str]:
    if workflow.get("permissions") != {"contents": "read"}:
        yield "it may do more than read"
    if "pull_request_target" in workflow["on"]:
        yield "a stranger's change would run with our rights"


def _job_faults(job: Tree) -> Iterator[str]:
    if "timeout-minutes" not in job:
        yield "it may run for ever"
    for step in job["steps"]:
        if "uses" in step:
            if not step["uses"].startswith(PUBLISHER):
                yield f"{step['uses']} is a stranger's"
            if (
                step["uses"].startswith("actions/checkout")
                and step.get("with", {}).get("persist-credentials") is not False
            ):
                yield "the token stays in the checkout"
            continue
        lines = step["run"].strip().splitlines()
        script = ROOT / shlex.split(lines[0])[0]
        if len(lines) != 1 or script.parent != ROOT / ".ci" or set(lines[0]) & set(";&|`"):
            yield f"`{lines[0]}` is written into the workflow; it belongs in .ci"
        elif not os.access(script, os.X_OK):
            yield f"there is no program {lines[0]}"

"""The published JSON schemas of Power BI projects, where somebody has laid them beside the repository."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from bi.power_bi.model import SCHEMAS as HOST
from lakehouse.settings import ROOT

FOLDER = Path(os.environ.get("SCHEMAS") or ROOT.parent / "shared" / "schemas") / "powerbi" / "fabric"
NOT_PUBLISHED_HERE = ("filterConfiguration", "formattingObjectDefinitions")
"""Schemas that others refer to and that are not in the folder: what they are about is not checked."""


def schema_faults(folder: Path) -> list[str]:
    """Where the JSON files of a report or model are not as their own ``$schema`` says."""
    registry = _registry()
    faults = []
    for path in sorted(
        p for p in folder.rglob("*") if p.suffix in (".json", ".pbir", ".pbism") or p.name == ".platform"
    ):
        content = json.loads(path.read_text(encoding="utf-8"))
        if "StaticResources" in path.parts:
            continue
        faults += [f"{path.relative_to(folder)}: {fault}" for fault in file_faults(content, registry)]
    return faults


def file_faults(content: dict[str, Any], registry: Registry[Any] | None = None) -> list[str]:
    """Where one file's content is not as its own ``$schema`` says."""
    schema = {"$ref": content["$schema"]}
    validator = Draft7Validator(schema, registry=registry or _registry())
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(content)]


def _registry() -> Registry[Any]:
    def retrieve(uri: str) -> Resource[Any]:
        if any(f"/{name}/" in uri for name in NOT_PUBLISHED_HERE):
            return Resource.from_contents({"definitions": {"DataViewObjectDefinitions": {}}}, DRAFT7)
        path = FOLDER / uri.removeprefix(f"{HOST}/")
        return Resource.from_contents(json.loads(path.read_text(encoding="utf-8")), DRAFT7)

    return Registry(retrieve=retrieve)  # type: ignore[call-arg]

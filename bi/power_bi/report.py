"""Thin reports in Power BI's report format (PBIR), from pages that are drawn by hand in ``design/<report>.yml``.

A page lists its visuals: their kind, their place, their title, a line on how to read them, and their fields by role.
A field is ``[Measure]`` or ``table[column]``. Everything else that a visual's JSON repeats is written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

from bi.power_bi.model import DESIGN, SCHEMAS, as_json, platform

ITEM = f"{SCHEMAS}/item/report"
VISUAL = f"{ITEM}/definition/visualContainer/2.9.0/schema.json"
THEME = "theme.json"
BASE_THEME = "CY24SU10"
VERSIONS = {"visual": "2.9.0", "report": "3.3.0", "page": "2.1.0"}
WIDTH, HEIGHT = 1280, 720
AT_LEAST, AT_MOST = 2, 4
FIELD = re.compile(r"(\w*)\[(.+)\]")


def report(name: str, model: str) -> dict[str, str]:
    """The files of one report and what opens it.

    Args:
        name: the report and its design.
        model: the model that it looks at; ``gold`` has a variant on Parquet files, and so a second way to open it.

    Returns:
        Text by path within ``bi/power_bi``.
    """
    design = yaml.safe_load((DESIGN / f"{name}.yml").read_text(encoding="utf-8"))
    folder = f"{name}.Report"
    pages = [page["name"] for page in design["pages"]]
    files = {
        f"{name}.pbip": as_json(
            {
                "$schema": f"{SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json",
                "version": "1.0",
                "artifacts": [{"report": {"path": folder}}],
                "settings": {"enableAutoRecovery": True},
            }
        ),
        f"{folder}/.platform": platform("Report", name),
        f"{folder}/definition.pbir": _reference(model),
        f"{folder}/StaticResources/RegisteredResources/{THEME}": (DESIGN / THEME).read_text(encoding="utf-8"),
        f"{folder}/definition/version.json": as_json(
            {"$schema": f"{ITEM}/definition/versionMetadata/1.0.0/schema.json", "version": "2.0.0"}
        ),
        f"{folder}/definition/report.json": as_json(_report()),
        f"{folder}/definition/pages/pages.json": as_json(
            {
                "$schema": f"{ITEM}/definition/pagesMetadata/1.0.0/schema.json",
                "pageOrder": pages,
                "activePageName": pages[0],
            }
        ),
    }
    if model == "gold":
        files[f"{folder}/definition-parquet.pbir"] = _reference("gold_parquet")
    for page in design["pages"]:
        place = f"{folder}/definition/pages/{page['name']}"
        files[f"{place}/page.json"] = as_json(_page(page))
        for order, visual in enumerate(page["visuals"]):
            files[f"{place}/visuals/{visual['name']}/visual.json"] = as_json(_visual(visual, order))
    return files


def _reference(model: str) -> str:
    return as_json(
        {
            "$schema": f"{ITEM}/definitionProperties/2.0.0/schema.json",
            "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{model}.SemanticModel"}},
        }
    )


def _report() -> dict[str, Any]:
    def theme(name: str, kind: str) -> dict[str, Any]:
        return {"name": name, "reportVersionAtImport": VERSIONS, "type": kind}

    return {
        "$schema": f"{ITEM}/definition/report/3.3.0/schema.json",
        "themeCollection": {
            "baseTheme": theme(BASE_THEME, "SharedResources"),
            "customTheme": theme(THEME, "RegisteredResources"),
        },
        "objects": {"outspacePane": [{"properties": {"expanded": _literal("false")}}]},
        "resourcePackages": [
            {
                "name": "RegisteredResources",
                "type": "RegisteredResources",
                "items": [{"name": THEME, "path": THEME, "type": "CustomTheme"}],
            }
        ],
        "settings": {
            "useStylableVisualContainerHeader": True,
            "defaultDrillFilterOtherVisuals": True,
            "useEnhancedTooltips": True,
        },
    }


def _page(page: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "$schema": f"{ITEM}/definition/page/2.1.0/schema.json",
        "name": page["name"],
        "displayName": page["title"],
        "displayOption": "FitToPage",
        "height": HEIGHT,
        "width": WIDTH,
    }
    filters = [
        _between(f"{page['name']}_{number}", field, *bounds)
        for number, (field, bounds) in enumerate(page.get("between", {}).items())
    ]
    if target := page.get("drill_to"):
        drill = f"{page['name']}_drill"
        filters.append({"name": drill, "field": _field(target), "type": "Categorical", "howCreated": "User"})
        content["pageBinding"] = {
            "name": f"{page['name']}_binding",
            "type": "Drillthrough",
            "parameters": [{"name": f"{drill}_value", "boundFilter": drill, "fieldExpr": _field(target)}],
        }
        content |= {"type": "Drillthrough", "visibility": "HiddenInViewMode"}
    if filters:
        content["filterConfig"] = {"filters": filters}
    return content


def _visual(visual: dict[str, Any], order: int) -> dict[str, Any]:
    x, y, width, height = visual["at"]
    kind = visual["type"]
    body: dict[str, Any] = {"visualType": kind}
    if fields := visual.get("fields"):
        body["query"] = {"queryState": {role: {"projections": list(_projections(fields[role]))} for role in fields}}
        if by := visual.get("sort"):
            body["query"]["sortDefinition"] = {
                "sort": [
                    {
                        "field": _field(field.removeprefix("-")),
                        "direction": "Descending" if field[0] == "-" else "Ascending",
                    }
                    for field in ([by] if isinstance(by, str) else by)
                ]
            }
    if objects := dict(_objects(visual)):
        body["objects"] = objects
    container: dict[str, Any] = {"general": [{"properties": {"altText": _text(visual["alt"])}}]}
    container["title"] = [{"properties": _shown(visual.get("title"))}]
    if how := visual.get("how_to_read"):
        container["subTitle"] = [{"properties": _shown(how)}]
    body["visualContainerObjects"] = container
    body["drillFilterOtherVisuals"] = True
    content: dict[str, Any] = {
        "$schema": VISUAL,
        "name": visual["name"],
        "position": {"x": x, "y": y, "z": order, "height": height, "width": width, "tabOrder": order},
        "visual": body,
    }
    if only := visual.get("only"):
        content["filterConfig"] = {
            "filters": [
                _equals(f"{visual['name']}_{number}", field, value)
                for number, (field, value) in enumerate(only.items())
            ]
        }
    return content


def _objects(visual: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What differs from the theme."""
    if text := visual.get("text"):
        runs = [{"value": text, "textStyle": {"fontSize": f"{visual.get('size', 20)}pt"}}]
        yield "general", [{"properties": {"paragraphs": [{"textRuns": runs}]}}]
    if size := visual.get("size") if visual["type"] == "card" else None:
        yield "labels", [{"properties": {"fontSize": _literal(f"{size}D")}}]
    if visual["type"] == "card":
        yield "categoryLabels", [{"properties": {"show": _literal("false")}}]
    if visual["type"] == "slicer":
        yield "data", [{"properties": {"mode": _text("Dropdown")}}]
    if visual.get("values_on_rows"):
        yield "values", [{"properties": {"valuesOnRow": _literal("true")}}]
    if styles := visual.get("lines"):
        yield (
            "lineStyles",
            [
                {"properties": {"lineStyle": _text(style)}, "selector": {"metadata": _query_name(field)}}
                for field, style in styles.items()
            ],
        )


def _projections(fields: list[str]) -> Iterator[dict[str, Any]]:
    for field in fields:
        yield {"field": _field(field), "queryRef": _query_name(field), "nativeQueryRef": _parts(field)[1]}


def _parts(field: str) -> tuple[str, str]:
    found = FIELD.fullmatch(field)
    if not found:
        raise ValueError(f"a field is [Measure] or table[column], not {field}")
    return found[1] or "Measures", found[2]


def _query_name(field: str) -> str:
    return ".".join(_parts(field))


def _field(field: str, source: str | None = None) -> dict[str, Any]:
    table, name = _parts(field)
    kind = "Column" if FIELD.fullmatch(field)[1] else "Measure"  # type: ignore[index]
    reference = {"Source": source} if source else {"Entity": table}
    return {kind: {"Expression": {"SourceRef": reference}, "Property": name}}


def _comparison(field: str, kind: int, value: str) -> dict[str, Any]:
    right = {"Literal": {"Value": value}}
    return {"Comparison": {"ComparisonKind": kind, "Left": _field(field, "t"), "Right": right}}


def _filter(name: str, field: str, kind: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "field": _field(field),
        "type": kind,
        "filter": {
            "Version": 2,
            "From": [{"Name": "t", "Entity": _parts(field)[0], "Type": 0}],
            "Where": [{"Condition": condition}],
        },
        "howCreated": "User",
    }


def _between(name: str, field: str, low: int, high: int) -> dict[str, Any]:
    sides = {
        "Left": _comparison(field, AT_LEAST, f"{low}L"),
        "Right": _comparison(field, AT_MOST, f"{high}L"),
    }
    return _filter(name, field, "Advanced", {"And": sides})


def _equals(name: str, field: str, value: bool | list[str]) -> dict[str, Any]:
    literals = [_quoted(v) for v in value] if isinstance(value, list) else [str(value).lower()]
    condition = {
        "In": {"Expressions": [_field(field, "t")], "Values": [[{"Literal": {"Value": v}}] for v in literals]}
    }
    return _filter(name, field, "Categorical", condition)


def _shown(text: str | None) -> dict[str, Any]:
    return {"show": _literal("true"), "text": _text(text)} if text else {"show": _literal("false")}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text(text: str) -> dict[str, Any]:
    return _literal(_quoted(text))


def _literal(value: str) -> dict[str, Any]:
    return {"expr": {"Literal": {"Value": value}}}

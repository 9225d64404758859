"""What can be wrong with the Power BI project, found in its files alone. Each check returns faults in words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pbir_utils.rule_engine import validate_report
from pbix_mcp.formats.tmdl_reader import TmdlNode, parse_tmdl_document, parse_tmdl_folder

from bi.power_bi.contracts import Table
from tests.bi.dax import Model

TYPES = {
    "string": "string",
    "boolean": "boolean",
    "int": "int64",
    "bigint": "int64",
    "double": "double",
    "date": "dateTime",
    "timestamp": "dateTime",
}
MEASURES, COMPARISON = "Measures", "Comparison"
SELECTED = re.compile(r"Table\.SelectColumns\(Source, \{(.*)\}\)")
REFERENCE = re.compile(r"(?:\b(\w+)|'([^']+)')?\[([^\]@][^\]]*)\]")
STRING = re.compile(r'"(?:[^"]|"")*"')
SAME_PERSON = {"customers": "dim_customer", "customer_360": "dim_customer", "customer_risk": "dim_customer"}
SAME = SAME_PERSON | {"products": "dim_product"}
"""Tables that a dbt test may name in the stead of the dimension with the same key."""

ROLES = {
    "card": {"Values"},
    "slicer": {"Values"},
    "tableEx": {"Values"},
    "pivotTable": {"Rows", "Columns", "Values"},
    "lineChart": {"Category", "Y", "Series"},
    "clusteredBarChart": {"Category", "Y", "Series"},
    "clusteredColumnChart": {"Category", "Y", "Series"},
    "scatterChart": {"Category", "X", "Y", "Size", "Series"},
    "funnel": {"Category", "Y"},
    "textbox": set(),
}


def definition(model: Path) -> dict[str, Any]:
    """A model's folder as tables, columns, measures and relationships."""
    parsed: dict[str, Any] = parse_tmdl_folder(str(model / "definition"))
    return parsed


def nodes(model: Path) -> Iterator[TmdlNode]:
    """Every object of a model's tables, those within others too."""
    for path in sorted((model / "definition" / "tables").glob("*.tmdl")):
        waiting = parse_tmdl_document(path.read_text(encoding="utf-8"))
        while waiting:
            node = waiting.pop()
            waiting += node.children
            yield node


def contract_faults(model: Path, contracts: dict[str, Table]) -> list[str]:
    """Where a model's tables, columns, types, descriptions or queries are not those of the contracts."""
    tables = {table["name"]: table for table in definition(model)["tables"]}
    faults = [f"{name} is in the model or in dbt only" for name in _differ(tables, contracts)]
    for name in sorted(tables.keys() & contracts.keys()):
        text = (model / "definition" / "tables" / f"{name}.tmdl").read_text(encoding="utf-8")
        stored = {n.name: n.props for n in table_in(text).all("column") if not n.expression}
        wanted = contracts[name].column_names
        if list(stored) != wanted:
            faults.append(f"{name} has the columns {list(stored)}, not {wanted}")
        selected = SELECTED.search(tables[name]["partitions"][0]["source"])
        if not selected or [part.strip(' "') for part in selected[1].split(",")] != wanted:
            faults.append(f"the query of {name} does not select the columns of the contract")
        for column in contracts[name].columns:
            kind = stored.get(column.name, {}).get("dataType")
            if kind != (expected := _type(column.data_type)):
                faults.append(f"{name}.{column.name} is of type {kind}, not {expected}")
            if stored.get(column.name, {}).get("sourceColumn") != column.name:
                faults.append(f"{name}.{column.name} takes its values from another column")
            if f"\t/// {column.description}\n\tcolumn {column.name}\n" not in text:
                faults.append(f"{name}.{column.name} is described otherwise than in dbt")
    return faults


def table_in(text: str) -> TmdlNode:
    """The table that a file of TMDL is about."""
    [table] = [node for node in parse_tmdl_document(text) if node.kind == "table"]
    return table


def _differ(tables: dict[str, Any], contracts: dict[str, Table]) -> list[str]:
    return sorted((tables.keys() - {MEASURES, COMPARISON}) ^ contracts.keys())


def _type(data_type: str) -> str:
    kind, _, size = data_type.partition("(")
    if kind == "decimal":
        return "decimal" if int(size.rstrip(")").split(",")[1]) <= 4 else "double"
    return TYPES[kind]


def relationship_faults(model: Path, contracts: dict[str, Table]) -> list[str]:
    """Where relationships are not many-to-one on a dimension's key, one-way, unambiguous, or not dbt's tests."""
    parsed = definition(model)
    kinds = {(t["name"], c["name"]): c["data_type"] for t in parsed["tables"] for c in t["columns"]}
    faults = []
    active: Counter[tuple[str, str]] = Counter()
    there = set()
    for link in parsed["relationships"]:
        left, right = (link["from_table"], link["from_column"]), (link["to_table"], link["to_column"])
        words = f"{'.'.join(left)} to {'.'.join(right)}"
        there.add((left, right))
        if missing := [".".join(end) for end in (left, right) if end not in kinds]:
            faults.append(f"{words}: there is no {', '.join(missing)}")
        elif kinds[left] != kinds[right]:
            faults.append(f"{words}: {kinds[left]} cannot equal {kinds[right]}")
        if right[0] in contracts and contracts[right[0]].grain != (right[1],):
            faults.append(f"{words}: {'.'.join(right)} is not the key of its table")
        if not right[0].startswith("dim_"):
            faults.append(f"{words}: {right[0]} is no dimension")
        if link["cross_filtering_behavior"] != 1:
            faults.append(f"{words}: filters both ways")
        if (link["from_cardinality"], link["to_cardinality"]) != (2, 1):
            faults.append(f"{words}: is not many to one")
        active[left[0], right[0]] += bool(link["is_active"])
        if link["is_active"] and left[0].startswith("dim_"):
            faults.append(f"{words}: opens a second way from a dimension to the facts")
    faults += [
        f"{table} and {dimension} have {n} active relationships"
        for (table, dimension), n in active.items()
        if n != 1 and not table.startswith("dim_")
    ]
    for table in contracts.values():
        for column in table.columns:
            if column.refers_to and table.name not in SAME.values():
                target = SAME.get(column.refers_to[0], column.refers_to[0])
                wanted = ((table.name, column.name), (target, column.refers_to[1]))
                if target in contracts and wanted not in there:
                    faults.append(
                        f"dbt tests that {table.name}.{column.name} is in {target}; no relationship says so"
                    )
    return faults


def key_faults(model: Model) -> list[str]:
    """In a model's rows: keys that are there twice, and references that lead nowhere."""
    faults = []
    for link in model.relationships:
        key = _values(model, link["ToTable"], link["ToColumn"])
        words = f"{link['FromTable']}.{link['FromColumn']}"
        if len(set(key)) < len(key):
            faults.append(f"{link['ToTable']}.{link['ToColumn']} has a key twice")
        if lost := set(_values(model, link["FromTable"], link["FromColumn"])) - set(key) - {None}:
            faults.append(f"{words}: {link['ToTable']} lacks {sorted(map(str, lost))[:3]}")
    return faults


def _values(model: Model, table: str, column: str) -> list[Any]:
    place = model.tables[table]["columns"].index(column)
    return [row[place] for row in model.tables[table]["rows"]]


def roles(model: Path) -> list[TmdlNode]:
    """The roles of a model."""
    files = sorted((model / "definition" / "roles").glob("*.tmdl"))
    found = [node for path in files for node in parse_tmdl_document(path.read_text(encoding="utf-8"))]
    return [node for node in found if node.kind == "role"]


def dax_faults(model: Path) -> list[str]:
    """What measures, calculated columns and calculation items refer to and the model does not have."""
    parsed = definition(model)
    columns = {(t["name"], c["name"]) for t in parsed["tables"] for c in t["columns"]}
    measures = {m["name"] for t in parsed["tables"] for m in t["measures"]}
    faults = []
    for node in nodes(model):
        if node.kind not in ("measure", "column", "calculationItem") or not node.expression:
            continue
        for word, quoted, name in REFERENCE.findall(STRING.sub('""', node.expression)):
            table = word or quoted
            if not table and name in measures:
                continue
            if (table, name) not in columns:
                faults.append(f"{node.name} uses {table}[{name}], which the model lacks")
    return faults


def field_faults(report: Path, model: Path) -> list[str]:
    """What a report's visuals, sorts and filters use and the model lacks, and roles that a visual does not have."""
    parsed = definition(model)
    known = {("Column", t["name"], c["name"]) for t in parsed["tables"] for c in t["columns"]}
    known |= {("Measure", t["name"], m["name"]) for t in parsed["tables"] for m in t["measures"]}
    faults = []
    for path in sorted((report / "definition").rglob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        where = "/".join(path.parts[-3:-1])
        unknown = [used for used in _fields(content, {}) if used not in known]
        faults += [f"{where} uses the {kind} {table}[{name}], which the model lacks" for kind, table, name in unknown]
        if path.name != "visual.json":
            continue
        kind = content["visual"]["visualType"]
        state = content["visual"].get("query", {}).get("queryState", {})
        if roles_lacking := sorted(state.keys() - ROLES.get(kind, set())):
            faults.append(f"{where}: a {kind} has no {', '.join(roles_lacking)}")
        for projection in [p for role in state.values() for p in role["projections"]]:
            [(_, table, name)] = list(_fields(projection["field"], {}))
            if projection["queryRef"] != f"{table}.{name}":
                faults.append(f"{where}: {projection['queryRef']} is not the name of {table}[{name}]")
    return faults


def _fields(content: Any, sources: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Every column and measure in a piece of a report, names of sources resolved."""
    if isinstance(content, list):
        for part in content:
            yield from _fields(part, sources)
    if not isinstance(content, dict):
        return
    sources = sources | {source["Name"]: source["Entity"] for source in content.get("From", [])}
    for kind in ("Column", "Measure"):
        if kind in content:
            source = content[kind]["Expression"]["SourceRef"]
            yield kind, source.get("Entity") or sources.get(source.get("Source", ""), "?"), content[kind]["Property"]
    for key, part in content.items():
        if key not in ("Column", "Measure"):
            yield from _fields(part, sources)


def layout_faults(report: Path) -> list[str]:
    """Visuals that leave the page, lie on each other, say nothing to who cannot see them, or lack a title."""
    faults = []
    for page in sorted((report / "definition" / "pages").iterdir()):
        if not page.is_dir():
            continue
        size = json.loads((page / "page.json").read_text(encoding="utf-8"))
        boxes: dict[str, tuple[float, float, float, float]] = {}
        for path in sorted(page.rglob("visual.json")):
            visual = json.loads(path.read_text(encoding="utf-8"))
            place, look = visual["position"], visual["visual"]["visualContainerObjects"]
            x, y, right, bottom = place["x"], place["y"], place["x"] + place["width"], place["y"] + place["height"]
            where = f"{page.name}/{visual['name']}"
            if x < 0 or y < 0 or right > size["width"] or bottom > size["height"]:
                faults.append(f"{where} leaves the page")
            faults += [
                f"{where} lies on {other}"
                for other, (left, top, end, floor) in boxes.items()
                if x < end and left < right and y < floor and top < bottom
            ]
            boxes[visual["name"]] = (x, y, right, bottom)
            if not look["general"][0]["properties"]["altText"]["expr"]["Literal"]["Value"].strip("'"):
                faults.append(f"{where} has no alternative text")
            untitled = visual["name"] in ("heading", "freshness", "outcome")
            if not untitled and "text" not in look["title"][0]["properties"]:
                faults.append(f"{where} has no title")
    return faults


def tidy_faults(report: Path) -> list[str]:
    """What pbir-utils finds in a report, its advice too; but for at most six fields a visual, which is for charts."""
    found = validate_report(str(report), strict=False).violations
    return [fault["message"] for fault in found if fault["rule_id"] != "reduce_objects_within_visuals"]

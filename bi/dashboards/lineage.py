"""From the delivered file to the dashboard in one graph, table by table and column by column.

dbt sees what models write as sources and the models as exposures, so its own graph ends where they begin. Each ``ml``
source names the exposures that write it in ``meta.produced_by``; here the two halves are joined by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from lakehouse.landing import SOURCES

STAGES = (
    "Delivered files",
    "Bronze",
    "Judged rows",
    "Silver",
    "Gold",
    "Models",
    "What models write",
    "Gold marts",
    "Readers",
)
START = "gold.executive_overview"
DIALECT = "spark"

Columns = dict[str, dict[str, list[tuple[str, str]]]]
"""By table and column: the tables and columns that it is made of."""
Origins = set[tuple[tuple[str, str], str]]
"""Columns of tables: schema and table, and the column."""
Known = dict[tuple[int, str], Origins]
"""What has been found, by scope and column: a common table is named often."""


def context(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the lineage page shows.

    Args:
        manifest: dbt's ``manifest.json`` with compiled code.
    """
    stages, edges, about = graph(manifest)
    nodes = _tables(manifest)
    traced = trace(nodes.values())
    names = {node["relation_name"]: name_of(node) for node in nodes.values()}
    columns = {
        name_of(node): [
            [
                column,
                [
                    f"{names[table]}.{source}"
                    for table, source in traced.get(node["relation_name"], {}).get(column, [])
                ],
                told["description"],
            ]
            for column, told in node["columns"].items()
        ]
        for node in nodes.values()
    }
    return {
        "stages": [{"title": title, "nodes": stages[title]} for title in STAGES],
        "lineage": {"edges": edges, "columns": columns, "about": about},
        "start": START,
        "counts": {"tables": len(nodes), "edges": len(edges), "columns": sum(map(len, columns.values()))},
    }


def graph(
    manifest: Mapping[str, Any],
) -> tuple[dict[str, list[dict[str, str]]], list[tuple[str, str]], dict[str, str]]:
    """Names by stage, edges from what is needed to what is made of it, and a description for each name."""
    tables = _tables(manifest)
    names = {key: name_of(node) for key, node in tables.items()}
    stages: dict[str, list[dict[str, str]]] = {title: [] for title in STAGES}
    about: dict[str, str] = {}
    edges: set[tuple[str, str]] = set()

    def put(stage: str, name: str, label: str, words: str) -> None:
        stages[stage].append({"name": name, "label": label})
        about[name] = " ".join(words.split())

    for landing in (file for files in SOURCES.values() for part in files for file in part):
        put(
            "Delivered files",
            landing.file,
            landing.file,
            f"A file of a delivery; its rows go to bronze.{landing.table}.",
        )
        edges.add((landing.file, f"bronze.{landing.table}"))
    for key, node in tables.items():
        put(_stage(node), names[key], node["name"], node["description"])
        edges.update(
            (names[parent], names[key]) for parent in node.get("depends_on", {}).get("nodes", []) if parent in names
        )
        for exposure in _meta(node).get("produced_by", []):
            edges.add((f"model: {exposure}", names[key]))
    for exposure in manifest["exposures"].values():
        kind = "model" if exposure["type"] == "ml" else "reader"
        name = f"{kind}: {exposure['name']}"
        put(
            "Models" if kind == "model" else "Readers",
            name,
            exposure["label"] or exposure["name"],
            exposure["description"],
        )
        edges.update((names[parent], name) for parent in exposure["depends_on"]["nodes"] if parent in names)
    for found in stages.values():
        found.sort(key=lambda one: one["label"])
    return stages, sorted(edges), about


def trace(nodes: Iterable[Mapping[str, Any]]) -> Columns:
    """What each column of a compiled SQL model is made of: the columns of tables that its value is computed from.

    Where rows are kept or joined is not followed, only what the value hangs on. A model that cannot be read, such as
    one in Python, has no entry.
    """
    nodes = list(nodes)
    schema: dict[str, Any] = {}
    tables: dict[tuple[str, str], str] = {}
    for node in nodes:
        schema.setdefault(node["schema"], {})[_alias(node)] = dict.fromkeys(node["columns"], "string")
        tables[node["schema"], _alias(node)] = node["relation_name"]
    traced: Columns = {}
    for node in nodes:
        code = node.get("compiled_code")
        if not code or node.get("language") != "sql":
            continue
        try:
            query = qualify(
                parse_one(code, dialect=DIALECT), schema=schema, dialect=DIALECT, validate_qualify_columns=False
            )
            scope = build_scope(query)
        except SqlglotError:
            continue
        if scope is None:
            continue
        known: Known = {}
        traced[node["relation_name"]] = {
            column: sorted((tables[place], name) for place, name in _origins(scope, column, known) if place in tables)
            for column in node["columns"]
        }
    return traced


def _origins(scope: Scope, column: str, known: Known) -> Origins:
    """The columns of tables that a column of a query is computed from."""
    key = (id(scope), column)
    if key in known:
        return known[key]
    known[key] = found = set()
    if scope.set_operation_scopes:
        # A union's columns belong together by place: its names are those of its first part.
        names = _query(scope.set_operation_scopes[0]).named_selects
        place = names.index(column) if column in names else -1
        for part in scope.set_operation_scopes:
            of_part = _query(part).named_selects
            if 0 <= place < len(of_part):
                found |= _origins(part, of_part[place], known)
        return found
    selected = next((one for one in _query(scope).selects if one.alias_or_name == column), None)
    if selected is None:
        return found
    for used in selected.find_all(exp.Column):
        source = scope.sources.get(used.table)
        if isinstance(source, Scope):
            found |= _origins(source, used.name, known)
        elif isinstance(source, exp.Table):
            found.add(((source.db, source.name), used.name))
    return found


def _query(scope: Scope) -> exp.Query:
    query = scope.expression
    assert isinstance(query, exp.Query)
    return query


def name_of(node: Mapping[str, Any]) -> str:
    """``schema.table`` without what a target may put before the schema."""
    return f"{node['schema'].rpartition('dev_')[2]}.{_alias(node)}"


def _alias(node: Mapping[str, Any]) -> str:
    return str(node.get("alias") or node.get("identifier") or node["name"])


def _tables(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    kinds = ("model", "seed", "snapshot")
    made = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] in kinds}
    sources = {key: node for key, node in manifest["sources"].items() if node["source_name"] != "quality"}
    return {**sources, **made}


def _stage(node: Mapping[str, Any]) -> str:
    if node["resource_type"] == "source":
        return {"bronze": "Bronze", "ml": "What models write"}[node["source_name"]]
    if "/marts/" in node["original_file_path"]:
        return "Gold marts"
    if node["name"].startswith(("stg_", "quarantined_")):
        return "Judged rows"
    return "Silver" if node["schema"].endswith("silver") else "Gold"


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = node.get("config", {}).get("meta", {})
    return meta

"""What dbt promises of the tables that people look at: columns, types, descriptions, keys, and what is personal."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml  # type: ignore[import-untyped,unused-ignore]

from expectations.results import SCHEMA as CHECK_RESULTS
from lakehouse.settings import DBT_PROJECT

FOLDERS = ("models/gold", "models/marts")
SEEDS = ("executive_targets",)

LEFT_OUT = {
    "churn_examples": "a person has a row for each reference date: what a model learns from, not what people look at",
    "fct_orders": "what churn examples are made of; orders, revenue and delivery are measures of their lines",
    "interaction_matrix": "what the recommender learns from; product_affinity and product_performance show its sums",
    "weekly_revenue": "weekly_performance has the same weeks and more columns; freight is in fct_order_items",
    "executive_overview": "fixed periods; the model compares whatever days are chosen, and a test compares the two",
    "sales_breakdown": "fixed periods, as executive_overview",
    "forecast_accuracy": "measures work it out from forecast_errors, for whatever weeks are chosen",
    "whale_call_list": "its readers can read names, so contacts alone has it; retention_campaign has its people",
    "risk_grid": "bins for a page that cannot draw every person; the model has the people",
    "int_channel_attribution": "private to channel_attribution",
    "int_customer_value": "private to customer_value",
    "int_product_affinity": "private to product_affinity",
}
"""Gold models that no Power BI model loads, each with the reason."""

WITHHELD = {("check_results", "sample"): "it quotes rows of the table that was checked, whatever they hold"}
"""Columns that the shared model does not load although no tag calls them personal, each with the reason."""

# The files hold unit tests too: libyaml reads them ten times as fast as Python does.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DOC = re.compile(r"{%\s*docs (\w+)\s*%}(.*?){%\s*enddocs\s*%}", re.DOTALL)
_DOC_CALL = re.compile(r"{{\s*doc\(\s*[\"'](\w+)[\"']\s*\)\s*}}")
_REF = re.compile(r"ref\(\s*[\"'](\w+)[\"']\s*\)")


@dataclass(frozen=True)
class Column:
    """A column as the contract has it.

    Attributes:
        data_type: Spark's name of the type, such as ``decimal(18,2)``.
        is_personal: whether dbt tags it ``pii``.
        refers_to: table and column that a dbt relationships test names.
    """

    name: str
    data_type: str
    description: str
    is_personal: bool = False
    refers_to: tuple[str, str] | None = None


@dataclass(frozen=True)
class Table:
    """A table as dbt describes it; ``grain`` is its first key, empty where no test names one."""

    schema: str
    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in the order of the contract."""
        return [column.name for column in self.columns]


@functools.cache
def dbt_tables(project: Path = DBT_PROJECT) -> dict[str, Table]:
    """Every Gold table and mart with an enforced contract, the targets, and the results of the checks.

    Args:
        project: the folder of the dbt project.

    Returns:
        The tables by name, in the order of their files.

    Raises:
        ValueError: a Gold column has no type, or a description names a doc block that is not there.
    """
    docs = {
        name: text.strip()
        for path in sorted((project / "models").rglob("*.md"))
        for name, text in _DOC.findall(path.read_text(encoding="utf-8"))
    }
    tables = {}
    for folder in FOLDERS:
        for path in sorted((project / folder).glob("*.yml")):
            for node in _nodes(path, "models"):
                types = {column["name"]: column.get("data_type") for column in node["columns"]}
                if missing := [name for name, data_type in types.items() if not data_type]:
                    raise ValueError(f"{node['name']} gives no data_type for {', '.join(missing)} ({path})")
                tables[node["name"]] = _table("gold", node, types, docs)
    for name in SEEDS:
        [node] = _nodes(project / "seeds" / f"{name}.yml", "seeds")
        tables[name] = _table("gold", node, node["config"]["column_types"], docs)
    [source] = _nodes(project / "models" / "quality" / "_sources.yml", "sources")
    [node] = [table for table in source["tables"] if table["name"] == "check_results"]
    types = {field.name: _spark_type(field.type) for field in CHECK_RESULTS}
    return tables | {"check_results": _table("quality", node, types, docs)}


def _nodes(path: Path, kind: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = yaml.load(path.read_text(encoding="utf-8"), _LOADER).get(kind, [])  # noqa: S506
    return nodes


def shared_tables(project: Path = DBT_PROJECT) -> dict[str, Table]:
    """The tables of the model that everybody may open, less every personal or withheld column."""
    return {
        name: replace(
            table,
            columns=tuple(c for c in table.columns if not c.is_personal and (name, c.name) not in WITHHELD),
        )
        for name, table in dbt_tables(project).items()
        if name not in LEFT_OUT
    }


def _table(schema: str, node: dict[str, Any], types: dict[str, str], docs: dict[str, str]) -> Table:
    described = {column["name"]: column for column in node["columns"]}
    grains = [test["grain"]["arguments"]["columns"] for test in node.get("data_tests", []) if "grain" in test]
    return Table(
        schema,
        node["name"],
        _text(node["description"], docs),
        tuple(grains[0]) if grains else (),
        tuple(
            Column(
                name,
                data_type,
                _text(described[name].get("description", ""), docs),
                bool(described[name].get("config", {}).get("meta", {}).get("pii")),
                _reference(described[name]),
            )
            for name, data_type in types.items()
        ),
    )


def _reference(column: dict[str, Any]) -> tuple[str, str] | None:
    for test in column.get("data_tests", []):
        if isinstance(test, dict) and "relationships" in test:
            arguments = test["relationships"]["arguments"]
            target = _REF.fullmatch(arguments["to"])
            return (target[1], arguments["field"]) if target else None
    return None


def _text(description: str, docs: dict[str, str]) -> str:
    def block(call: re.Match[str]) -> str:
        if call[1] not in docs:
            raise ValueError(f"no doc block is called {call[1]}")
        return docs[call[1]]

    return " ".join(_DOC_CALL.sub(block, description).split())


def _spark_type(data_type: pa.DataType) -> str:
    return "timestamp" if pa.types.is_timestamp(data_type) else str(data_type)

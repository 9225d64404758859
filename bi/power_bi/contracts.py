"""What dbt promises about the tables that people look at: columns, types, descriptions, keys, and what is personal."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from expectations.results import SCHEMA as CHECK_RESULTS
from lakehouse.settings import DBT_PROJECT
from ml.contracts import CONTRACTS

FOLDERS = ("gold", "marts")
ML_TABLES = ("revenue_forecast", "demand_forecast", "forecast_backtest", "model_metrics")

LEFT_OUT = {
    "churn_examples": "a person has a row for each reference date: what a model learns from, not what people look at",
    "interaction_matrix": "what the recommender learns from; product_affinity and product_performance show its sums",
    "int_channel_attribution": "private to channel_attribution",
    "int_customer_value": "private to customer_value",
    "int_product_affinity": "private to product_affinity",
}
"""Gold models that no Power BI model loads, each with the reason."""

WITHHELD = {("check_results", "sample"): "it quotes rows of the table that was checked, whatever they hold"}
"""Columns that the shared model does not load although no tag calls them personal, each with the reason."""

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


def dbt_tables(project: Path = DBT_PROJECT) -> dict[str, Table]:
    """Every Gold table and mart with an enforced contract, what models write, and the results of the checks.

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
        for path in sorted((project / "models" / folder).glob("*.yml")):
            for node in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
                types = {column["name"]: column.get("data_type") for column in node["columns"]}
                if missing := [name for name, data_type in types.items() if not data_type]:
                    raise ValueError(f"{node['name']} gives no data_type for {', '.join(missing)} ({path})")
                tables[node["name"]] = _table("gold", node, types, docs)
    for schema, wanted in (
        ("ml", {name: CONTRACTS[name].schema for name in ML_TABLES}),
        ("quality", {"check_results": CHECK_RESULTS}),
    ):
        path = project / "models" / schema / "_sources.yml"
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for node in source["tables"]:
                if node["name"] in wanted:
                    types = {field.name: _spark_type(field.type) for field in wanted[node["name"]]}
                    tables[node["name"]] = _table(schema, node, types, docs)
    return tables


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
        tuple(grains[0]) if grains else _key_of(schema, node["name"]),
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


def _key_of(schema: str, name: str) -> tuple[str, ...]:
    return CONTRACTS[name].key if schema == "ml" else ()


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


@functools.cache
def _spark_type(data_type: pa.DataType) -> str:
    names = {
        pa.string(): "string",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
    }
    if pa.types.is_timestamp(data_type):
        return "timestamp"
    if pa.types.is_decimal(data_type):
        return f"decimal({data_type.precision},{data_type.scale})"
    return names[data_type]

"""A semantic model's measures over the tables of the Parquet folder, worked out by a DAX engine in Python.

The engine is ``pbix-mcp``'s. It is not Power BI's: what it says is a check of consistency, not Desktop's answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pbix_mcp.dax import engine
from pbix_mcp.formats.tmdl_reader import TmdlNode, parse_tmdl_document, parse_tmdl_folder

Filters = dict[str, list[Any]]


@dataclass
class Model:
    """A model with its rows.

    Attributes:
        tables: columns and rows by name, as the engine wants them.
        measures: DAX by name.
    """

    tables: dict[str, dict[str, list[Any]]]
    measures: dict[str, str]
    relationships: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    columns: dict[str, list[str]] = field(default_factory=dict)

    def value(self, measure: str, filters: Filters | None = None) -> Any:
        """A measure where ``table.column`` may only have the values given.

        Raises:
            AssertionError: the engine could not work it out, or met a function that it does not know.
        """
        engine._engine.eval_errors.clear()
        engine._engine.unsupported_by_measure.clear()
        value = engine.evaluate_measures_batch(
            [measure],
            self.tables,
            self.measures,
            {key: [_cell(value) for value in values] for key, values in (filters or {}).items()},
            date_table="dim_date",
            date_column="date_day",
            relationships=self.relationships,
            date_tables={"dim_date": "date_day"},
            measure_tables=dict.fromkeys(self.measures, "Measures"),
            model_columns=self.columns,
            calculation_groups=self.groups,
        )[measure]
        faults = {**engine._engine.eval_errors, **engine._engine.unsupported_by_measure}
        assert not faults, faults
        return value

    def expression(self, dax: str) -> Any:
        """An expression as if it were a measure of the model."""
        self.measures["it"] = dax
        try:
            return self.value("it")
        finally:
            del self.measures["it"]


def load(model: Path, data: Path) -> Model:
    """Read a model's folder and the rows of its tables from the Parquet folder; calculated columns are worked out.

    Args:
        model: the folder that holds ``definition``.
        data: the folder that ``write_parquet`` wrote.
    """
    definition = parse_tmdl_folder(str(model / "definition"))
    tables: dict[str, dict[str, list[Any]]] = {}
    measures: dict[str, str] = {}
    calculated: list[tuple[str, str, str]] = []
    for table in definition["tables"]:
        name = table["name"]
        measures |= {measure["name"]: measure["expression"] for measure in table["measures"]}
        stored = [column for column in table["columns"] if not column.get("expression")]
        calculated += [(name, c["name"], c["expression"]) for c in table["columns"] if c.get("expression")]
        if (data / f"{name}.parquet").exists():
            rows = pq.read_table(data / f"{name}.parquet", columns=[column["source_column"] for column in stored])
            cells = [[_cell(value) for value in rows.column(index).to_pylist()] for index in range(rows.num_columns)]
            tables[name] = {
                "columns": rows.column_names,
                "rows": [list(row) for row in zip(*cells, strict=True)],
            }
    groups = [_group(node) for node in _tables(model) if node.child("calculationGroup")]
    for group in groups:
        tables[group["table"]] = {
            "columns": [group["column"], "Ordinal"],
            "rows": [[item["name"], item["ordinal"]] for item in group["items"]],
        }
    relationships = [
        {
            "FromTable": link["from_table"],
            "FromColumn": link["from_column"],
            "ToTable": link["to_table"],
            "ToColumn": link["to_column"],
            "IsActive": link["is_active"],
            "CrossFilteringBehavior": link["cross_filtering_behavior"],
            "FromCardinality": link["from_cardinality"],
            "ToCardinality": link["to_cardinality"],
        }
        for link in definition["relationships"]
    ]
    loaded = Model(tables, measures, relationships, groups)
    for name, column, expression in calculated:
        _add_column(loaded, name, column, expression)
    loaded.columns = {name: table["columns"] for name, table in tables.items()}
    return loaded


def _add_column(model: Model, table: str, column: str, expression: str) -> None:
    context = engine.DAXContext(model.tables, model.measures, relationships=model.relationships)
    added = engine._engine._fn_addcolumns(f'{table}, "{column}", {expression}', context)
    model.tables[table]["columns"].append(column)
    for row, more in zip(model.tables[table]["rows"], added, strict=True):
        row.append(more[column])


def _tables(model: Path) -> list[TmdlNode]:
    files = sorted((model / "definition" / "tables").glob("*.tmdl"))
    return [node for path in files for node in parse_tmdl_document(path.read_text(encoding="utf-8"))]


def _group(table: TmdlNode) -> dict[str, Any]:
    node = table.child("calculationGroup")
    assert node is not None
    items = [
        {"name": item.name, "expression": item.expression, "ordinal": ordinal, "format_string": None}
        for ordinal, item in enumerate(node.all("calculationItem"))
    ]
    [column] = [child.name for child in table.all("column") if child.props.get("sourceColumn") == "Name"]
    return {"table": table.name, "column": column, "precedence": int(node.props["precedence"]), "items": items}


def _cell(value: Any) -> Any:
    """A value as Power BI stores it: every date is a moment, decimals are numbers."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value

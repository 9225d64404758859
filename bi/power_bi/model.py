"""The semantic models as TMDL: tables and relationships from dbt's contracts, measures from ``design/``.

A table keeps dbt's name and columns, so that a field in a report can be looked up in the dbt docs. Filters flow one
way, from a dimension to what refers to it. TMDL: https://learn.microsoft.com/analysis-services/tmdl/tmdl-overview
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

from bi.power_bi.contracts import Column, Table, dbt_tables, shared_tables

DESIGN = Path(__file__).with_name("design")
MEASURES_FILE = DESIGN / "Measures.tmdl"
COMPARISON_FILE = DESIGN / "Comparison.tmdl"
COLUMNS_FILE = DESIGN / "calculated_columns.tmdl"
SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"

DIMENSIONS = {"customer_unique_id": "dim_customer", "product_id": "dim_product", "seller_id": "dim_seller"}
"""Key and dimension: a column of that name anywhere else refers to it."""

ROLES = {
    ("fct_order_items", "delivered_date"): "dim_date",
    ("dim_customer", "cohort_month"): "dim_date",
    ("customer_cohorts", "active_month"): "dim_date",
    ("customer_cohorts", "cohort_month"): "dim_date",
    ("conversion_funnel", "week_start"): "dim_date",
    ("revenue_outlook", "week_start"): "dim_date",
    ("forecast_errors", "week_start"): "dim_date",
    ("forecast_errors", "origin_week"): "dim_date",
    ("inventory_plan", "covers_until"): "dim_date",
    ("retention_campaign", "next_product_id"): "dim_product",
    ("retention_campaign", "buy_again_product_id"): "dim_product",
    ("customer_offers", "next_product_id"): "dim_product",
    ("customer_offers", "buy_again_product_id"): "dim_product",
    ("product_affinity", "other_product_id"): "dim_product",
}
"""References that neither a name nor a dbt test tells; the first from a table to a dimension is active."""

NEVER_ACTIVE = {("dim_customer", "cohort_month")}
"""A day filters orders, not the people who made them; it would reach orders on two ways."""

HIDDEN = {
    "order_id",
    "order_item_id",
    "session_id",
    "visitor_id",
    "week_start",
    "purchase_date",
    "session_date",
    "active_month",
    "origin_week",
}
"""Columns of facts that only measures use, or that a dimension shows better; so are keys of dimensions in facts."""

SORTED_BY = {("dim_date", "month_name"): "month", ("dim_date", "weekday_name"): "iso_weekday"}

SHARES = re.compile(r"(\w+_)?(rate|share|probability|retention|confidence|removal_effect)|probability_alive")
"""Numbers from 0 to 1 that people read in per cent."""

FIGURES = re.compile(r"(baseline_)?measured(_low|_high)?")
"""What was measured of models: some differ from their baseline in the third place."""

PARAMETERS = {
    "DatabricksHost": "adb-0000000000000000.0.azuredatabricks.net",
    "DatabricksHttpPath": "/sql/1.0/warehouses/0000000000000000",
    "DatabricksCatalog": "main",
    "GoldSchema": "gold",
    "QualitySchema": "quality",
}
FOLDER_PARAMETER = {"GoldFolder": "C:\\customer-intelligence-lakehouse\\site\\data\\"}
SCHEMA_PARAMETER = {"gold": "GoldSchema", "quality": "QualitySchema"}

CONTACTS = "whale_call_list"
CONTACTS_ROLE = "customer_care"


@dataclass(frozen=True)
class Relationship:
    """Many rows of ``table`` for one of ``dimension``; a filter on the dimension reaches the table, never back."""

    table: str
    column: str
    dimension: str
    key: str
    is_active: bool

    @property
    def name(self) -> str:
        """A name that says what refers to what."""
        return f"{self.table}_{self.column}_to_{self.dimension}"


def relationships(tables: dict[str, Table]) -> list[Relationship]:
    """What refers to which dimension: by the name of its key, by a dbt relationships test, or as in :data:`ROLES`."""
    found: list[Relationship] = []
    keys = {name: table.grain[0] for name, table in tables.items() if name.startswith("dim_")}
    for table in tables.values():
        told = [(column.name, _dimension_of(table, column)) for column in table.columns]
        known = [(column, dimension) for (name, column), dimension in ROLES.items() if name == table.name]
        taken: set[str] = set()
        for column, dimension in dict(pair for pair in told + known if pair[1] in keys).items():
            active = dimension not in taken and (table.name, column) not in NEVER_ACTIVE
            found.append(Relationship(table.name, column, dimension, keys[dimension], active))
            taken.add(dimension)
    return found


def _dimension_of(table: Table, column: Column) -> str:
    """The table that a column refers to, or an empty name."""
    if table.name == DIMENSIONS.get(column.name):
        return ""
    return DIMENSIONS.get(column.name) or (column.refers_to[0] if column.refers_to else "")


def shared_model(source: str) -> dict[str, str]:
    """The files of the model that everybody may open.

    Args:
        source: ``databricks``, or ``parquet`` for the folder that ``lakehouse site`` writes.

    Returns:
        Text by path within the model's folder.
    """
    tables = shared_tables()
    links = relationships(tables)
    drawn = {
        f"definition/tables/{path.name}": path.read_text(encoding="utf-8")
        for path in (MEASURES_FILE, COMPARISON_FILE)
    }
    files = {
        f"definition/tables/{name}.tmdl": _table(table, source, links, _calculated_columns().get(name, ""))
        for name, table in tables.items()
    }
    parameters = PARAMETERS if source == "databricks" else FOLDER_PARAMETER
    names = [*tables, *(Path(path).stem for path in drawn)]
    return {
        **_frame("gold" if source == "databricks" else "gold_parquet", names, parameters),
        "definition/relationships.tmdl": "\n".join(_relationship(link) for link in links),
        **files,
        **drawn,
    }


def contacts_model() -> dict[str, str]:
    """The files of the model with the call list's names, addresses and numbers, for one role; on Databricks only."""
    table = dbt_tables()[CONTACTS]
    role = (
        f"/// Who calls customers: sees those who agreed to it. No viewer outside this role sees a row.\n"
        f"role {CONTACTS_ROLE}\n\tmodelPermission: read\n\n"
        f"\ttablePermission {CONTACTS} = {CONTACTS}[has_consent] = TRUE()\n"
    )
    parameters = {name: value for name, value in PARAMETERS.items() if name != "QualitySchema"}
    return {
        **_frame("contacts", [CONTACTS], parameters, [CONTACTS_ROLE]),
        f"definition/tables/{CONTACTS}.tmdl": _table(table, "databricks", [], ""),
        f"definition/roles/{CONTACTS_ROLE}.tmdl": role,
    }


def platform(kind: str, name: str) -> str:
    """The ``.platform`` file of an item; its id hangs on the name alone."""
    return as_json(
        {
            "$schema": f"{SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
            "metadata": {"type": kind, "displayName": name},
            "config": {"version": "2.0", "logicalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{name}"))},
        }
    )


def as_json(content: object) -> str:
    """JSON as it is committed: two blanks of indent, a line break at the end."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _frame(
    name: str, tables: list[str], parameters: dict[str, str], roles: list[str] | None = None
) -> dict[str, str]:
    lines = ["model Model", "\tculture: en-US", "\tdefaultPowerBIDataSourceVersion: powerBI_V3"]
    lines += ["\tdiscourageImplicitMeasures", "\tsourceQueryCulture: en-US", ""]
    # Desktop would make a hidden date table for every date; ours is marked.
    lines += ["annotation __PBI_TimeIntelligenceEnabled = 0", ""]
    lines += [f"ref table {table}" for table in tables]
    lines += ["", *(f"ref role {role}" for role in roles)] if roles else []
    return {
        ".platform": platform("SemanticModel", name),
        "definition.pbism": as_json(
            {
                "$schema": f"{SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json",
                "version": "4.2",
                "settings": {},
            }
        ),
        "definition/database.tmdl": "database\n\tcompatibilityLevel: 1600\n",
        "definition/model.tmdl": "\n".join(lines) + "\n",
        "definition/expressions.tmdl": "\n".join(
            f'expression {parameter} = "{value}" meta '
            '[IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]\n'
            for parameter, value in parameters.items()
        ),
    }


def _relationship(link: Relationship) -> str:
    inactive = "" if link.is_active else "\tisActive: false\n"
    return (
        f"relationship {link.name}\n{inactive}"
        f"\tfromColumn: {link.table}.{link.column}\n\ttoColumn: {link.dimension}.{link.key}\n"
    )


def _table(table: Table, source: str, links: list[Relationship], calculated: str) -> str:
    referring = {link.column for link in links if link.table == table.name}
    lines = [f"/// {table.description}", f"table {table.name}"]
    if table.name == "dim_date":
        lines.append("\tdataCategory: Time")
    lines.append("")
    for column in table.columns:
        lines += _column(table, column, column.name in referring)
    if calculated:
        lines += [calculated, ""]
    if table.name == "dim_date":
        lines += _hierarchy("Calendar", ["year", "quarter", "month_name", "date_day"])
        lines += _hierarchy("ISO weeks", ["iso_year", "iso_week_key", "date_day"])
    lines += [f"\tpartition {table.name} = m", "\t\tmode: import", "\t\tsource ="]
    lines += [f"\t\t\t\t{line}" for line in _query(table, source)]
    return "\n".join(lines) + "\n"


def _column(table: Table, column: Column, is_reference: bool) -> list[str]:
    kind, shown = _type(column)
    is_dimension = table.name.startswith("dim_")
    hidden = (is_reference and column.name in DIMENSIONS) or (column.name in HIDDEN and not is_dimension)
    lines = [f"\t/// {column.description}", f"\tcolumn {column.name}", f"\t\tdataType: {kind}"]
    if hidden:
        lines.append("\t\tisHidden")
    if is_dimension and (column.name,) == table.grain:
        lines.append("\t\tisKey")
    if shown:
        lines.append(f"\t\tformatString: {shown}")
    lines += ["\t\tsummarizeBy: none", f"\t\tsourceColumn: {column.name}"]
    if by := SORTED_BY.get((table.name, column.name)):
        lines.append(f"\t\tsortByColumn: {by}")
    if column.name in ("latitude", "longitude"):
        lines.append(f"\t\tdataCategory: {column.name.title()}")
    return [*lines, ""]


def _type(column: Column) -> tuple[str, str | None]:
    """Power BI's type, and how it is shown. Its decimal keeps four places: what has more becomes a double."""
    kind, shown = _type_of(column)
    return kind, "0.0%" if SHARES.fullmatch(column.name) else shown


def _type_of(column: Column) -> tuple[str, str | None]:
    match column.data_type.partition("("):
        case ["string", _, _]:
            return "string", None
        case ["boolean", _, _]:
            return "boolean", None
        case ["int" | "bigint", _, _]:
            is_label = column.name in ("year", "iso_year", "iso_week", "month", "quarter")
            return "int64", "0" if is_label else "#,0"
        case ["double", _, _]:
            return "double", "0.000" if FIGURES.fullmatch(column.name) else "#,0.00"
        case ["date", _, _]:
            return "dateTime", "yyyy-mm-dd"
        case ["timestamp", _, _]:
            return "dateTime", "yyyy-mm-dd hh:nn"
        case ["decimal", _, size]:
            places = int(size.rstrip(")").split(",")[1])
            return ("decimal", "#,0.00") if places <= 4 else ("double", "0.000000")
        case _:
            raise ValueError(f"{column.name} is of a type that Power BI is not given: {column.data_type}")


def _hierarchy(name: str, columns: list[str]) -> list[str]:
    lines = [f"\thierarchy '{name}'", ""]
    for column in columns:
        lines += [f"\t\tlevel {column}", f"\t\t\tcolumn: {column}", ""]
    return lines


def _query(table: Table, source: str) -> list[str]:
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    if source == "parquet":
        steps = [f'Source = Parquet.Document(File.Contents(GoldFolder & "{table.name}.parquet")),']
    else:
        steps = [
            "Server = Databricks.Catalogs(DatabricksHost, DatabricksHttpPath, "
            "[Catalog=null, Database=null, EnableAutomaticProxyDiscovery=null]),",
            'Catalog = Server{[Name=DatabricksCatalog,Kind="Database"]}[Data],',
            f'Schema = Catalog{{[Name={SCHEMA_PARAMETER[table.schema]},Kind="Schema"]}}[Data],',
            f'Source = Schema{{[Name="{table.name}",Kind="Table"]}}[Data],',
        ]
    selected = f"Selected = Table.SelectColumns(Source, {{{columns}}})"
    return ["let", *(f"    {step}" for step in steps), f"    {selected}", "in", "    Selected"]


def _calculated_columns() -> dict[str, str]:
    """The columns that are written by hand, by table, as they stand within its TMDL."""
    found: dict[str, list[str]] = {}
    for line in COLUMNS_FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("table "):
            lines = found.setdefault(line.removeprefix("table "), [])
        else:
            lines.append(line)
    return {name: "\n".join(lines).strip("\n") for name, lines in found.items()}

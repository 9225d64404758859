"""Every kind of fault that a Power BI project can have is found by the check that is for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bi.power_bi.contracts import Table
from bi.power_bi.project import HERE, REPORTS
from tests.bi import checks
from tests.bi.dax import Model
from tests.bi.schemas import FOLDER, schema_faults
from tests.conftest import need

Check = Callable[[Path], list[str]]

BROKEN: dict[str, tuple[str, str, str, str]] = {
    "unknown field": (
        "executive_control_tower.Report/definition/pages/overview/visuals/by_category/visual.json",
        '"Property": "category"',
        '"Property": "categorie"',
        "fields",
    ),
    "unknown measure": (
        "executive_control_tower.Report/definition/pages/overview/visuals/revenue/visual.json",
        '"Property": "Revenue"',
        '"Property": "Turnover"',
        "fields",
    ),
    "measure taken for a column": (
        "executive_control_tower.Report/definition/pages/overview/visuals/revenue/visual.json",
        '"Measure"',
        '"Column"',
        "fields",
    ),
    "unknown field in a filter": (
        "executive_control_tower.Report/definition/pages/overview/page.json",
        "complete_week",
        "complete_weeks",
        "fields",
    ),
    "a name that is not the field's": (
        "executive_control_tower.Report/definition/pages/overview/visuals/revenue/visual.json",
        '"queryRef": "Measures.Revenue"',
        '"queryRef": "Measures.Orders"',
        "fields",
    ),
    "role that the visual lacks": (
        "executive_control_tower.Report/definition/pages/overview/visuals/revenue/visual.json",
        '"Values"',
        '"Y"',
        "fields",
    ),
    "column renamed": (
        "gold.SemanticModel/definition/tables/dim_seller.tmdl",
        "column city",
        "column town",
        "contracts",
    ),
    "bad type": (
        "gold.SemanticModel/definition/tables/dim_seller.tmdl",
        "dataType: double",
        "dataType: string",
        "contracts",
    ),
    "values from another column": (
        "gold.SemanticModel/definition/tables/dim_seller.tmdl",
        "sourceColumn: city",
        "sourceColumn: state",
        "contracts",
    ),
    "description": (
        "gold.SemanticModel/definition/tables/dim_seller.tmdl",
        "/// City, lower case",
        "/// Town, lower case",
        "contracts",
    ),
    "query without a column": (
        "gold.SemanticModel/definition/tables/dim_seller.tmdl",
        '"city", ',
        "",
        "contracts",
    ),
    "relationship of unlike types": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "fromColumn: fct_order_items.purchase_date",
        "fromColumn: fct_order_items.order_status",
        "relationships",
    ),
    "relationship to no key": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "toColumn: dim_seller.seller_id",
        "toColumn: dim_seller.city",
        "relationships",
    ),
    "relationship to nothing": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "toColumn: dim_seller.seller_id",
        "toColumn: dim_seller.id",
        "relationships",
    ),
    "relationship to a fact": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "toColumn: dim_seller.seller_id",
        "toColumn: product_performance.product_id",
        "relationships",
    ),
    "filter both ways": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "\tfromColumn: fct_order_items.seller_id",
        "\tcrossFilteringBehavior: bothDirections\n\tfromColumn: fct_order_items.seller_id",
        "relationships",
    ),
    "two active relationships": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "\tisActive: false\n\tfromColumn: fct_order_items",
        "\tfromColumn: fct_order_items",
        "relationships",
    ),
    "a second way to the facts": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "\tisActive: false\n\tfromColumn: dim_customer",
        "\tfromColumn: dim_customer",
        "relationships",
    ),
    "relationship lost": (
        "gold.SemanticModel/definition/relationships.tmdl",
        "fromColumn: fct_order_items.seller_id",
        "fromColumn: fct_order_items.order_id",
        "relationships",
    ),
    "DAX on an unknown column": (
        "gold.SemanticModel/definition/tables/Measures.tmdl",
        "SUM(fct_order_items[revenue])",
        "SUM(fct_order_items[income])",
        "dax",
    ),
    "DAX on an unknown measure": (
        "gold.SemanticModel/definition/tables/Measures.tmdl",
        "DIVIDE([Revenue], [Orders])",
        "DIVIDE([Revenue], [Order])",
        "dax",
    ),
    "DAX on an unknown column in a comparison": (
        "gold.SemanticModel/definition/tables/Comparison.tmdl",
        "MIN(dim_date[date_day])",
        "MIN(dim_date[day])",
        "dax",
    ),
    "visual off the page": (
        "call_list.Report/definition/pages/contacts/visuals/people/visual.json",
        '"height": 576',
        '"height": 676',
        "layout",
    ),
    "visuals on each other": (
        "call_list.Report/definition/pages/contacts/visuals/people/visual.json",
        '"y": 132',
        '"y": 100',
        "layout",
    ),
    "no title": (
        "call_list.Report/definition/pages/contacts/visuals/people/visual.json",
        '"text"',
        '"txt"',
        "layout",
    ),
    "default page name": (
        "call_list.Report/definition/pages/contacts/page.json",
        '"Call list with contacts"',
        '"Page 1"',
        "tidy",
    ),
    "page order of nothing": (
        "call_list.Report/definition/pages/pages.json",
        '"activePageName": "contacts"',
        '"activePageName": "gone"',
        "tidy",
    ),
    "malformed visual": (
        "call_list.Report/definition/pages/contacts/visuals/people/visual.json",
        '"visualType"',
        '"visual_type"',
        "schema",
    ),
    "malformed position": (
        "call_list.Report/definition/pages/contacts/visuals/people/visual.json",
        '"height": 576',
        '"height": "576"',
        "schema",
    ),
    "malformed projection": (
        "call_list.Report/definition/pages/contacts/visuals/people/visual.json",
        '"queryRef"',
        '"query"',
        "schema",
    ),
    "malformed report": (
        "call_list.Report/definition/report.json",
        '"themeCollection"',
        '"themes"',
        "schema",
    ),
    "malformed reference": (
        "call_list.Report/definition.pbir",
        '"byPath"',
        '"by_path"',
        "schema",
    ),
    "malformed model": (
        "gold.SemanticModel/definition.pbism",
        '"version"',
        '"versions"',
        "schema",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_each_kind_of_fault_is_found(tmp_path: Path, contracts: dict[str, Table], fault: str) -> None:
    path, old, new, check = BROKEN[fault]
    if check == "schema":
        need(FOLDER.exists(), "REQUIRE_SCHEMAS", f"the schemas are not at {FOLDER}; set SCHEMAS")
    folder = Path(shutil.copytree(HERE / path.split("/")[0], tmp_path / path.split("/")[0]))
    text = (tmp_path / path).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / path).write_text(text.replace(old, new, 1), encoding="utf-8")
    found: dict[str, Check] = {
        "fields": lambda report: checks.field_faults(report, HERE / f"{REPORTS[report.stem]}.SemanticModel"),
        "contracts": lambda model: checks.contract_faults(model, contracts),
        "relationships": lambda model: checks.relationship_faults(model, contracts),
        "dax": checks.dax_faults,
        "layout": checks.layout_faults,
        "tidy": checks.tidy_faults,
        "schema": schema_faults,
    }
    assert found[check](folder) != []


def test_a_key_that_is_there_twice_or_not_at_all_is_found(model: Model) -> None:
    sellers = model.tables["dim_seller"]
    for rows, word in (([*sellers["rows"], sellers["rows"][0]], "twice"), (sellers["rows"][1:], "lacks")):
        broken = Model({**model.tables, "dim_seller": {**sellers, "rows": rows}}, {}, model.relationships, [])
        assert [fault for fault in checks.key_faults(broken) if word in fault]

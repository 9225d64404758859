"""The committed Power BI project is what is generated and fits the dbt contracts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]

from bi.power_bi.contracts import LEFT_OUT, WITHHELD, Table, dbt_tables, shared_tables
from bi.power_bi.model import CONTACTS, CONTACTS_ROLE
from bi.power_bi.parquet import write_parquet
from bi.power_bi.project import HERE, REPORTS, project, write_project
from lakehouse.settings import DBT_PROJECT
from tests.bi import checks
from tests.bi.dax import Model
from tests.bi.schemas import FOLDER, schema_faults
from tests.conftest import need
from tests.delta import query

SHARED = ("gold.SemanticModel", "gold_parquet.SemanticModel")


def test_what_is_committed_is_what_is_generated() -> None:
    """Nothing was edited by hand where a command would undo it, and no file is left of what is generated no more."""
    files = project()
    tops = {path.split("/")[0] for path in files}
    there = {
        str(path.relative_to(HERE))
        for top in tops
        for path in [HERE / top, *(HERE / top).rglob("*")]
        if path.is_file()
    }
    assert there == files.keys()
    assert [path for path, text in files.items() if (HERE / path).read_text(encoding="utf-8") != text] == []


def test_writing_it_anew_removes_what_is_stale(tmp_path: Path) -> None:
    write_project(tmp_path)
    stale = tmp_path / "gold.SemanticModel" / "definition" / "tables" / "gone.tmdl"
    stale.write_text("table gone\n")
    written = write_project(tmp_path)
    assert not stale.exists()
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(written)


@pytest.mark.parametrize("model", SHARED)
def test_a_model_has_the_columns_of_the_contracts(model: str, contracts: dict[str, Table]) -> None:
    assert checks.contract_faults(HERE / model, contracts) == []


@pytest.mark.parametrize("model", SHARED)
def test_relationships_are_those_of_the_keys(model: str, contracts: dict[str, Table]) -> None:
    assert checks.relationship_faults(HERE / model, contracts) == []


def test_the_one_side_is_unique_and_the_many_side_is_in_it(model: Model, contracts: dict[str, Table]) -> None:
    """In data, for every relationship: a key is there once, and what refers to it is there or empty."""
    assert len(model.relationships) > 25
    assert checks.key_faults(model) == []


@pytest.mark.parametrize("model", SHARED)
def test_dax_uses_what_the_model_has(model: str) -> None:
    assert checks.dax_faults(HERE / model) == []


@pytest.mark.parametrize(("report", "model"), REPORTS.items())
def test_a_report_uses_what_its_model_has(report: str, model: str) -> None:
    assert checks.field_faults(HERE / f"{report}.Report", HERE / f"{model}.SemanticModel") == []


@pytest.mark.parametrize("report", REPORTS)
def test_visuals_are_in_place_titled_and_described(report: str) -> None:
    assert checks.layout_faults(HERE / f"{report}.Report") == []


@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_tidy(report: str) -> None:
    assert checks.tidy_faults(HERE / f"{report}.Report") == []


@pytest.mark.parametrize("folder", [*SHARED, "contacts.SemanticModel", *(f"{name}.Report" for name in REPORTS)])
def test_files_are_as_their_schemas_say(folder: str) -> None:
    need(FOLDER.exists(), "REQUIRE_SCHEMAS", f"the schemas are not at {FOLDER}; set SCHEMAS")
    assert schema_faults(HERE / folder) == []


def test_both_ways_to_open_a_report_lead_to_a_model() -> None:
    for name in REPORTS:
        [shortcut] = json.loads((HERE / f"{name}.pbip").read_text())["artifacts"]
        assert (HERE / shortcut["report"]["path"] / "definition" / "report.json").exists()
    references = sorted(HERE.rglob("*.pbir"))
    assert [path.name for path in references].count("definition-parquet.pbir") == 2
    for path in references:
        to = json.loads(path.read_text())["datasetReference"]["byPath"]["path"]
        assert (path.parent / to / "definition" / "model.tmdl").exists()


def test_every_measure_is_described_and_in_a_folder() -> None:
    for node in checks.nodes(HERE / "gold.SemanticModel"):
        if node.kind == "measure":
            assert node.props.get("displayFolder"), node.name
    text = (HERE / "gold.SemanticModel" / "definition" / "tables" / "Measures.tmdl").read_text()
    lines = text.splitlines()
    undescribed = [
        line for before, line in pairwise(lines) if line.startswith("\tmeasure ") and "\t///" not in before
    ]
    assert undescribed == []


def test_the_date_table_is_marked_and_plays_several_roles(contracts: dict[str, Table]) -> None:
    text = (HERE / "gold.SemanticModel" / "definition" / "tables" / "dim_date.tmdl").read_text()
    assert "\tdataCategory: Time\n" in text
    assert "\tcolumn date_day\n\t\tdataType: dateTime\n\t\tisKey\n" in text
    assert "iso_week_key" in contracts["dim_date"].column_names
    links = checks.definition(HERE / "gold.SemanticModel")["relationships"]
    roles = {
        (link["from_table"], link["from_column"])
        for link in links
        if not link["is_active"] and link["to_table"] == "dim_date"
    }
    assert roles == {
        ("fct_order_items", "delivered_date"),
        ("customer_cohorts", "cohort_month"),
        ("forecast_errors", "origin_week"),
        ("dim_customer", "cohort_month"),
    }


def test_figures_of_models_are_shown_to_the_third_place() -> None:
    """With two, 0.10 would stand beside a baseline of 0.06."""
    text = (HERE / "gold.SemanticModel" / "definition" / "tables" / "model_status.tmdl").read_text()
    columns = {node.name: node.props.get("formatString") for node in checks.table_in(text).all("column")}
    figures = {name: shown for name, shown in columns.items() if "measured" in name}
    assert figures == dict.fromkeys(("measured", "measured_low", "measured_high", "baseline_measured"), "0.000")


def test_the_control_group_is_below_all_who_are_called() -> None:
    """Power BI puts blanks first, and the control group has no rank."""
    pages = HERE / "customer_retention_center.Report" / "definition" / "pages"
    visual = json.loads((pages / "call_list" / "visuals" / "people" / "visual.json").read_text())["visual"]
    sort = visual["query"]["sortDefinition"]["sort"]
    assert [by["field"]["Column"]["Property"] for by in sort] == ["campaign_group", "call_rank"]
    assert {by["direction"] for by in sort} == {"Ascending"}
    assert min("control", "call") == "call"


def test_keys_in_facts_are_hidden() -> None:
    hidden = {
        (path.stem, node.name)
        for path in (HERE / "gold.SemanticModel" / "definition" / "tables").glob("*.tmdl")
        for node in checks.table_in(path.read_text(encoding="utf-8")).all("column")
        if "isHidden" in node.flags
    }
    links = checks.definition(HERE / "gold.SemanticModel")["relationships"]
    keys = {
        (k["from_table"], k["from_column"])
        for k in links
        if k["from_column"] in ("customer_unique_id", "product_id", "seller_id")
    }
    assert len(keys) > 10
    assert keys <= hidden


def test_each_gold_table_is_loaded_or_left_out_for_a_reason() -> None:
    models = {path.stem for folder in ("gold", "marts") for path in (DBT_PROJECT / "models" / folder).glob("*.sql")}
    feeders = {path.stem for path in (DBT_PROJECT.parent / "python_models" / "gold").glob("*.py")}
    assert models | feeders == (shared_tables().keys() - {"check_results", "executive_targets"}) | LEFT_OUT.keys()
    assert all(len(reason) > 20 for reason in [*LEFT_OUT.values(), *WITHHELD.values()])


def test_dbt_knows_what_power_bi_reads() -> None:
    exposures = yaml.safe_load((DBT_PROJECT / "models" / "exposures.yml").read_text())["exposures"]
    [node] = [exposure for exposure in exposures if exposure["name"] == "power_bi_reports"]
    models = shared_tables().keys() - {"executive_targets", "check_results"}
    assert set(node["depends_on"]) == {f"ref('{name}')" for name in models}


def test_nothing_personal_is_in_the_shared_models_or_reports() -> None:
    """By dbt's tags: no shared model and no report but that of the call list names a personal column."""
    personal = {(t.name, c.name) for t in dbt_tables().values() for c in t.columns if c.is_personal}
    assert {name for _, name in personal} == {"full_name", "email", "phone"}
    for folder in [*SHARED, "executive_control_tower.Report", "customer_retention_center.Report"]:
        for path in (path for path in (HERE / folder).rglob("*") if path.is_file()):
            text = path.read_text(encoding="utf-8")
            assert [name for _, name in personal if name in text] == [], path


def test_nothing_personal_is_in_the_parquet_folder(
    scored_warehouse: Path, parquet_folder: Path, tmp_path: Path
) -> None:
    """By value: no name, address or number of any contact is in any cell."""
    contacts = query(scored_warehouse, "select full_name, email, phone from silver__customer_contacts")
    personal = {value for row in contacts for value in row.values() if value}
    assert len(personal) > 100
    files = sorted(parquet_folder.glob("*.parquet"))
    assert {path.stem for path in files} == shared_tables().keys()
    for path in files:
        assert not leaks(path, personal), path.name
    leaky = tmp_path / "leaky.parquet"
    calls = query(
        scored_warehouse,
        "select customer_unique_id, concat('write to ', email) as reason from silver__customer_contacts",
    )
    pq.write_table(pa.Table.from_pylist(calls), leaky)
    assert leaks(leaky, personal)


def leaks(path: Path, personal: set[str]) -> bool:
    """Whether any text of a file holds any of the values; keys, of which there are many, are no sentences."""
    rows = pq.read_table(path)
    texts = {
        text
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if column.type == pa.string() and not name.endswith("_id")
        for text in column.unique().to_pylist()
        if text
    }
    return any(value in text for text in texts for value in personal)


def test_the_parquet_folder_holds_the_contracts_columns(
    parquet_folder: Path, scored_warehouse: Path, contracts: dict[str, Table]
) -> None:
    for name, table in contracts.items():
        schema = pq.read_schema(parquet_folder / f"{name}.parquet")
        assert schema.names == table.column_names
        assert all(getattr(field.type, "tz", None) is None for field in schema)
        rows = query(scored_warehouse, f"select count(*) as n from {table.schema}__{name}")[0]["n"]
        assert pq.read_metadata(parquet_folder / f"{name}.parquet").num_rows == rows


def test_a_table_that_left_the_list_leaves_the_folder(scored_warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "gone.parquet").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mine")
    write_parquet(scored_warehouse, tmp_path)
    assert not (tmp_path / "gone.parquet").exists()
    assert (tmp_path / "notes.txt").exists()


def test_contacts_are_in_a_model_of_their_own_behind_a_role() -> None:
    contacts = {CONTACTS: dbt_tables()[CONTACTS]}
    assert checks.contract_faults(HERE / "contacts.SemanticModel", contacts) == []
    [role] = checks.roles(HERE / "contacts.SemanticModel")
    assert role.name == CONTACTS_ROLE
    [permission] = role.all("tablePermission")
    assert (permission.name, permission.expression) == (CONTACTS, f"{CONTACTS}[has_consent] = TRUE()")

"""The project's own rules, read from dbt's manifest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from dbt.cli.main import dbtRunner

from bi import er_diagram
from lakehouse import settings
from lakehouse.catalog import TableName
from lakehouse.written import tables_of

# What the embedded engine lacks, and what would make a table differ from run to run.
FORBIDDEN = (
    "qualify|pivot|tablesample|session_window|input_file_name|_metadata|read_files|optimize|vacuum|"
    "rand|current_timestamp|current_date|now|getdate|ntile|recursive"
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    target = tmp_path_factory.mktemp("target")
    answer = dbtRunner().invoke(
        ["--quiet", "parse", "--project-dir", str(settings.DBT_PROJECT), "--profiles-dir", str(settings.PROFILES)]
        + ["--target-path", str(target), "--no-partial-parse", "--log-path", str(target)]
    )
    assert answer.success, answer.exception
    return answer.result


def models(manifest: Any, schema: str | None = None) -> list[Any]:
    return [
        node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and (schema is None or node.schema == schema)
    ]


def contracted(manifest: Any) -> list[Any]:
    """Gold without the tables that only feed one of its own."""
    return [model for model in models(manifest, "gold") if not model.name.startswith("int_")]


def layer(node: Any) -> str:
    """The schema, but for the tables of Gold that are built after models have scored."""
    return "marts" if Path(node.original_file_path).parent.name == "marts" else str(node.schema)


def snapshots(manifest: Any) -> list[Any]:
    return [node for node in manifest.nodes.values() if node.resource_type == "snapshot"]


def attached_tests(manifest: Any, model: Any) -> list[Any]:
    return [node for node in manifest.nodes.values() if getattr(node, "attached_node", None) == model.unique_id]


def test_the_tables_that_a_failed_step_may_put_back_are_those_that_are_written(manifest: Any) -> None:
    kinds = ("model", "snapshot", "seed")
    built = {TableName(node.schema, node.name) for node in manifest.nodes.values() if node.resource_type in kinds}
    read = {
        TableName(node.schema, node.name) for node in manifest.sources.values() if node.schema in ("bronze", "ml")
    }
    assert len(built) > 60
    assert tables_of(("silver", "gold")) == built
    assert tables_of(("bronze", "ml")) >= read


def test_a_model_has_one_yaml_of_its_own_name(manifest: Any) -> None:
    for model in models(manifest):
        assert Path(str(model.patch_path)).stem == model.name


def test_names_say_what_a_table_is(manifest: Any) -> None:
    folders = {"stg_": "staging", "quarantined_": "quarantine"}
    for node in [*models(manifest), *snapshots(manifest)]:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", node.name), node.name
        for prefix, folder in folders.items():
            assert node.name.startswith(prefix) == (Path(node.original_file_path).parent.name == folder), node.name
        assert node.name.endswith("_history") == (node.resource_type == "snapshot"), node.name


def test_incremental_models_say_what_an_increment_is(manifest: Any) -> None:
    merged = [model for model in models(manifest) if model.config.materialized == "incremental"]
    assert {model.name.removeprefix("stg_") for model in merged} == {"clickstream_events", "orders", "sessions"}
    for model in merged:
        assert model.config.unique_key, model.name
        assert model.config.incremental_strategy == "merge", model.name
        assert model.config.on_schema_change == "append_new_columns", model.name
        increment = model.config.meta["increment"]
        assert increment["moment"] in model.columns, model.name
        assert increment["late_days"] in ("event_late_days", "order_late_days"), model.name


def test_histories_date_changes_by_their_drops(manifest: Any) -> None:
    histories = snapshots(manifest)
    assert {history.name for history in histories} == {"products_history", "sellers_history"}
    for history in histories:
        assert (history.config.strategy, history.config.updated_at) == ("timestamp", "changed_at")
        assert {"grain", "history_is_of_today"} <= {
            test.test_metadata.name for test in attached_tests(manifest, history) if test.test_metadata
        }


def test_everything_is_described(manifest: Any) -> None:
    for node in [*models(manifest), *snapshots(manifest), *manifest.sources.values()]:
        assert node.description.strip(), node.unique_id
        for column in node.columns.values():
            assert column.description.strip(), f"{node.unique_id}.{column.name}"


def test_every_description_opens_with_the_grain(manifest: Any) -> None:
    for model in [*models(manifest), *snapshots(manifest)]:
        assert re.match(r"One row( per|,)", model.description), model.name


def test_gold_has_enforced_contracts_and_one_grain_test(manifest: Any) -> None:
    assert len(contracted(manifest)) >= 15
    for model in contracted(manifest):
        assert model.config.contract.enforced, model.name
        names = [test.test_metadata.name for test in attached_tests(manifest, model)]
        assert names.count("grain") == 1, model.name  # it becomes the primary key
        assert any(test.model == model.name for test in manifest.unit_tests.values()), model.name


def test_python_models_feed_a_contract_and_are_called_int(manifest: Any) -> None:
    for model in models(manifest):
        assert (model.language == "python") == model.name.startswith("int_"), model.name


def test_not_null_constraints_are_tested_where_the_engine_enforces_none(manifest: Any) -> None:
    checked = 0
    for model in models(manifest):
        required = {
            column.name
            for column in model.columns.values()
            if any(constraint.type == "not_null" for constraint in column.constraints)
        }
        tests = {test.test_metadata.name for test in attached_tests(manifest, model)}
        assert ("not_null_constraints_hold" in tests) == bool(required), model.name
        checked += len(required)
    assert checked > 100


def test_gold_keys_are_not_null_by_contract(manifest: Any) -> None:
    for model in contracted(manifest):
        grain = next(test for test in attached_tests(manifest, model) if test.test_metadata.name == "grain")
        for key in grain.test_metadata.kwargs["columns"]:
            assert any(constraint.type == "not_null" for constraint in model.columns[key].constraints), model.name


def test_every_gold_table_has_a_reader_with_an_owner(manifest: Any) -> None:
    read = {parent for exposure in manifest.exposures.values() for parent in exposure.depends_on.nodes}
    seeds = {node.unique_id for node in manifest.nodes.values() if node.resource_type == "seed"}
    assert {model.unique_id for model in contracted(manifest)} == read - seeds
    for exposure in manifest.exposures.values():
        assert exposure.owner.name, exposure.name
        assert exposure.description.strip(), exposure.name


def test_what_models_write_names_the_exposures_that_write_it(manifest: Any) -> None:
    """dbt's graph is cut at the ml sources; the lineage page joins it by these names, so both ends must be there."""
    models_of = {exposure.name for exposure in manifest.exposures.values() if exposure.type == "ml"}
    named = set()
    for source in manifest.sources.values():
        produced_by = source.config.meta.get("produced_by", [])
        assert bool(produced_by) == (source.source_name == "ml"), source.name
        assert set(produced_by) <= models_of, source.name
        named.update(produced_by)
    assert named == models_of


def test_pages_read_what_their_exposures_say(manifest: Any) -> None:
    exposures = {exposure.name: exposure.depends_on.nodes for exposure in manifest.exposures.values()}
    pages = {
        "executive_control_tower": ("executive", "models"),
        "customer_retention_center": ("retention", "campaign", "behaviour"),
    }
    for name, modules in pages.items():
        code = "".join((settings.ROOT / "bi" / "dashboards" / f"{module}.py").read_text() for module in modules)
        # The head of every page.
        tables = {*re.findall(r"gold__(\w+)", code), "report_status"}
        told = {manifest.nodes[node].name for node in exposures[name]}
        assert tables == told, name


def test_gold_is_public_and_what_it_is_made_of_is_not(manifest: Any) -> None:
    for model in models(manifest):
        public = model.schema == "gold" and model.language == "sql"
        private = model.name.startswith("stg_") or model.language == "python"
        assert str(model.access) == ("public" if public else "private" if private else "protected"), model.name
        assert model.group == {"silver": "data_engineering", "gold": "customer_analytics"}[model.schema], model.name


def test_money_is_decimal_and_gold_is_of_plain_types(manifest: Any) -> None:
    money = ("revenue", "price", "freight", "monetary", "spend", "value")
    for model in contracted(manifest):
        for column in model.columns.values():
            assert re.fullmatch(
                r"string|int|bigint|double|boolean|date|timestamp|decimal\(\d+,\d\)", column.data_type
            ), f"{model.name}.{column.name}"
            if column.name in money or column.name.endswith(tuple(f"_{word}" for word in money)):
                assert column.data_type == "decimal(18,2)", f"{model.name}.{column.name}"


def test_a_column_has_one_type_wherever_it_stands(manifest: Any) -> None:
    told = [(column.name, column.data_type) for model in contracted(manifest) for column in model.columns.values()]
    assert of_several_types(told) == {}
    assert of_several_types([*told, ("order_id", "bigint")]) == {"order_id": {"string", "bigint"}}


def of_several_types(columns: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Names that are two things in different tables, so that no join and no reader can trust them."""
    types: dict[str, set[str]] = {}
    for name, data_type in columns:
        types.setdefault(name, set()).add(data_type)
    return {name: found for name, found in types.items() if len(found) > 1}


def test_layers_read_only_from_below(manifest: Any) -> None:
    allowed = {"silver": {"bronze", "silver"}, "gold": {"silver", "gold"}, "marts": {"silver", "gold", "ml", "marts"}}
    for model in models(manifest):
        for parent in model.depends_on.nodes:
            assert layer(manifest.nodes.get(parent) or manifest.sources[parent]) in allowed[layer(model)], (
                f"{model.name} reads {parent}"
            )


def test_personal_data_is_tagged_and_stays_out_of_gold_but_for_the_call_list(manifest: Any) -> None:
    # A line that is no record may be one of contacts.
    personal = {"full_name", "email", "phone", "raw_line"}
    tagged = 0
    for node in (*models(manifest), *manifest.sources.values()):
        for column in node.columns.values():
            assert bool(column.config.meta.get("pii")) == (column.name in personal), f"{node.name}.{column.name}"
            may_hold = node.schema != "gold" or node.name == "whale_call_list"
            assert column.name not in personal or may_hold, f"{node.name}.{column.name}"
            tagged += column.name in personal
    assert tagged == 5 * 3 + 1


def test_bronze_is_read_by_staging_and_quarantine_alone(manifest: Any) -> None:
    for model in models(manifest):
        if any(parent.startswith("source.lakehouse.bronze.") for parent in model.depends_on.nodes):
            assert model.name.startswith(("stg_", "quarantined_")), model.name


def test_every_staged_table_is_accounted_for(manifest: Any) -> None:
    staged = {model.name.removeprefix("stg_") for model in models(manifest) if model.name.startswith("stg_")}
    accounted = {
        test.test_metadata.kwargs["table"]
        for test in manifest.nodes.values()
        if test.resource_type == "test" and test.test_metadata and test.test_metadata.name == "rows_accounted_for"
    }
    assert staged == accounted


def test_models_and_macros_avoid_words_that_an_engine_lacks(manifest: Any) -> None:
    code = {model.name: model.raw_code for model in models(manifest) if model.language == "sql"}
    code |= {macro.name: macro.macro_sql for macro in manifest.macros.values() if macro.package_name == "lakehouse"}
    for name, sql in code.items():
        bare = re.sub(r"--[^\n]*|\{#.*?#\}|'[^']*'", " ", sql, flags=re.DOTALL)
        found = re.search(rf"\b({FORBIDDEN})\b", bare, flags=re.IGNORECASE)
        assert found is None, f"{name}: {found}"


def test_what_is_delivered_daily_has_a_freshness(manifest: Any) -> None:
    bronze = [source for source in manifest.sources.values() if source.source_name == "bronze"]
    assert {source.name for source in bronze if not source.freshness} == {
        "clickstream_events",
        "customer_contacts",
        "rejected_rows",
    }
    assert {source.loaded_at_field for source in bronze} == {"_ingested_at"}


def test_the_diagram_of_the_tables_is_up_to_date(manifest: Any) -> None:
    drawn = er_diagram.page(manifest.to_dict())
    assert drawn == er_diagram.PAGE.read_text(encoding="utf-8"), "run python -m bi.er_diagram"
    assert 'dim_product ||--o{ fct_order_items : "product_id"' in drawn
    assert "        string order_id PK" in drawn


@pytest.mark.slow
def test_each_test_runs_in_exactly_one_step(manifest: Any) -> None:
    steps: dict[str, set[str]] = {}
    everything = listed(manifest)
    for step in ("silver", "gold", "marts"):
        steps[step] = listed(manifest, "--selector", step)
    assert set.union(*steps.values()) == everything
    assert sum(map(len, steps.values())) == len(everything)


def listed(manifest: Any, *selection: str) -> set[str]:
    # Handed in, the project need not be read for each question.
    answer = dbtRunner(manifest).invoke(
        ["--quiet", "ls", *selection, "--resource-type", "all", "--output", "json"]
        + ["--output-keys", "unique_id", "--project-dir", str(settings.DBT_PROJECT)]
        + ["--profiles-dir", str(settings.PROFILES)]
    )
    assert answer.success, answer.exception
    lines = cast("list[str]", answer.result)
    kinds = ("test.", "unit_test.", "model.", "snapshot.")
    return {name for name in (json.loads(line)["unique_id"] for line in lines) if name.startswith(kinds)}

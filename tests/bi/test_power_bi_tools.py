"""What Microsoft's own parsers say of the project; ``make check-bi`` fetches them from npm and runs this."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bi.power_bi.project import HERE, MODELS
from tests.bi import checks

PARSE_M = Path(__file__).with_name("parse_m.js")
SERVER = Path("node_modules") / "@microsoft" / "powerbi-modeling-mcp" / "index.js"
TABLES = {"gold.SemanticModel": 27, "gold_parquet.SemanticModel": 27, "contacts.SemanticModel": 1}


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder that ``make check-bi`` filled."""
    folder = os.environ.get("BI_TOOLS")
    if not folder:
        pytest.skip("Microsoft's parsers come from npm; `make check-bi` fetches them")
    return Path(folder).resolve()


@pytest.mark.parametrize("model", MODELS)
def test_power_query_parses(tools: Path, model: str) -> None:
    expressions = power_query(HERE / model)
    assert len(expressions) >= TABLES[model] + 1
    assert unparsed(tools, expressions) == {}


def test_power_query_that_does_not_parse_is_found(tools: Path) -> None:
    sound = power_query(HERE / "gold.SemanticModel")["dim_seller"]
    broken = {
        "no comma": sound.replace("[Data],", "[Data]", 1),
        "no in": sound.replace("\nin\n", "\n"),
        "open brace": sound.replace("})", ")"),
        "open text": sound.replace('"city"', '"city'),
    }
    assert unparsed(tools, {"sound": sound, **broken}).keys() == broken.keys()


@pytest.mark.parametrize("model", MODELS)
def test_microsofts_parser_reads_the_model(tools: Path, model: str) -> None:
    parsed = checks.definition(HERE / model)
    answer = microsoft(tools, HERE / model)
    assert not answer["isError"], answer
    loaded = json.loads(answer["content"][0]["text"])["data"]
    assert loaded["tablesLoaded"] == len(parsed["tables"]) >= TABLES[model]
    assert loaded["measuresLoaded"] == sum(len(table["measures"]) for table in parsed["tables"])
    assert loaded["relationshipsLoaded"] == len(parsed["relationships"])


BROKEN = {
    "unknown property": ("tables/dim_seller.tmdl", "\t\tsummarizeBy: none", "\t\tsummariseBy: none"),
    "bad type": ("tables/dim_seller.tmdl", "dataType: string", "dataType: text"),
    "bad indent": ("tables/dim_seller.tmdl", "\tcolumn city", "\t\t\tcolumn city"),
    "unknown column in a relationship": ("relationships.tmdl", "dim_seller.seller_id", "dim_seller.id"),
    "unknown table in a relationship": ("relationships.tmdl", "toColumn: dim_seller.", "toColumn: dim_sellers."),
    "unknown level": ("tables/dim_date.tmdl", "\t\t\tcolumn: year", "\t\t\tcolumn: annum"),
    "sorted by nothing": ("tables/dim_date.tmdl", "sortByColumn: month", "sortByColumn: moon"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_microsofts_parser_finds_a_fault(tools: Path, tmp_path: Path, fault: str) -> None:
    path, old, new = BROKEN[fault]
    copy = Path(shutil.copytree(HERE / "gold.SemanticModel", tmp_path / "gold.SemanticModel"))
    file = copy / "definition" / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    answer = microsoft(tools, copy)
    said = json.loads(answer["content"][0]["text"]) if answer["content"][0]["text"].startswith("{") else {}
    assert answer["isError"] or said.get("data") is None, answer


def power_query(model: Path) -> dict[str, str]:
    """The queries and parameters of a model by name."""
    definition = checks.definition(model)
    queries = {
        table["name"]: table["partitions"][0]["source"] for table in definition["tables"] if table["partitions"]
    }
    return queries | {parameter["name"]: parameter["expression"] for parameter in definition["expressions"]}


def unparsed(tools: Path, expressions: dict[str, str]) -> dict[str, str]:
    """The expressions that Power Query's parser rejects, with its reason."""
    run = subprocess.run(
        ["node", str(PARSE_M), str(tools)],
        input=json.dumps(expressions),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(run.stdout)
    return found


def microsoft(tools: Path, model: Path) -> dict[str, Any]:
    """What the modeling server answers when it is told to open a model's folder; it only reads."""
    call = {"name": "connection_operations", "arguments": {"request": {"operation": "ConnectFolder"}}}
    call["arguments"]["request"]["folderPath"] = str(model / "definition")  # type: ignore[index]
    client = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
    process = subprocess.Popen(
        ["node", str(tools / SERVER), "--start", "--readonly"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
    )
    assert process.stdin
    assert process.stdout
    try:
        for message in (
            {"id": 1, "method": "initialize", "params": client},
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/call", "params": call},
        ):
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()
            while "id" in message and (answer := json.loads(process.stdout.readline())).get("id") != message["id"]:
                pass
    finally:
        process.kill()
        process.wait()
    found: dict[str, Any] = answer["result"]
    return found

"""What is in the pages, read as text: nothing personal, all explained, small, sound where a shop has little."""

from __future__ import annotations

import html
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from deltalake import write_deltalake

from bi.dashboards import campaign, executive, retention, site
from bi.dashboards.gold import Gold
from lakehouse import pipeline
from lakehouse.catalog import TableName
from lakehouse.settings import DBT_PROJECT
from tests.delta import query

CSS = (site.FOLDER / "assets" / "site.css").read_text()
MARTS = DBT_PROJECT / "models" / "marts"
LIMIT = 2_000_000


def personal(warehouse: Path) -> set[str]:
    """Every name, address and number that the shop knows, consent given or not."""
    rows = query(warehouse, "select full_name, email, phone from silver__customer_contacts")
    return {value for row in rows for value in row.values() if value}


def leaks(folder: Path, secrets: set[str]) -> list[str]:
    """Which of them stand in a page of the site, or in the data within it."""
    found = []
    for path in folder.rglob("*.html"):
        text = html.unescape(path.read_text(encoding="utf-8"))
        found += [f"{path.name}: {secret}" for secret in secrets if secret in text]
    return found


@pytest.mark.slow
def test_nothing_personal_is_on_the_site(scored: Path, tmp_path: Path) -> None:
    secrets = personal(scored / "warehouse")
    assert len(secrets) > 100
    assert leaks(scored / "site", secrets) == []
    assert len(list((scored / "site" / "quality").rglob("*.html"))) > 1
    (tmp_path / "page.html").write_text(f"<p>{next(iter(secrets))}</p><p>Sant&#39;Ana</p>")
    assert len(leaks(tmp_path, {*secrets, "Sant'Ana"})) == 2


@pytest.mark.slow
def test_every_chart_is_explained_and_is_a_table_too(scored: Path) -> None:
    for page in ("index", "executive", "retention", "lineage"):
        text = (scored / "site" / f"{page}.html").read_text()
        assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text), page
        for figure in re.findall(r'<figure class="chart[ "].*?</figure>', text, re.DOTALL):
            # Splits of a change are tables themselves, and are explained once, below all of them.
            is_split = 'class="chart split"' in figure
            explained = () if is_split else ("How to read this.", "Source: gold.")
            for needed in ("<h3>", 'class="unit"', "<table", *explained):
                assert needed in figure, f"{page}: {needed} lacks in {figure[:200]}"
            if "data-chart" in figure:
                assert "The figures as a table" in figure, f"no table beside {figure[:200]}"
    assert 'class="chart split"' in (scored / "site" / "executive.html").read_text()
    assert (scored / "site" / "dbt_docs.html").exists()
    assert list((scored / "site" / "data").glob("*.parquet"))


@pytest.mark.slow
def test_targets_are_shown_only_where_somebody_set_one(scored: Path, untrained: Path) -> None:
    text = (scored / "site" / "executive.html").read_text()
    assert len(re.findall(r'class="target', text)) == 1
    assert "Target R$ 1,000" in text
    assert 'class="target' not in (untrained / "executive.html").read_text()


def test_the_list_of_a_large_shop_is_small() -> None:
    """As many whales as Olist has, all of whom may be called, and as many words as it has categories and reasons."""
    person: dict[str, Any] = dict.fromkeys((name for name, *_ in campaign.COLUMNS), 12345.67)
    keys = ("customer_unique_id", "next_product_id", "buy_again_product_id")
    people = [
        {
            **person,
            **{key: f"{place * (turn + 1):032x}" for turn, key in enumerate(keys)},
            "campaign_group": "call",
            "campaign_id": "win-back-2018-08-19",
            "next_category": f"category {place % 70}",
            "reason_1": f"the last order was {place % 600} days ago",
            "last_contact_date": date(2018, 1, 1),
        }
        for place in range(7_800)
    ]
    assert len(site.in_script(campaign.packed(people)).encode()) < LIMIT


def test_json_cannot_end_the_script_that_holds_it() -> None:
    text = site.in_script({"name": "</script><b>\u2028", "day": date(2018, 1, 1), "value": Decimal("1.50")})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"name": "</script><b>\u2028", "day": "2018-01-01", "value": 1.5}
    with pytest.raises(ValueError, match="not JSON compliant"):
        site.in_script({"value": float("nan")})


def test_the_list_packs_texts_that_repeat_and_loses_none() -> None:
    row: dict[str, Any] = dict.fromkeys((name for name, *_ in campaign.COLUMNS), None)
    people = [
        {
            **row,
            "customer_unique_id": "ana",
            "reason_1": "two orders",
            "spend": Decimal("9.50"),
            "next_category": "toys",
        },
        {**row, "customer_unique_id": "bia", "reason_1": "two orders", "spend": Decimal(1), "next_category": None},
    ]
    packed = campaign.packed(people)
    at = {column["name"]: place for place, column in enumerate(packed["columns"])}
    one, other = packed["rows"]
    assert one[at["reason_1"]] == other[at["reason_1"]]
    assert packed["words"][one[at["reason_1"]]] == "two orders"
    assert packed["words"][one[at["next_category"]]] == "toys"
    assert other[at["next_category"]] is None
    assert [one[at["spend"]], one[at["customer_unique_id"]]] == [9.5, "ana"]


TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_type(name: str) -> pa.DataType:
    """The type of a column as its contract names it."""
    digits = re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", name)
    return pa.decimal128(int(digits[1]), int(digits[2])) if digits else TYPES[name]


@pytest.fixture
def empty(tmp_path: Path) -> Gold:
    """The marts of a shop in which nothing has happened yet: by their contracts, without rows."""
    contracts = {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for folder in ("gold", "marts")
        for path in (DBT_PROJECT / "models" / folder).glob("*.yml")
        for model in yaml.safe_load(path.read_text())["models"]
    }
    [seed] = yaml.safe_load((DBT_PROJECT / "seeds" / "executive_targets.yml").read_text())["seeds"]
    contracts[seed["name"]] = seed["config"]["column_types"]
    for name, columns in contracts.items():
        schema = pa.schema([(column, arrow_type(kind)) for column, kind in columns.items()])
        write_deltalake(TableName("gold", name).path(tmp_path), schema.empty_table())
    return Gold(tmp_path)


def test_a_shop_that_has_just_opened_has_pages_too(empty: Gold) -> None:
    manifest_columns = re.findall(r"- name: (\w+)", (MARTS / "report_status.yml").read_text())
    status: dict[str, Any] = dict.fromkeys(manifest_columns) | dict.fromkeys(
        ("customers", "repeat_customers", "whales_at_risk", "people_at_reporting_date"), 0
    )
    status |= {"as_of_date": date(2018, 1, 3), "reporting_date": date(2018, 1, 3)}
    for name, page in (("executive", executive), ("retention", retention)):
        text = site.render(name, name, status, page.context(empty, status), has_lineage=False)
        assert "No week is complete yet" in text
        assert "data-chart" not in text
        assert text.count('class="none"') >= 5
        assert "None" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("pages", [True, False])
def test_a_whole_run_ends_with_the_pages(warehouse: Path, monkeypatch: pytest.MonkeyPatch, pages: bool) -> None:
    steps: list[str] = []

    def noted(name: str) -> Any:
        return lambda *_, **__: steps.append(name)

    monkeypatch.setattr("lakehouse.acceptance.check", noted("check"))
    for step in ("ingest", "score", "build", "site"):
        monkeypatch.setattr(pipeline, f"_{step}_step", noted(step))
    list(pipeline.run("olist", [], "local", warehouse, lambda *_: None, pages=pages))
    assert steps == ["check", "ingest", "build", "build", "score", "build", *(["site"] if pages else [])]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1])
def test_text_stands_off_its_ground(theme: int) -> None:
    """WCAG 2.2 asks for 4.5 to 1 of text, and 3 to 1 of what a chart draws."""
    block = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[theme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for ground in ("panel", "ground", "soft"):
        for text in ("text", "muted", "accent", "good", "bad"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    for mark in ("accent", "second", "third"):
        assert contrast(mark, "panel") >= 3, mark

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

from bi.dashboards import campaign, cards, executive, lineage, models, retention, site, words
from bi.dashboards.gold import Gold
from bi.dashboards.words import Metric
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


def test_figures_are_written_as_people_write_them() -> None:
    assert words.money(Decimal("1034670.54"), short=True) == "R$ 1.03 M"
    assert words.money(Decimal("18164.26"), short=True) == "R$ 18 k"
    assert words.money(999_600, short=True) == "R$ 1.00 M"
    assert words.money(999_400, short=True) == "R$ 999 k"
    assert words.share(-0.0004) == "0.0 %"
    assert words.money(Decimal("138.385")) == "R$ 138.39"
    assert words.money(Decimal("-9714.21")) == "−R$ 9,714"
    assert words.money(None) == words.DASH
    assert words.share(Decimal("0.0623")) == "6.2 %"
    assert words.day(date(2018, 8, 19)) == "19 August 2018"


@pytest.mark.parametrize(
    ("now", "then", "unit", "better", "text", "mood"),
    [
        (Decimal(144), Decimal(100), "money", 1, "+44.0 %", "good"),
        (Decimal(90), Decimal(100), "count", 1, "−10.0 %", "bad"),
        (Decimal("0.0623"), Decimal("0.0247"), "share", -1, "+3.8 pts", "bad"),
        (Decimal("0.03104"), Decimal("0.03106"), "share", 1, "±0.0 pts", "even"),
        (Decimal("4.27"), Decimal("4.29"), "score", 1, "−0.02", "bad"),
        (Decimal("0.5"), Decimal("0.4"), "share", 0, "+10.0 pts", "even"),
        (Decimal(5), Decimal(0), "count", 1, "new", "even"),
        (Decimal(0), Decimal(0), "count", 1, "±0.0 %", "even"),
    ],
)
def test_a_change_says_how_much_and_whether_it_is_good(
    now: Decimal, then: Decimal, unit: str, better: int, text: str, mood: str
) -> None:
    delta = cards.delta(now, then, Metric("m", "M", unit, better, ""), "on previous")
    assert (delta["text"], delta["mood"]) == (text, mood)


def test_a_target_is_reached_from_the_right_side() -> None:
    late = Metric("late_delivery_rate", "Late", "share", -1, "")
    revenue = Metric("revenue", "Revenue", "money", 1, "")
    now = {"weeks": 4, "late_delivery_rate": Decimal("0.06"), "revenue": Decimal(90)}
    assert cards.card(late, now, {}, Decimal("0.05"))["target"]["mood"] == "bad"
    assert cards.card(late, now, {}, Decimal("0.06"))["target"]["mood"] == "good"
    assert cards.card(revenue, now, {}, Decimal(100))["target"]["mood"] == "bad"
    assert "target" not in cards.card(revenue, now, {})


def test_what_becomes_of_orders_is_compared_when_they_have_arrived() -> None:
    """Of the newest orders only the quick parcels have come: they would be on time, and better than ever."""
    late = Metric("late_delivery_rate", "Late", "share", -1, "Late ones.", ripens=True)
    before = {"late_delivery_rate": Decimal("0.06"), "orders": 100, "delivered_orders": 98}
    early = {"late_delivery_rate": Decimal("0.01"), "orders": 100, "delivered_orders": 60}
    ripe = {**early, "delivered_orders": 95}
    card = cards.card(late, early, {"previous": before}, Decimal("0.05"))
    assert (card["value"], card["deltas"], card["target"]["mood"]) == ("1.0 %", [], "even")
    assert card["note"] == "Late ones. Not compared yet: 60.0 % of these orders have arrived."
    card = cards.card(late, ripe, {"previous": before}, Decimal("0.05"))
    assert ([delta["mood"] for delta in card["deltas"]], card["target"]["mood"]) == (["good"], "good")
    assert card["note"] == "Late ones."
    ripening = {metric.column for group in executive.GROUPS.values() for metric in group if metric.ripens}
    assert ripening == {"late_delivery_rate", "average_review_score", "cancellation_rate"}


@pytest.mark.parametrize(
    ("revenue", "by_orders", "by_value", "text"),
    [
        (100, 0, 0, "as much as the 4 weeks before. Neither the number of orders nor what an order is worth differs"),
        (90, 30, -20, "the number of orders added R$ 30.00 and what an order is worth took R$ 20.00."),
        (
            100,
            -20,
            20,
            "as much as the 4 weeks before. Against the 4 weeks before, the number of orders took R$ 20.00",
        ),
    ],
)
def test_the_headline_claims_no_more_than_there_is(revenue: int, by_orders: int, by_value: int, text: str) -> None:
    before = {"revenue": revenue, "change_from_orders": by_orders, "change_from_order_value": by_value}
    assert text in executive.headline({"weeks": 4, "revenue": Decimal(100)}, {"previous": before})


def test_the_headline_passes_over_a_period_without_revenue() -> None:
    now = {"weeks": 4, "revenue": Decimal(80)}
    none = {"revenue": Decimal(0), "change_from_orders": Decimal(80), "change_from_order_value": Decimal(0)}
    year = {"revenue": Decimal(100), "change_from_orders": Decimal(-1), "change_from_order_value": Decimal(-19)}
    assert executive.headline(now, {"previous": none, "year_ago": year}).endswith(
        "What an order is worth made nearly all of the difference to the same 4 weeks a year before."
    )
    assert "Nothing was sold" in executive.headline(now, {"previous": none})


def test_the_headline_names_what_made_the_difference() -> None:
    now = {"weeks": 4, "revenue": Decimal(80)}
    before = {
        "revenue": Decimal(100),
        "change_from_orders": Decimal(-5),
        "change_from_order_value": Decimal(-15),
    }
    assert executive.headline(now, {"previous": before}) == (
        "The last 4 weeks brought R$ 80.00: 20.0 % less than the 4 weeks before. "
        "What an order is worth made most of the difference to the 4 weeks before."
    )
    assert executive.headline(now, {}).endswith("There is no earlier complete period to compare with yet.")


def test_the_forecast_is_said_in_words_with_its_band() -> None:
    outlook = [
        {"week": date(2018, 8, 20), "amount": Decimal(242727), "low": Decimal(188314), "high": Decimal(312864)}
    ]
    accuracy = [
        {
            "is_champion": True,
            "weeks_ahead": "all",
            "forecasts": 104,
            "band_coverage": Decimal("0.8365"),
            "wape": Decimal("0.1398"),
        }
    ]
    text = models.outlook_words(outlook, accuracy)
    assert "R$ 243 k, and in four cases of five between R$ 188 k and R$ 313 k" in text
    assert "104 forecasts" in text
    assert "83.7 %" in text
    assert models.outlook_words([], accuracy) == ""


def test_remarks_tell_of_open_weeks_and_old_scores() -> None:
    status = {
        "as_of_date": date(2018, 10, 17),
        "reporting_date": date(2018, 8, 19),
        "last_complete_week": date(2018, 8, 13),
        "churn_scored_as_of": date(2018, 8, 12),
        "forecast_as_of": None,
    }
    open_weeks, old_scores = site.remarks(status)
    assert "19 August 2018 hold too few orders" in open_weeks
    assert "risk scores are of 12 August 2018" in old_scores
    [unfinished, _] = site.remarks({**status, "as_of_date": date(2018, 8, 25)})
    assert "the week that began on 20 August 2018 is not over" in unfinished
    [thin, _] = site.remarks({**status, "as_of_date": date(2018, 8, 26)})
    assert "hold too few orders" in thin
    fresh = {**status, "as_of_date": date(2018, 8, 19), "churn_scored_as_of": date(2018, 8, 19)}
    assert site.remarks(fresh) == []
    assert "No week is complete" in site.remarks({**fresh, "last_complete_week": None})[0]


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


MANIFEST: dict[str, Any] = {
    "sources": {
        "source.bronze.orders": {
            "resource_type": "source",
            "source_name": "bronze",
            "schema": "bronze",
            "name": "orders",
            "identifier": "orders",
            "relation_name": "bronze.orders",
            "description": "Orders.",
            "columns": {"id": {"description": ""}, "paid": {"description": ""}},
        },
        "source.ml.scores": {
            "resource_type": "source",
            "source_name": "ml",
            "schema": "ml",
            "name": "scores",
            "identifier": "scores",
            "relation_name": "ml.scores",
            "description": "Scores.",
            "columns": {"id": {"description": ""}, "score": {"description": ""}},
            "config": {"meta": {"produced_by": ["brain"]}},
        },
    },
    "nodes": {
        "model.totals": {
            "resource_type": "model",
            "schema": "gold",
            "name": "totals",
            "alias": "totals",
            "relation_name": "gold.totals",
            "description": "Totals.",
            "original_file_path": "models/gold/totals.sql",
            "language": "sql",
            "depends_on": {"nodes": ["source.bronze.orders"]},
            "columns": {name: {"description": ""} for name in ("id", "total", "kind", "orders")},
            "compiled_code": """with paid as (select id, paid * 2 as twice from bronze.orders),
                both as (select id, twice, 'a' as kind from paid union all select id, paid, 'b' from bronze.orders)
                select id, sum(twice) as total, max(kind) as kind, count(*) as orders from both group by id""",
        },
        "model.mart": {
            "resource_type": "model",
            "schema": "gold",
            "name": "mart",
            "alias": "mart",
            "relation_name": "gold.mart",
            "description": "Mart.",
            "original_file_path": "models/marts/mart.sql",
            "language": "sql",
            "depends_on": {"nodes": ["model.totals", "source.ml.scores"]},
            "columns": {"worth": {"description": "What it is worth."}},
            "compiled_code": """select t.total * s.score as worth from gold.totals as t
                left join (select * from ml.scores) as s on t.id = s.id""",
        },
    },
    "exposures": {
        "exposure.brain": {
            "name": "brain",
            "label": "Brain",
            "type": "ml",
            "description": "Learns.",
            "depends_on": {"nodes": ["model.totals"]},
        },
        "exposure.page": {
            "name": "page",
            "label": "",
            "type": "dashboard",
            "description": "Shows.",
            "depends_on": {"nodes": ["model.mart"]},
        },
    },
}


def test_columns_are_traced_to_the_tables_that_their_value_hangs_on() -> None:
    """Through a common table, a union by place, a star and an alias; what rows are joined by is no part of it."""
    traced = lineage.trace([*MANIFEST["sources"].values(), *MANIFEST["nodes"].values()])
    assert traced["gold.totals"] == {
        "id": [("bronze.orders", "id")],
        "total": [("bronze.orders", "paid")],
        "kind": [],
        "orders": [],
    }
    assert traced["gold.mart"] == {"worth": [("gold.totals", "total"), ("ml.scores", "score")]}


def test_the_graph_runs_on_through_the_models() -> None:
    stages, edges, about = lineage.graph(MANIFEST)
    for edge in (
        ("olist_orders_dataset.csv", "bronze.orders"),
        ("bronze.orders", "gold.totals"),
        ("gold.totals", "model: brain"),
        ("model: brain", "ml.scores"),
        ("ml.scores", "gold.mart"),
        ("gold.mart", "reader: page"),
    ):
        assert edge in edges
    assert [node["name"] for node in stages["Gold marts"]] == ["gold.mart"]
    assert about["model: brain"] == "Learns."
    columns = lineage.context(MANIFEST)["lineage"]["columns"]
    assert columns["gold.mart"] == [["worth", ["gold.totals.total", "ml.scores.score"], "What it is worth."]]

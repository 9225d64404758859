"""The site: writes every page and what it needs, so that a folder can be opened, sent or published as it is."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

from bi.dashboards import executive, lineage, models, retention, words
from bi.dashboards.gold import Gold, Row, plain
from lakehouse.catalog import TableName
from lakehouse.errors import disk_errors_explained
from lakehouse.replacing import replacing, write_text

FOLDER = Path(__file__).parent
MENDED = {
    '<use xlink:href="{{': '<use ng-attr-xlink:href="{{',
    """href="${require('./assets/favicons/favicon.ico')}\"""": 'href="data:,"',
}
"""Addresses in dbt's page that the browser tries to load as they stand, and complains: unfilled templates."""
CHECKS = TableName("quality", "check_results")


class Extras(NamedTuple):
    """What is not in Gold and belongs on the site.

    Attributes:
        cards: model cards, Markdown by the name of the model.
        manifest: dbt's ``manifest.json``; None where dbt has not run here.
        docs: dbt's static documentation; None where it was not made.
    """

    cards: Mapping[str, str] = {}
    manifest: Mapping[str, Any] | None = None
    docs: Path | None = None


def write(warehouse: Path, site: Path, extras: Extras) -> list[Path]:
    """Write the pages of a warehouse whose marts are built.

    Args:
        warehouse: the folder of the tables, which are read without an engine.
        site: the folder to write to; what other steps wrote there stays.
        extras: what is not in Gold.

    Returns:
        The pages, the first page first.

    Raises:
        LakehouseError: a mart is not there, or the disk is full or read-only.
    """
    gold = Gold(warehouse)
    status = gold.rows("select * from gold__report_status")[0]
    contexts: dict[str, Mapping[str, Any]] = {
        "executive": executive.context(gold, status),
        "retention": retention.context(gold, status),
    }
    if extras.manifest:
        contexts["lineage"] = lineage.context(extras.manifest)
    has_lineage = "lineage" in contexts
    pages = {
        f"{name}.html": render(name, name, status, shown, has_lineage=has_lineage) for name, shown in contexts.items()
    }
    for model, text in extras.cards.items():
        card = {
            "title": f"Model card: {model}",
            "text": MarkdownIt("commonmark", {"html": False}).enable("table").render(text),
        }
        pages[f"model_card_{model}.html"] = render(model, "card", status, card, has_lineage=has_lineage)
    first = {
        "tiles": _tiles(status, site, extras),
        "runs": _runs(gold),
        "quality": (site / "quality" / "index.html").exists(),
        "models": models.model_table(gold),
        "untrained": models.UNTRAINED,
        "cards": [{"href": f"model_card_{model}.html", "title": model} for model in extras.cards],
    }
    pages["index.html"] = render("index", "index", status, first, has_lineage=has_lineage)
    with disk_errors_explained(site):
        site.mkdir(parents=True, exist_ok=True)
        for stale in site.glob("model_card_*.html"):
            stale.unlink()
        for name, text in pages.items():
            write_text(site / name, text)
        _write_assets(site / "assets")
        if extras.docs:
            text = extras.docs.read_text(encoding="utf-8")
            for broken, whole in MENDED.items():
                text = text.replace(broken, whole)
            write_text(site / "dbt_docs.html", text)
    return [site / name for name in sorted(pages, key=lambda name: (name != "index.html", name))]


def render(name: str, template: str, status: Row, shown: Mapping[str, Any], *, has_lineage: bool) -> str:
    """A page as HTML.

    Args:
        name: of the page, which the navigation marks as the one that is open.
        template: its name without the ending.
        status: the row of ``gold.report_status``.
        shown: what the template asks for.
        has_lineage: whether there is a page of lineage to lead to.
    """
    found = _environment().get_template(f"{template}.html.j2")
    return found.render(here=name, status=status, remarks=remarks(status), has_lineage=has_lineage, **shown)


def remarks(status: Row) -> list[str]:
    """What a reader must know first: data after the last complete week, scores that are older than the report."""
    said = []
    if status["last_complete_week"] is None:
        said.append("No week is complete yet: the shop is too young, or its orders have stopped.")
    elif status["as_of_date"] > status["reporting_date"]:
        after = status["reporting_date"] + timedelta(days=1)
        said.append(
            f"The data reach {words.day(status['as_of_date'])}; the week that began on {words.day(after)} is not "
            "over. It is left out of everything that compares."
            if status["as_of_date"] < after + timedelta(days=6)
            else f"The data reach {words.day(status['as_of_date'])}, but the weeks after "
            f"{words.day(status['reporting_date'])} hold too few orders to be "
            "complete. They are left out of everything that compares."
        )
    for what, column in (("risk scores", "churn_scored_as_of"), ("forecast", "forecast_as_of")):
        if status[column] is not None and status[column] < status["reporting_date"]:
            said.append(
                f"The {what} are of {words.day(status[column])}, older than this report. Run lakehouse score all."
            )
    return said


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = words.day
    environment.filters["json"] = in_script
    return environment


def in_script(value: Any) -> str:
    """JSON that cannot end the script that it stands in."""
    text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _write_assets(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for asset in (FOLDER / "assets").iterdir():
        with replacing(folder / asset.name) as new:
            shutil.copyfile(asset, new)
    bundle = folder / "charts.js"
    head = (
        f"/* Vega, Vega-Lite and Vega-Embed (BSD 3-Clause), bundled by vl-convert {version('vl-convert-python')} */\n"
    )
    # Bundling takes seconds and hangs on the version alone.
    if not (bundle.exists() and bundle.read_text(encoding="utf-8").startswith(head)):
        import vl_convert

        write_text(bundle, head + vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _tiles(status: Row, site: Path, extras: Extras) -> list[dict[str, str]]:
    tiles = [
        {
            "href": "executive.html",
            "title": "Executive Control Tower",
            "text": "How the shop does against the weeks before and a year before, why, where, and what the next "
            "weeks bring.",
            "figure": words.count(status["customers"]),
            "note": "customers so far",
        },
        {
            "href": "retention.html",
            "title": "Customer Retention Center",
            "text": "Which big spenders stay away, who is likely to buy again, whom to call and with what.",
            "figure": words.count(status["whales_at_risk"]),
            "note": "whales at risk",
        },
    ]
    if extras.manifest:
        tiles.append(
            {
                "href": "lineage.html",
                "title": "Lineage",
                "text": "From the delivered file to the dashboard, table by table and column by column.",
            }
        )
    if extras.docs or (site / "dbt_docs.html").exists():
        tiles.append(
            {
                "href": "dbt_docs.html",
                "title": "dbt docs",
                "text": "Every table and column described, with its tests and its code.",
            }
        )
    if (site / "quality" / "index.html").exists():
        tiles.append(
            {
                "href": "quality/index.html",
                "title": "Data quality",
                "text": "What was checked between the layers, and what was found.",
            }
        )
    return tiles


def _runs(gold: Gold) -> dict[str, Any]:
    heads = ["Layer", "Checked", "Checks and tests", "Passed", "Warned", "Failed", "Unknown"]
    rows = []
    if gold.has(CHECKS):
        statuses = ", ".join(
            f"sum(case when status = '{status}' then 1 else 0 end) as {status}"
            for status in ("passed", "warned", "failed", "unknown")
        )
        rows = gold.rows(
            f"""with newest as (select layer, max(run_id) as run_id from quality__check_results group by layer)
            select c.layer, max(c.checked_at) as checked_at, count(*) as checks, {statuses}
            from quality__check_results c inner join newest n on c.layer = n.layer and c.run_id = n.run_id
            group by c.layer"""
        )
    order = ("bronze", "silver", "gold", "ml", "marts")
    rows.sort(key=lambda row: order.index(row["layer"]))
    counted: Sequence[str] = ("checks", "passed", "warned", "failed", "unknown")
    return {
        "caption": "The newest run of each layer",
        "heads": heads,
        "rows": [
            (row["layer"], f"{row['checked_at']:%Y-%m-%d %H:%M} UTC", *(words.count(row[name]) for name in counted))
            for row in rows
        ],
    }

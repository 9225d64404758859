"""The pages in a real browser: they open, they show what is in Gold, and they can be used by everybody."""

from __future__ import annotations

import csv
import io
import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.delta import query
from tests.pages.conftest import PHONE, Open

pytestmark = pytest.mark.slow

PAGES = ("index.html", "executive.html", "retention.html", "lineage.html", "dbt_docs.html")


def number(text: str) -> Decimal:
    """A figure as a page writes it: ``R$ 1,034,671`` is 1034671."""
    return Decimal(re.sub(r"[^0-9.−-]", "", text).replace("−", "-"))


@pytest.mark.parametrize(("size", "theme"), [((1440, 900), "light"), (PHONE, "dark")])
def test_every_page_opens_without_a_fault_and_fits_the_screen(
    scored: Path, open_page: Open, size: tuple[int, int], theme: str
) -> None:
    for name in PAGES:
        opened = open_page(scored / "site" / name, size, theme)
        assert opened.wrong == [], name
        if name != "dbt_docs.html":
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0], name
        plots = opened.page.locator(".plot:visible")
        drawn = opened.page.locator(".plot:visible :is(svg, canvas)")
        assert drawn.count() == plots.count(), name


def test_what_goes_wrong_on_a_page_is_noticed(open_page: Open, tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text(
        "<body data-ready=true><script>console.error('oh'); fetch('http://127.0.0.1:9/').catch(() => 0); "
        "setTimeout(() => missing())</script>"
    )
    opened = open_page(page)
    opened.page.wait_for_timeout(200)
    assert {line.split(":")[0] for line in opened.wrong} == {"console", "fault", "request"}


def test_the_pages_of_a_shop_without_models_say_so(untrained: Path, open_page: Open) -> None:
    for name in ("index.html", "executive.html", "retention.html"):
        opened = open_page(untrained / name)
        assert opened.wrong == [], name
        assert "model has" in opened.page.inner_text("main"), name
        assert opened.page.get_by_role("link", name="Lineage").count() == 0, "there is no such page"
    assert not (untrained / "lineage.html").exists()


def test_a_model_card_is_a_page_of_its_own(untrained: Path, open_page: Open) -> None:
    opened = open_page(untrained / "index.html", PHONE)
    opened.page.get_by_role("link", name="Model card: churn").click()
    assert opened.page.locator("td").all_inner_texts() == ["AUC", "0.6"]
    assert "<script>alert(1)</script>" in opened.page.inner_text("main")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert opened.wrong == []


def test_one_chart_that_cannot_be_drawn_stops_no_other(untrained: Path, open_page: Open, tmp_path: Path) -> None:
    site = Path(shutil.copytree(untrained, tmp_path / "site"))
    page = site / "executive.html"
    page.write_text(re.sub(r'(id="revenue-spec">).*?(</script>)', r"\1nonsense\2", page.read_text(), flags=re.DOTALL))
    opened = open_page(page)
    assert opened.page.inner_text("[data-chart=revenue-spec]") == "This chart could not be drawn."
    assert (
        opened.page.locator(".plot:visible :is(svg, canvas)").count()
        == opened.page.locator(".plot:visible").count() - 1
    )
    assert all(line.startswith("console:") for line in opened.wrong)


def test_an_address_that_is_cut_off_opens_the_lineage_all_the_same(scored: Path, open_page: Open) -> None:
    opened = open_page(scored / "site" / "lineage.html")
    opened.page.goto("about:blank")
    opened.page.goto((scored / "site" / "lineage.html").as_uri() + "#%E0")
    opened.page.wait_for_selector("body[data-ready=true]")
    assert opened.wrong == []


def test_the_cards_are_what_gold_says(scored: Path, open_page: Open) -> None:
    opened = open_page(scored / "site" / "executive.html")
    rows = query(scored / "warehouse", "select * from gold__executive_overview where period = 'current'")
    assert len(rows) >= 2
    for row in rows:
        opened.page.click(f"label[for=weeks-{row['weeks']}]")
        panel = opened.page.locator(f".panel[data-weeks='{row['weeks']}']")
        assert panel.is_visible()
        assert opened.page.locator(".panel:visible").count() == 1
        opened.page.wait_for_function(
            "[...document.querySelectorAll('.plot')]"
            ".every(plot => plot.offsetParent === null || plot.querySelector('svg')?.clientWidth > 100)"
        )
        cards = {
            card.get_attribute("data-card"): card.locator("data").get_attribute("value")
            for card in panel.locator(".card").all()
        }
        shared = cards.keys() & row.keys()
        assert len(shared) == 12
        for column in shared:
            assert cards[column] == ("" if row[column] is None else str(row[column])), column
        status = query(scored / "warehouse", "select revenue_at_risk from gold__report_status")[0]
        outlook = query(
            scored / "warehouse", "select sum(forecast) as total from gold__revenue_outlook where level = 'total'"
        )[0]
        assert Decimal(str(cards["revenue_at_risk"])) == status["revenue_at_risk"]
        assert Decimal(str(cards["forecast"])) == outlook["total"]
    assert opened.wrong == []


def test_charts_hold_what_gold_says(scored: Path, open_page: Open) -> None:
    """The figures in the chart as the browser has drawn it, after Vega has read and filtered them."""
    page = open_page(scored / "site" / "executive.html").page
    weeks = query(
        scored / "warehouse",
        "select sum(revenue) as r, count(*) as n from gold__weekly_performance where is_complete",
    )[0]
    marks = drawn(page, "revenue-spec")
    actual = [row for row in marks if row.get("kind") == "Revenue"]
    assert len(actual) == weeks["n"]
    assert sum(row["amount"] for row in actual) == pytest.approx(float(weeks["r"]))
    states = query(
        scored / "warehouse",
        """select member, revenue from gold__sales_breakdown where weeks = 4 and dimension = 'state'
        order by revenue desc, member""",
    )
    bars = {row["name"]: row["amount"] for row in drawn(page, "state-4-spec")}
    assert bars == {row["member"]: float(row["revenue"]) for row in states[:12]}
    table = page.locator("#state-4 table tbody tr").evaluate_all("rows => rows.map(row => row.cells[1].textContent)")
    assert [number(cell) for cell in table] == [round(row["revenue"]) for row in states]

    page = open_page(scored / "site" / "retention.html").page
    segments = query(scored / "warehouse", "select segment, people from gold__segment_summary")
    shown = {
        line.get_attribute("data-segment"): number(str(line.locator("td").first.inner_text()).split("\n")[0])
        for line in page.locator("[data-segment]").all()
    }
    assert shown == {row["segment"]: row["people"] for row in segments}
    whales = query(scored / "warehouse", "select count(*) as n from gold__retention_campaign")[0]["n"]
    assert sum("expected" in row for row in drawn(page, "whales-spec")) == whales


def drawn(page: Any, chart: str) -> list[dict[str, Any]]:
    """The rows behind the marks of a chart, each once, however many marks show it."""
    rows: list[dict[str, Any]] = page.evaluate(
        """name => {
            const rows = new Set();
            const walk = (mark) => {
                for (const item of mark.items ?? []) {
                    if (mark.marktype === "group") (item.items ?? []).forEach(walk);
                    else if (mark.role === "mark" && item.datum) rows.add(JSON.stringify(item.datum));
                }
            };
            walk(document.querySelector(`[data-chart="${name}"]`).view.scenegraph().root);
            return [...rows].map((row) => JSON.parse(row));
        }""",
        chart,
    )
    return rows


def test_the_call_list_sorts_finds_and_exports_what_gold_holds(scored: Path, open_page: Open) -> None:
    opened = open_page(scored / "site" / "retention.html")
    page = opened.page
    reachable = query(
        scored / "warehouse",
        "select * from gold__retention_campaign where is_reachable order by spend desc, customer_unique_id",
    )
    assert len(reachable) > 2
    page.select_option("[data-filter]", "all")
    page.get_by_role("button", name="Spent, R$").click()
    first = page.locator("[data-list] tbody tr").first.locator("td")
    assert number(first.nth(2).inner_text()) == reachable[0]["spend"]
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Spent")

    page.fill("[data-search]", reachable[1]["customer_unique_id"])
    assert page.inner_text("[data-count]") == "1 people"
    page.fill("[data-search]", "")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert download.value.suggested_filename == f"{reachable[0]['campaign_id']}.csv"
    assert {row["customer_unique_id"] for row in rows} == {row["customer_unique_id"] for row in reachable}
    by_person = {row["customer_unique_id"]: row for row in rows}
    for row in reachable:
        got = by_person[row["customer_unique_id"]]
        assert Decimal(got["spend"]) == row["spend"]
        for column in ("campaign_group", "next_product_id", "buy_again_product_id", "reason_1"):
            assert got[column] == (row[column] or ""), column
        for flag in ("is_within_cap", "is_compared"):
            assert got[flag] == str(row[flag]).lower()
    page.select_option("[data-filter]", "control")
    control = sum(row["campaign_group"] == "control" for row in reachable)
    assert number(page.inner_text("[data-count]")) == control
    assert opened.wrong == []


def test_a_customer_is_opened_and_closed_by_keyboard(scored: Path, open_page: Open) -> None:
    page = open_page(scored / "site" / "retention.html").page
    page.select_option("[data-filter]", "all")
    page.locator("[data-list] tbody button").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog").is_visible()
    assert "repurchase probability" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_a_spreadsheet_runs_no_cell_of_the_file(scored: Path, open_page: Open) -> None:
    page = open_page(scored / "site" / "retention.html").page
    cells = page.evaluate("""['=1+1', '-2', '@x', 'a,"b"', null, 3].map(csvCell)""")
    assert cells == ["'=1+1", "-2", "'@x", '"a,""b"""', "", "3"]


def test_charts_follow_the_theme(scored: Path, open_page: Open) -> None:
    page = open_page(scored / "site" / "executive.html").page
    colour = "getComputedStyle(document.querySelector('#revenue svg text')).fill"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{colour} !== {light!r}")


def test_the_lineage_joins_the_file_and_the_dashboard_across_the_models(scored: Path, open_page: Open) -> None:
    opened = open_page(scored / "site" / "lineage.html")
    page = opened.page
    page.fill("#find", "churn_scores")
    looked_at_before = page.evaluate("history.length")
    page.locator("[data-node='ml.churn_scores']").click()
    for name in (
        "olist_orders_dataset.csv",
        "bronze.orders",
        "gold.churn_examples",
        "model: churn_model",
        "gold.customer_risk",
        "reader: customer_retention_center",
    ):
        assert page.locator(f"[data-node='{name}']").get_attribute("data-on") == "near", name
    assert page.locator("[data-node='gold.dim_date']").get_attribute("data-on") is None
    assert page.locator(".graph path").count() > 10
    page.locator("[data-node='gold.customer_risk']").click()
    expected = page.locator("#about tr", has_text="expected_basket").first.inner_text()
    assert "gold.churn_examples.spend" in expected
    # Back leads to where one came from, not through all that was looked at.
    assert page.url.endswith("#gold.customer_risk")
    assert page.evaluate("history.length") == looked_at_before
    assert opened.wrong == []

"""Two sites over the small shop, with scores and without, and one browser for all tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bi.dashboards import site as dashboards
from tests.conftest import Once, need
from tests.runs import command
from tests.scored import scored_warehouse as scored_warehouse

DESK, PHONE = (1440, 900), (390, 844)
CARD = """# Churn\n\n| metric | value |\n|---|---|\n| AUC | 0.6 |\n\n<script>alert(1)</script>\n"""
CHROMIUM = shutil.which("chromium")


class Opened(NamedTuple):
    """A page in the browser, and what went wrong while it was opened or used: console messages, faults, requests."""

    page: Any
    wrong: list[str]


Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def scored(scored_warehouse: Path, once: Once) -> Path:
    """The folder of a warehouse with scores, its site beside it, made by ``lakehouse site``."""

    def fill(folder: Path) -> None:
        shutil.copytree(scored_warehouse.parent, folder, dirs_exist_ok=True)
        # Its pages quote rows that they found wrong; what the checks say of this shop is not asked here.
        command(folder / "warehouse", "validate")
        assert list((folder / "site" / "quality").rglob("*.html"))
        run = command(folder / "warehouse", "site")
        assert run.returncode == 0, run.stdout + run.stderr
        assert str(folder / "site" / "index.html") in run.stdout

    return once("pages_scored", fill)


@pytest.fixture(scope="session")
def untrained(shop_warehouse: Path, once: Once) -> Path:
    """The site of a warehouse in which no model has ever been trained, and a model card from elsewhere."""
    extras = dashboards.Extras({"churn": CARD})
    return once("pages_untrained", lambda folder: dashboards.write(shop_warehouse, folder, extras))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium; nothing is downloaded."""
    need(CHROMIUM is not None, "REQUIRE_CHROMIUM", "no chromium was found: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Opens a page of a site and waits until it says that it is ready."""
    contexts = []

    def open_(path: Path, size: tuple[int, int] = DESK, theme: str = "light") -> Opened:
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, timezone_id="America/Sao_Paulo"
        )
        contexts.append(context)
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"fault: {error}"))
        page.on("request", lambda request: None if _is_here(request.url) else wrong.append(f"request: {request.url}"))
        page.goto(path.as_uri())
        theirs = path.name == "dbt_docs.html"
        page.wait_for_selector("text=Which grain?" if theirs else "body[data-ready=true]", timeout=60_000)
        return Opened(page, wrong)

    yield open_
    for context in contexts:
        context.close()


def _is_here(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))

"""Pages that people read: ``site/quality/index.html``, and Great Expectations' own Data Docs of each suite beside it.

Its pages load scripts, styles and pictures from a dozen hosts. Those are taken out, and a small style sheet takes
their place, so that a page shows the same on a machine without a network and tells nobody that it was opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from expectations.suites import LAYERS
from lakehouse.replacing import write_text

REMOTE = re.compile(
    r"<(script|footer)\b[^>]*>.*?</\1>|<(link|img)\b[^>]*>|[\w-]+:\s*url\([^)]*\);?", re.DOTALL | re.IGNORECASE
)
NOWHERE = re.compile(r'<a href="(?:\.\./)+[^"]*"\s*>(.*?)</a>', re.DOTALL)
"""Links to pages of a site as Great Expectations lays it out, which this one is not."""
STYLE = """<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left; vertical-align: top }
code { background: #f3f3f3; overflow-wrap: anywhere }
.failed, .text-danger { color: #b00020 } .warned { color: #9a5b00 } .passed, .text-success { color: #1b6e2c }
.unknown { color: #555 } .failed, .warned { font-weight: 600 }
.trend td, .trend th { width: auto; padding: .1rem .35rem; font-weight: 400; text-align: center }
.trend th { text-align: left } .trend { width: auto } .trend .failed { background: #fbe3e6 }
.trend .warned { background: #fdf1dc }
.modal, nav, .col-lg-2, .collapse { display: none } .collapse:target { display: block }
.fa-check-circle::before { content: '✓' } .fa-times::before { content: '✗' }
.fa-exclamation-triangle::before { content: '!' }
</style>"""
MARKS = {"failed": "✗ failed", "warned": "! warned", "passed": "✓ passed", "unknown": "? unknown"}
COLUMNS = ("check", "status", "observed", "expected", "why", "sample")


def index(site: Path) -> Path:
    """Where the first page is."""
    return site / "quality" / "index.html"


def write(
    site: Path,
    layer: str,
    judged: Mapping[str, ExpectationSuiteValidationResult],
    newest: Iterable[dict[str, Any]],
    trend: Sequence[dict[str, Any]],
) -> None:
    """Write the pages of suites that were judged, and the first page anew.

    Args:
        site: the folder of all pages.
        layer: of the suites.
        judged: what Great Expectations says, by suite.
        newest: as :func:`expectations.results.newest` gives it.
        trend: as :func:`expectations.results.trend` gives it.
    """
    folder = index(site).parent / layer
    folder.mkdir(parents=True, exist_ok=True)
    for suite, result in judged.items():
        write_text(folder / f"{suite}.html", _suite_page(result))
    write_text(index(site), _index_page(list(newest), trend, index(site).parent))


@cache
def _view() -> DefaultJinjaPageView:
    """One for all pages: each view compiles its templates anew, which takes most of a page's time."""
    return DefaultJinjaPageView()


def _suite_page(result: ExpectationSuiteValidationResult) -> str:
    # The renderer stumbles over numpy's numbers; as JSON there are none.
    plain = expectationSuiteValidationResultSchema.load(json.loads(json.dumps(result.to_json_dict())))
    page = _view().render(ValidationResultsPageRenderer().render(plain))
    page = NOWHERE.sub(r"\1", REMOTE.sub("", page)).replace("</head>", f"{STYLE}</head>", 1)
    return re.sub(r"(<body[^>]*>)", r"\1<p><a href='../index.html'>Data quality</a></p>", page, count=1)


def _index_page(rows: list[dict[str, Any]], trend: Sequence[dict[str, Any]], folder: Path) -> str:
    parts = ["<h1>Data quality</h1>", "<p>The newest run of each layer. A failed check stopped its step.</p>"]
    parts.append(f"<h2>Trend</h2>{_trend(trend)}")
    for layer in sorted({row["layer"] for row in rows}, key=LAYERS.index):
        of_layer = [row for row in rows if row["layer"] == layer]
        parts.append(f"<h2 id='{layer}'>{layer.title()}: {_counted(of_layer)}</h2>")
        checks = [row for row in of_layer if row["kind"] == "expectation"]
        tests = [row for row in of_layer if row["kind"] == "dbt"]
        for suite, of_suite in groupby(sorted(checks, key=lambda row: row["suite"]), key=lambda row: row["suite"]):
            name = escape(f"{layer}.{suite}")
            if (folder / layer / f"{suite}.html").exists():
                name = f"<a href='{layer}/{escape(suite)}.html'>{name}</a>"
            parts.append(f"<h3>{name}</h3>{_table(of_suite)}")
        if tests:
            unsound = _table(row for row in tests if row["status"] != "passed")
            parts.append(f"<h3>dbt tests of {layer}: {_counted(tests)}</h3>{unsound}")
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Data quality</title>{STYLE}</head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _trend(rows: Sequence[dict[str, Any]]) -> str:
    """A line per layer and dimension, a column per run: how many checks failed or warned."""
    runs = sorted({row["run_id"] for row in rows})
    cells = {(row["layer"], row["dimension"], row["run_id"]): row for row in rows}
    lines = []
    for layer in sorted({row["layer"] for row in rows}, key=LAYERS.index):
        for dimension in sorted({row["dimension"] for row in rows if row["layer"] == layer}):
            of_runs = "".join(_trend_cell(cells.get((layer, dimension, run))) for run in runs)
            lines.append(f"<tr><th>{layer} {dimension}</th>{of_runs}</tr>")
    return (
        "<p>One column a run, the newest on the right: checks that failed, and in brackets those that warned. "
        f"A dot: all held.</p><table class='trend'>{''.join(lines)}</table>"
    )


def _trend_cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "<td></td>"
    mark = "failed" if row["failed"] else "warned" if row["warned"] else "passed"
    words = " ".join([str(row["failed"] or ""), f"({row['warned']})" if row["warned"] else ""]).strip() or "·"
    return f"<td class='{mark}' title='{row['run_id']}: {row['checks']} checks'>{words}</td>"


def _table(rows: Iterable[dict[str, Any]]) -> str:
    lines = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(row))}</tr>" for row in rows]
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>" if lines else ""


def _cells(row: dict[str, Any]) -> list[str]:
    name, observed, expected, why = (escape(row[column]) for column in ("check_name", "observed", "expected", "why"))
    status = f"<span class='{row['status']}'>{MARKS[row['status']]}</span> ({row['severity']})"
    sample = "" if row["sample"] == "[]" else f"<code>{escape(row['sample'])}</code>"
    return [name, status, observed, expected, why, sample]


def _counted(rows: Iterable[dict[str, Any]]) -> str:
    statuses = [row["status"] for row in rows]
    return ", ".join(f"{statuses.count(status)} {status}" for status in MARKS if status in statuses)

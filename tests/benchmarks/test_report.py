"""The page says what the results say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks import report, results

ABOUT = {
    "day": "2026-01-01",
    "machine": "2 × processor",
    "load": 0.1,
    "shared": False,
    "python": "3.12",
    "versions": {},
}


def test_the_committed_page_is_that_of_the_committed_results() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page()


def test_another_result_gives_another_page(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    shutil.copytree(results.FOLDER, folder)
    assert report.page(folder) == report.page()
    line = {"what": "ALS by implicit", "seconds": 12345.0, "orders": 1}
    results.add("models", ("what",), [line], ABOUT, folder)
    assert "12,345" in report.page(folder)


def test_a_part_that_was_not_measured_is_no_error(tmp_path: Path) -> None:
    assert "(not measured)" in report.page(tmp_path)


def test_a_newer_result_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    for seconds in (1.0, 2.0):
        results.add("growth", ("scale", "what"), [{"scale": 1, "what": "build", "seconds": seconds}], ABOUT, tmp_path)
    results.add("growth", ("scale", "what"), [{"scale": 10, "what": "build", "seconds": 3.0}], ABOUT, tmp_path)
    assert [line["seconds"] for line in results.read("growth", tmp_path)] == [2.0, 3.0]
    assert all(json.loads(line) for line in (tmp_path / "growth.jsonl").read_text(encoding="utf-8").splitlines())


def test_figures_are_compared_by_their_growth(tmp_path: Path) -> None:
    for scale, seconds in ((1, 10.0), (10, 200.0), (100, 2000.0)):
        line = {"scale": scale, "target": "local", "drop": "all before", "what": "build"}
        figures = {"seconds": seconds, "cpu_seconds": seconds, "peak_mb": 100.0}
        results.add("growth", ("scale", "what"), [{**line, **figures}], ABOUT, tmp_path)
    said = report.exponents(results.read("growth", tmp_path))
    assert "| 1 to 10 | 1.30 | 1.30 | 0.00 |" in said
    assert "| 10 to 100 | 1.00 | 1.00 | 0.00 |" in said

"""The page says what the results say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import growth, report, results

ABOUT = {
    "day": "2026-01-01",
    "machine": "2 × processor",
    "busy": 0.01,
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


def test_shops_of_different_sizes_are_not_compared(tmp_path: Path) -> None:
    for part, what, events in (("pipeline", "ours", 500), ("checks", "dbt test", 400)):
        line = {"part": "original", "what": what, "run": "first", "orders": 100, "events": events, "seconds": 1.0}
        results.add(part, ("what",), [line], ABOUT, tmp_path)
    with pytest.raises(ValueError, match=r"different sizes: \[\(100, 400\), \(100, 500\)\]"):
        report.page(tmp_path)


def test_what_shared_the_machine_has_a_star_in_every_table(tmp_path: Path) -> None:
    shutil.copytree(results.FOLDER, tmp_path, dirs_exist_ok=True)
    lines = {part: results.read(part, tmp_path) for part in report.PARTS}
    for part, of_part in lines.items():
        for place, line in enumerate(of_part):
            shared = {name: value for name, value in line.items() if name != "about"}
            results.add(part, ("place",), [{**shared, "place": place}], {**ABOUT, "shared": True}, tmp_path)
        path = tmp_path / f"{part}.jsonl"
        kept = [text for text in path.read_text(encoding="utf-8").splitlines() if '"place"' in text]
        path.write_text("\n".join(kept), encoding="utf-8")
    assert report.page(tmp_path).count(report.STAR) == sum(map(len, lines.values()))


def test_times_one_after_the_other_are_added_up() -> None:
    lines = [{"what": what, "run": "first", "seconds": seconds} for what, seconds in (("a", 18.3), ("b", 20.4))]
    assert report.together(lines, "first", "a", "b") == "38.7"
    assert report.together(lines, "first", "a", "c") == report.NOT_MEASURED


def test_a_newer_result_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    for seconds in (1.0, 2.0):
        results.add("growth", ("scale", "what"), [{"scale": 1, "what": "gold", "seconds": seconds}], ABOUT, tmp_path)
    results.add("growth", ("scale", "what"), [{"scale": 10, "what": "gold", "seconds": 3.0}], ABOUT, tmp_path)
    assert [line["seconds"] for line in results.read("growth", tmp_path)] == [2.0, 3.0]
    assert all(json.loads(line) for line in (tmp_path / "growth.jsonl").read_text(encoding="utf-8").splitlines())


def grown(folder: Path, scale: float, drop: str, seconds: float, layers: tuple[str, ...] = growth.LAYERS) -> None:
    """Put a build of all layers among the results: each took as long, and the last the most memory."""
    for place, layer in enumerate(layers, 1):
        line = {"scale": scale, "target": "local", "drop": drop, "what": layer}
        figures = {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_mb": 100.0 * place}
        results.add("growth", growth.KEY, [{**line, **figures}], ABOUT, folder)


def test_figures_are_compared_by_their_growth(tmp_path: Path) -> None:
    for scale, seconds in ((1, 10.0), (10, 200.0), (100, 2000.0)):
        grown(tmp_path, scale, "all before", seconds)
    said = report.exponents(results.read("growth", tmp_path))
    assert "| 1 to 10 | 1.30 | 1.30 | 0.00 |" in said
    assert "| 10 to 100 | 1.00 | 1.00 | 0.00 |" in said
    assert "| 1 to 100 | 1.15 | 1.15 | 0.00 |" in said


def test_a_build_is_all_its_layers(tmp_path: Path) -> None:
    grown(tmp_path, 1, "all before", 10.0)
    grown(tmp_path, 1, "a day", 1.0)
    lines = results.read("growth", tmp_path)
    assert growth.of_builds(lines)[1, "all before"] == {"seconds": 40.0, "cpu_seconds": 80.0, "peak_mb": 400.0}
    assert "| 1 | 10 % | 10 % |" in report.increment(lines)


def test_a_scale_that_was_not_finished_is_compared_with_nothing(tmp_path: Path) -> None:
    grown(tmp_path, 1, "all before", 10.0)
    grown(tmp_path, 10, "all before", 100.0, growth.LAYERS[:-1])
    lines = results.read("growth", tmp_path)
    assert growth.exponents(lines, "seconds") == {}
    assert "bronze" in report.growth_table(lines, "all before")
    assert report.growth_table(lines, "a day") == report.NOT_MEASURED

"""Requests to generate that make no sense or cannot be met, each explained."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data_generation import parts
from data_generation.generate import generate
from lakehouse import cli
from lakehouse.errors import LakehouseError
from tests.unit.generated import SMALL, small


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--source", "shopify"], "no source called 'shopify'. Choose one of: synthetic, olist."),
        (["--scale", "-1"], "--scale -1 makes no shop"),
        (["--scale", "0"], "--scale 0 makes no shop"),
        (["--scale", "nan"], "--scale nan makes no shop"),
        (["--dirt", "1.5"], "--dirt 1.5 is not a share from 0 to 1"),
        (["--dirt", "-0.1"], "--dirt -0.1 is not a share from 0 to 1"),
        (["--tracking-coverage", "2"], "--tracking-coverage 2 is not a share"),
        (["--abandonment", "1"], "--abandonment 1 is not a share from 0 to below 1"),
        (["--abandonment", "-0.1"], "--abandonment -0.1 is not a share"),
        (["--abandonment", "nan"], "--abandonment nan is not a share"),
        (["--scale", "100000"], "--scale 100000 is more than can be made"),
        (["--scale", "inf"], "--scale inf is more than can be made"),
        (["--events", "1000000000000"], "events an order are too many"),
        (["--days", "3", "--start", "9999-12-30"], "go beyond the last day of the calendar, 9999-12-31"),
        (["--events", "0"], "--events 0 makes no clickstream"),
        (["--events", "50"], "events an order are too few"),
        (["--format", "xml"], "no format called 'xml'"),
        (["--only", "orders", "--only", "refunds"], "no file to make called 'refunds'"),
        (["--days", "3"], "--days needs to know the day"),
        (["--start", "2018-01-01"], "--start is the day of the first drop"),
        (["--days", "-1", "--start", "2018-01-01"], "--days -1 is not a number of days"),
        (["--days", "2", "--start", "2001-01-01"], "On 2001-01-01 there is nothing to deliver yet"),
        (["--path", "archive.zip"], "A made-up shop is made from nothing"),
        (["--knowledge-cutoff", "2018-01-01"], "A made-up shop has no orders to be drawn from"),
        (["--source", "olist"], "--source olist needs the real shop"),
        (["--source", "olist", "--path", "nowhere.zip"], "There is nothing at nowhere.zip"),
        (
            ["--source", "olist", "--path", ".", "--days", "2", "--start", "2018-01-01"],
            "comes as it is, not day by day",
        ),
        (["--source", "olist", "--path", ".", "--scale", "2"], "A real shop is as large as it is"),
        (["--source", "olist", "--path", ".", "--only", "orders"], "no file to make called 'orders'"),
    ],
)
def test_a_request_that_makes_no_sense_is_explained(words: list[str], what: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    scale = [] if "--scale" in words or "olist" in words else ["--scale", str(SMALL)]
    outcome = CliRunner().invoke(cli.app, ["generate", "--out", str(out), *scale, *words])
    assert outcome.exit_code != 0
    assert isinstance(outcome.exception, LakehouseError), outcome.output
    assert what in str(outcome.exception)
    assert outcome.exception.mend
    assert not out.exists()


@pytest.mark.parametrize("options", [{"tracking_coverage": 1.0}, {"abandonment": 0.9}, {"events": 50}])
def test_too_few_events_are_refused_with_the_number_that_is_enough(options: dict[str, Any], tmp_path: Path) -> None:
    few = small(tmp_path / "out", only=("clickstream_events",), **options)
    with pytest.raises(LakehouseError, match="events an order are too few") as error:
        generate(few)
    found = re.fullmatch(r"Give --events (\d+) or more, or lower --tracking-.* or --abandonment\.", error.value.mend)
    assert found
    enough = int(found[1])
    with pytest.raises(LakehouseError):
        generate(replace(few, events=enough - 2))
    report = generate(replace(few, events=enough))
    assert report.rows["clickstream_events.csv"] == pytest.approx(enough, rel=0.1)


def test_too_little_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def block(*_: object) -> None:
        raise MemoryError("Unable to allocate 96 GiB")

    monkeypatch.setattr(parts, "block", block)
    with pytest.raises(LakehouseError, match=r"not enough memory .*: Unable to allocate 96 GiB\. Lower --scale"):
        generate(small(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(LakehouseError, match="is a file, not a folder"):
        generate(small(tmp_path / "out", overwrite=True))


def test_the_command_says_what_it_made(tmp_path: Path) -> None:
    words = ["generate", "--out", str(tmp_path / "out"), "--scale", "0.001", "--dirt", "0.5"]
    outcome = CliRunner().invoke(cli.app, words)
    assert outcome.exit_code == 0, outcome.output
    assert "clickstream_events.csv" in outcome.output
    assert "× duplicate" in outcome.output
    progress: list[tuple[int, int, int]] = []
    recorder: Callable[[int, int, int], None] = lambda *call: progress.append(call)  # noqa: E731
    report = generate(small(tmp_path / "again"), recorder)
    assert progress[-1][0] == progress[-1][1] == len(progress)
    assert progress[-1][2] == sum(report.rows.values())

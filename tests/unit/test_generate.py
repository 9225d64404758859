"""Generating: the same bytes from the same request, whole or not at all, and clear words for what makes no sense."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from data_generation import generate as generation
from data_generation.generate import FILES, Request, generate
from lakehouse import cli
from lakehouse.errors import LakehouseError
from lakehouse.landing import BEHAVIOUR, OLIST

SMALL = 0.01
START = date(2018, 3, 5)


def small(out: Path, **options: Any) -> Request:
    return Request(out, **{"scale": SMALL, "seed": 3, **options})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up shop; tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("generated") / "shop"
    generate(small(folder))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    path = folder / f"{FILES[table]}.csv"
    options = csv.ConvertOptions(column_types={}, strings_can_be_null=True)
    return csv.read_csv(
        path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=options
    ).to_pylist()


# --- the same request, the same bytes


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dirt": 0.1},
        {"file_format": "parquet", "dirt": 0.1},
        {"days": 3, "start": START, "dirt": 0.1},
        {"days": 3, "start": START, "file_format": "parquet"},
    ],
)
def test_workers_and_sizes_of_parts_change_no_byte(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(small(tmp_path / "one", workers=1, **options))
    for size in ("PEOPLE_A_PART", "PRODUCTS_A_PART", "PREFIXES_A_PART"):
        monkeypatch.setattr(generation, size, 271)
    generate(small(tmp_path / "many", workers=5, **options))
    assert content(tmp_path / "one") == content(tmp_path / "many")


def test_a_second_shop_is_the_same_and_another_seed_another(shop: Path, tmp_path: Path) -> None:
    generate(small(tmp_path / "again"))
    assert content(shop) == content(tmp_path / "again")
    generate(small(tmp_path / "other", seed=4))
    other = content(tmp_path / "other")
    assert all(other[path] != data for path, data in content(shop).items() if "translation" not in path)


def test_a_larger_shop_has_the_same_distributions(shop: Path, tmp_path: Path) -> None:
    generate(small(tmp_path / "large", scale=10 * SMALL, only=("orders", "order_items", "customers")))
    for table, column, bound in (
        ("orders", "order_status", 0.02),
        ("customers", "customer_state", 0.06),
        ("order_items", "order_item_id", 0.02),
    ):
        shares = []
        for folder in (shop, tmp_path / "large"):
            values = [row[column] for row in rows(folder, table)]
            shares.append({value: values.count(value) / len(values) for value in set(values)})
        apart = (
            sum(abs(shares[0].get(value, 0) - shares[1].get(value, 0)) for value in {**shares[0], **shares[1]}) / 2
        )
        assert apart < bound, table
    assert len(rows(tmp_path / "large", "orders")) == pytest.approx(10 * len(rows(shop, "orders")), rel=0.03)


# --- what is there


def test_a_delivery_has_all_its_files_and_the_truth(shop: Path) -> None:
    expected = {landing.file for landing in (*OLIST, *BEHAVIOUR)}
    truth = {"manifest.json", "people.parquet", "products.parquet", "seasons.parquet", "sessions.parquet"}
    assert {entry.name for entry in shop.iterdir()} == expected | {"truth"}
    assert {entry.name for entry in (shop / "truth").iterdir()} == truth
    for landing in (*OLIST, *BEHAVIOUR):
        header = (shop / landing.file).open().readline().strip()
        assert header == ",".join(f'"{column}"' for column in landing.columns)
    told = json.loads((shop / "truth" / "manifest.json").read_text())
    assert told["rows"]["olist_orders_dataset.csv"] == len(rows(shop, "orders"))
    assert told["request"]["seed"] == 3
    assert not {"out", "path", "workers"} & told["request"].keys()


def test_the_truth_is_of_the_files(shop: Path) -> None:
    people = pq.read_table(shop / "truth" / "people.parquet")["customer_unique_id"].to_pylist()
    assert set(people) == {row["customer_unique_id"] for row in rows(shop, "customers")}
    assert set(people) == {row["customer_unique_id"] for row in rows(shop, "customer_contacts")}
    sessions = pq.read_table(shop / "truth" / "sessions.parquet")["session_id"].to_pylist()
    assert set(sessions) == {row["session_id"] for row in rows(shop, "clickstream_events")}
    products = pq.read_table(shop / "truth" / "products.parquet")["product_id"].to_pylist()
    assert products == [row["product_id"] for row in rows(shop, "products")]


def test_parquet_holds_what_csv_holds(shop: Path, tmp_path: Path) -> None:
    generate(small(tmp_path / "parquet", file_format="parquet"))
    for name in FILES.values():
        table = pq.read_table(tmp_path / "parquet" / f"{name}.parquet")
        options = csv.ConvertOptions(column_types=table.schema, strings_can_be_null=True)
        quoted = csv.ParseOptions(newlines_in_values=True)
        assert csv.read_csv(shop / f"{name}.csv", parse_options=quoted, convert_options=options).equals(table), name


def test_only_what_is_asked_for_is_made(shop: Path, tmp_path: Path) -> None:
    generate(small(tmp_path / "some", only=("clickstream_events",)))
    assert [entry.name for entry in (tmp_path / "some").glob("*.csv")] == ["clickstream_events.csv"]
    assert filecmp.cmp(tmp_path / "some" / "clickstream_events.csv", shop / "clickstream_events.csv", shallow=False)


def test_drops_have_a_folder_a_day_and_every_day_its_files(tmp_path: Path) -> None:
    generate(small(tmp_path / "drops", days=4, start=START))
    folders = sorted(entry.name for entry in (tmp_path / "drops").iterdir())
    assert folders == ["2018-03-05", "2018-03-06", "2018-03-07", "2018-03-08", "truth"]
    first, *later = (({file.name for file in (tmp_path / "drops" / day).iterdir()}) for day in folders[:-1])
    assert first == {landing.file for landing in (*OLIST, *BEHAVIOUR)}
    daily = first - {"olist_geolocation_dataset.csv", "product_category_name_translation.csv"}
    assert later == [daily] * 3


def test_planted_faults_are_counted_and_wrong_encodings_are_no_utf_8(tmp_path: Path) -> None:
    report = generate(small(tmp_path / "dirty", dirt=0.2))
    faults = [pq.read_table(path) for path in (tmp_path / "dirty" / "truth").glob("faults_in_*.parquet")]
    assert sum(report.faults.values()) == sum(map(len, faults))
    assert report.faults["wrong encoding"] > 5
    with pytest.raises(UnicodeDecodeError):
        (tmp_path / "dirty" / "olist_order_reviews_dataset.csv").read_text(encoding="utf-8")
    for path in (tmp_path / "dirty").glob("*.csv"):
        assert path.name == "olist_order_reviews_dataset.csv" or path.read_text(encoding="utf-8")


# --- where it goes


def test_other_content_is_never_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LakehouseError, match=r"is not empty: it holds notes\.txt\..*--overwrite"):
        generate(small(tmp_path))
    assert content(tmp_path) == {"notes.txt": b"mine"}


def test_overwriting_replaces_what_was_generated_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    generate(small(out, dirt=0.1))
    (out / "notes.txt").write_text("mine")
    generate(small(out, file_format="parquet", overwrite=True))
    generate(small(tmp_path / "fresh", file_format="parquet"))
    assert content(out) == {**content(tmp_path / "fresh"), "notes.txt": b"mine"}


def test_a_request_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    generate(small(out))
    before = content(out)
    done = []

    def stop(*progress: int) -> None:
        done.append(progress)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(small(out, seed=9, overwrite=True), stop)
    assert content(out) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_full_disk_is_named_and_nothing_is_left_on_it(small_disk: Path, file_format: str) -> None:
    with pytest.raises(
        LakehouseError, match=r"no space left on the disk that holds .*Free some space, or point --out"
    ):
        generate(small(small_disk / "out", file_format=file_format))
    assert list(small_disk.iterdir()) == []


# --- what makes no sense


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

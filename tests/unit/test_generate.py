"""Generating: the same bytes from the same request, whole or not at all, and clear words for what makes no sense."""

from __future__ import annotations

import filecmp
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from data_generation import generate as generation
from data_generation.files import WORKPLACE
from data_generation.generate import generate
from data_generation.request import FILES, Request
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
    monkeypatch.setattr(generation, "EVENTS_A_PART", 700)
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


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize(("scale", "start"), [(1, "2016-09-04"), (0.1, "2016-09-20")])
def test_days_on_which_hardly_anything_happens_have_all_their_files(
    scale: float, start: str, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whose first order comes later needs not be made up to see it.
    monkeypatch.setattr(generation._Synthetic, "parts", first_parts(generation._Synthetic.parts))
    out = tmp_path / "out"
    report = generate(Request(out, scale=scale, days=1, start=date.fromisoformat(start), file_format=file_format))
    files = {Path(landing.file).stem for landing in (*OLIST, *BEHAVIOUR)}
    assert {path.stem for path in (out / start).iterdir()} == files
    assert report.rows[f"{start}/olist_order_reviews_dataset.{file_format}"] == 0
    assert report.rows[f"{start}/olist_products_dataset.{file_format}"] > 0


def first_parts(parts: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """All parts but people's, and of those the first."""

    def few(shop: Any) -> list[Any]:
        every = parts(shop)
        people = [part for part in every if getattr(part, "func", None) == shop._people]
        return [part for part in every if part not in people[1:]]

    return few


def test_events_and_contacts_come_with_the_drop_they_belong_to(tmp_path: Path) -> None:
    out = tmp_path / "drops"
    generate(small(out, days=30, start=START))
    days = sorted(entry.name for entry in out.iterdir() if entry.name != "truth")
    first_order: dict[str, str] = {}
    late = contacts = 0
    for day in days:
        for event in rows(out / day, "clickstream_events"):
            happened, received = (str(event[column])[:10] for column in ("event_timestamp", "received_at"))
            late += happened < received == day
            assert max(received, days[0]) == day
        for customer in rows(out / day, "customers"):
            first_order.setdefault(customer["customer_unique_id"], day)
        for contact in rows(out / day, "customer_contacts"):
            assert first_order[contact["customer_unique_id"]] == day
            contacts += day > days[0]
    assert late > 10
    assert contacts > 50


def test_what_is_damaged_is_in_the_drop_that_the_truth_says(tmp_path: Path) -> None:
    out = tmp_path / "dirty"
    generate(small(out, days=30, start=START, dirt=0.8, only=("clickstream_events",)))
    delivered = {
        day.name: {event["event_id"]: event for event in rows(day, "clickstream_events")}
        for day in out.iterdir()
        if day.name != "truth"
    }
    late = 0
    for fault in pq.read_table(out / "truth" / "faults_in_clickstream_events.parquet").to_pylist():
        event = delivered[fault["delivered_on"]][fault["key"]]
        if fault["kind"] == "late event":
            assert str(event["received_at"]) == fault["planted"]
            late += fault["planted"][:10] == fault["delivered_on"]
    assert late > 10


def test_a_small_shop_has_a_small_geolocation_file(shop: Path, tmp_path: Path) -> None:
    generate(small(tmp_path / "half", scale=0.5, only=("geolocation",)))
    whole = len(rows(tmp_path / "half", "geolocation"))
    assert len(rows(shop, "geolocation")) < 0.2 * whole


def test_as_many_orders_are_seen_and_carts_left_behind_as_asked_for(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "seen"
    options = {"tracking_coverage": 0.4, "abandonment": 0.5, "events": 12_000}
    generate(small(out, only=("clickstream_events", "orders"), **options))
    sessions = pq.read_table(out / "truth" / "sessions.parquet")["kind"].to_pylist()
    assert sessions.count("purchase") / len(rows(out, "orders")) == pytest.approx(0.4, abs=0.05)
    left, bought = sessions.count("abandoned"), sessions.count("purchase")
    assert left / (left + bought) == pytest.approx(0.5, abs=0.05)
    assert len(rows(out, "clickstream_events")) == pytest.approx(12_000, rel=0.05)
    asked = json.loads((out / "truth" / "manifest.json").read_text())["request"]
    assert {name: asked[name] for name in options} == options


def test_many_events_an_order_make_small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "EVENTS_A_PART", 2_000)
    most = []
    write = generation.Files.append

    def append(self: Any, path: str, schema: Any, part: bytes) -> None:
        most.append(part.count(b"\n") if path == "clickstream_events.csv" else 0)
        write(self, path, schema, part)

    monkeypatch.setattr(generation.Files, "append", append)
    generate(Request(tmp_path / "out", scale=0.001, events=40_000, only=("clickstream_events",)))
    assert sum(most) == pytest.approx(40_000, rel=0.1)
    assert max(most) < 4_000


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


def test_a_delivery_without_days_takes_the_place_of_one_with_days(tmp_path: Path) -> None:
    out = tmp_path / "out"
    generate(small(out, days=3, start=START))
    (out / "2018-03-06" / "notes.txt").write_text("mine")
    generate(small(out, overwrite=True))
    generate(small(tmp_path / "fresh"))
    assert content(out) == {**content(tmp_path / "fresh"), "2018-03-06/notes.txt": b"mine"}
    assert {entry.name for entry in out.iterdir() if entry.is_dir()} == {"truth", "2018-03-06"}


def folder_for_a_file(out: Path) -> None:
    (out / "clickstream_events.csv").unlink()
    (out / "clickstream_events.csv").mkdir()


def folder_for_an_old_file(out: Path) -> None:
    (out / "olist_orders_dataset.csv").unlink()
    (out / "olist_orders_dataset.csv").mkdir()


def file_for_the_truth(out: Path) -> None:
    for path in (out / "truth").iterdir():
        path.unlink()
    (out / "truth").rmdir()
    (out / "truth").write_text("it is out there")


def truth_elsewhere(out: Path) -> None:
    (out / "truth").rename(out.parent / "elsewhere")
    (out / "truth").symlink_to(out.parent / "elsewhere")


def manifest_says(text: str) -> Callable[[Path], object]:
    return lambda out: (out / "truth" / "manifest.json").write_text(text)


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (folder_for_a_file, "clickstream_events.csv is a folder, and a file has to be there"),
        (folder_for_an_old_file, "olist_orders_dataset.csv is a folder, and a file has to be there"),
        (file_for_the_truth, "truth is in the way: a folder has to be there"),
        (truth_elsewhere, "truth is in the way: a folder has to be there"),
        (manifest_says("{"), "manifest.json does not say what was generated"),
        (manifest_says("[]"), "manifest.json does not say what was generated"),
        (manifest_says('{"files": 3}'), "manifest.json does not say what was generated"),
        (manifest_says('{"rows": ["a"]}'), "manifest.json does not say what was generated"),
        (manifest_says('{"rows": {"../other.csv": 3}}'), "lists '../other.csv', which was never generated"),
        (manifest_says('{"rows": {"notes.txt": 3}}'), "lists 'notes.txt', which was never generated"),
        (manifest_says('{"rows": {"/etc/passwd": 3}}'), "lists '/etc/passwd', which was never generated"),
    ],
)
def test_what_is_in_the_way_is_found_before_the_work(
    spoil: Callable[[Path], object], what: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    generate(small(out, scale=0.001))
    (tmp_path / "other.csv").write_text("mine")
    (out / "notes.txt").write_text("mine")
    spoil(out)
    before = content(tmp_path)
    with pytest.raises(LakehouseError) as error:
        generate(small(out, only=("clickstream_events",), overwrite=True), lambda *_: pytest.fail("it has begun"))
    assert what in error.value.what
    assert error.value.mend
    assert content(tmp_path) == before


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    with pytest.raises(LakehouseError, match="is a link to something that is not there"):
        generate(small(tmp_path / "out", overwrite=True))
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_link_to_a_folder_is_written_through(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    generate(small(tmp_path / "out"))
    assert content(tmp_path / "real") == content(shop)


@pytest.mark.skipif(sys.platform != "linux", reason="has no such folders")
@pytest.mark.parametrize(
    ("out", "what"),
    [
        ("/proc/foo", "/proc/foo cannot be written: no such file or directory"),
        ("/dev/null/foo", "/dev/null/foo cannot be written: not a directory"),
        ("x" * 256, "cannot be written: file name too long"),
        (f"a/{'x' * 256}/b", "cannot be written: file name too long"),
    ],
)
def test_a_folder_that_cannot_be_made_is_named(
    out: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LakehouseError, match=what):
        generate(small(Path(out)))
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_looks_like_markup_is_a_name(tmp_path: Path) -> None:
    out = tmp_path / "a[" / "b]x"
    words = ["generate", "--out", str(out), "--scale", "0.001", "--only", "orders"]
    outcome = CliRunner().invoke(cli.app, words)
    assert outcome.exit_code == 0, outcome.output
    assert f"The files are in {out}" in outcome.output


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


def test_a_disk_of_its_own_can_be_written_to(small_disk: Path) -> None:
    few = small(small_disk, scale=0.001, only=("clickstream_events",))
    generate(few)
    assert {entry.name for entry in small_disk.iterdir()} == {"clickstream_events.csv", "truth"}
    generate(replace(few, overwrite=True))
    assert {entry.name for entry in small_disk.iterdir()} == {"clickstream_events.csv", "truth"}


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_stopped_cleans_up_and_says_so(sign: signal.Signals, code: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "lakehouse", "generate", "--out", str(out), "--workers", "1"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        while not list(out.glob(f"{WORKPLACE}/made/*.csv")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(sign)
        _, said = process.communicate()
    assert process.returncode == code, said.decode()
    assert f"Stopped. {out} is as it was." in said.decode().replace("\n", " ")
    assert b"tables" not in said
    assert b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []


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

    monkeypatch.setattr(generation, "block", block)
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

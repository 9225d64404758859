"""Generating: the same bytes from the same request, and all that was asked for is there."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from data_generation import generate as generation
from data_generation import parts
from data_generation.generate import generate
from data_generation.request import FILES, Request
from lakehouse.landing import BEHAVIOUR, OLIST
from tests.unit.generated import SMALL, START, content, rows, small


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up shop; tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("generated") / "shop"
    generate(small(folder))
    return folder


# --- the same request, the same bytes


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"dirt": 0.1}, marks=pytest.mark.slow),
        pytest.param({"file_format": "parquet", "dirt": 0.1}, marks=pytest.mark.slow),
        {"days": 3, "start": START, "dirt": 0.1},
        pytest.param({"days": 3, "start": START, "file_format": "parquet"}, marks=pytest.mark.slow),
    ],
)
def test_workers_and_sizes_of_parts_change_no_byte(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(small(tmp_path / "one", workers=1, **options))
    for size in ("PEOPLE_A_PART", "PRODUCTS_A_PART", "PREFIXES_A_PART"):
        monkeypatch.setattr(parts, size, 271)
    monkeypatch.setattr(parts, "EVENTS_A_PART", 700)
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


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
@pytest.mark.parametrize(("scale", "start"), [(1, "2016-09-04"), (0.1, "2016-09-20")])
def test_days_on_which_hardly_anything_happens_have_all_their_files(
    scale: float, start: str, file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whose first order comes later needs not be made up to see it.
    monkeypatch.setattr(parts.SyntheticShop, "parts", first_parts(parts.SyntheticShop.parts))
    out = tmp_path / "out"
    report = generate(Request(out, scale=scale, days=1, start=date.fromisoformat(start), file_format=file_format))
    files = {Path(landing.file).stem for landing in (*OLIST, *BEHAVIOUR)}
    assert {path.stem for path in (out / start).iterdir()} == files
    assert report.rows[f"{start}/olist_order_reviews_dataset.{file_format}"] == 0
    assert report.rows[f"{start}/olist_products_dataset.{file_format}"] > 0


def first_parts(made: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """All parts but people's, and of those the first."""

    def few(shop: Any) -> list[Any]:
        every = made(shop)
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


@pytest.mark.slow
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
    monkeypatch.setattr(parts, "EVENTS_A_PART", 2_000)
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

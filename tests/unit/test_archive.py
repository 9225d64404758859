"""The clickstream of a real shop: from its orders, and before a cutoff from nothing that comes after it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_generation import parts
from data_generation.archive import read_archive
from data_generation.draws import Draws
from data_generation.generate import generate
from data_generation.request import Request
from lakehouse.errors import LakehouseError

CUTOFF = "2018-02-01"
ORDERS, ITEMS = "olist_orders_dataset.csv", "olist_order_items_dataset.csv"
Row = dict[str, str]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop to stand for a real one."""
    folder = tmp_path_factory.mktemp("real") / "shop"
    generate(Request(folder, scale=0.03, seed=5, only=("customers", "orders", "order_items", "products")))
    return folder


@pytest.fixture
def files(real: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(real, tmp_path / "files"))


def behaviour(
    shop: Path, out: Path, cutoff: str | None = CUTOFF, events: int | None = None, **options: Any
) -> list[str]:
    day = date.fromisoformat(cutoff) if cutoff else None
    generate(Request(out, "olist", shop, seed=1, events=events, knowledge_cutoff=day, **options))
    return (out / "clickstream_events.csv").read_text().splitlines()


def moment(line: str) -> str:
    return line.split(",")[5].strip('"')


def rewrite(path: Path, change: Callable[[list[Row]], list[Row]]) -> None:
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    changed = change([dict(row) for row in rows])
    assert changed != rows
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(changed)


def later_orders(shop: Path) -> set[str]:
    with (shop / ORDERS).open(newline="") as stream:
        return {row["order_id"] for row in csv.DictReader(stream) if row["order_purchase_timestamp"] >= CUTOFF}


def without_later(shop: Path) -> None:
    rewrite(shop / ORDERS, lambda rows: [row for row in rows if row["order_purchase_timestamp"] < CUTOFF])


def other_moments(shop: Path) -> None:
    def change(rows: list[Row]) -> list[Row]:
        for row in rows:
            if row["order_purchase_timestamp"] >= CUTOFF:
                row["order_purchase_timestamp"] = CUTOFF + row["order_purchase_timestamp"][10:]
        return rows

    rewrite(shop / ORDERS, change)


def other_products(shop: Path) -> None:
    later = later_orders(shop)

    def change(rows: list[Row]) -> list[Row]:
        for row in rows:
            if row["order_id"] in later:
                row["product_id"], row["price"] = rows[0]["product_id"], "9999.00"
        return rows

    rewrite(shop / ITEMS, change)


def other_people(shop: Path) -> None:
    later = later_orders(shop)

    def change(rows: list[Row]) -> list[Row]:
        ids = [row["customer_id"] for row in rows if row["order_id"] in later]
        other = dict(zip(ids, reversed(ids), strict=True))
        return [{**row, "customer_id": other.get(row["customer_id"], row["customer_id"])} for row in rows]

    rewrite(shop / ORDERS, change)


@pytest.mark.slow
@pytest.mark.parametrize("events", [None, 30_000])
@pytest.mark.parametrize("change", [without_later, other_moments, other_products, other_people])
def test_later_orders_shape_no_earlier_event(
    change: Callable[[Path], None], events: int | None, real: Path, files: Path, tmp_path: Path
) -> None:
    change(files)
    before = [line for line in behaviour(real, tmp_path / "a", events=events)[1:] if moment(line) < CUTOFF]
    after = [line for line in behaviour(files, tmp_path / "b", events=events)[1:] if moment(line) < CUTOFF]
    assert len(before) > 3_000
    assert before == after


def test_without_a_cutoff_they_do(real: Path, files: Path, tmp_path: Path) -> None:
    other_products(files)
    before = [line for line in behaviour(real, tmp_path / "a", None)[1:] if moment(line) < CUTOFF]
    after = [line for line in behaviour(files, tmp_path / "b", None)[1:] if moment(line) < CUTOFF]
    assert before != after


def test_purchases_are_of_the_real_orders(real: Path, tmp_path: Path) -> None:
    lines = behaviour(real, tmp_path / "a", None)
    rows = list(csv.DictReader(lines))
    with (real / ORDERS).open(newline="") as stream:
        orders = {row["order_id"]: row for row in csv.DictReader(stream)}
    with (real / "olist_customers_dataset.csv").open(newline="") as stream:
        people = {row["customer_id"]: row for row in csv.DictReader(stream)}
    bought = [row for row in rows if row["event_type"] == "purchase"]
    assert len(bought) / len(orders) == pytest.approx(0.15, abs=0.02)
    assert len(rows) / len(orders) == pytest.approx(5.0, rel=0.03)
    for row in bought:
        order = orders[row["order_id"]]
        assert row["event_timestamp"] == order["order_purchase_timestamp"]
        assert row["customer_unique_id"] == people[order["customer_id"]]["customer_unique_id"]
        assert row["state"] == people[order["customer_id"]]["customer_state"]


def test_the_number_of_events_is_the_one_asked_for(real: Path, tmp_path: Path) -> None:
    assert len(behaviour(real, tmp_path / "a", None, events=30_000)) == pytest.approx(30_000, rel=0.03)


@pytest.mark.parametrize("cutoff", ["2016-11-01", "2017-06-01", CUTOFF, "2018-07-01"])
@pytest.mark.parametrize("events", [15_000, 30_000])
def test_with_a_cutoff_it_is_too(cutoff: str, events: int, real: Path, tmp_path: Path) -> None:
    assert len(behaviour(real, tmp_path / "a", cutoff, events)) == pytest.approx(events, rel=0.04)


def test_where_no_order_follows_the_cutoff_there_are_as_many_as_by_default(real: Path, tmp_path: Path) -> None:
    usual = behaviour(real, tmp_path / "a", "2030-01-01")
    assert behaviour(real, tmp_path / "b", "2030-01-01", 1_000_000) == usual


def test_too_few_for_the_orders_after_the_cutoff_are_refused_with_what_is_enough(real: Path, tmp_path: Path) -> None:
    with pytest.raises(
        LakehouseError, match=r"an order after the cutoff are too few.* Give --events \d+ or"
    ) as error:
        behaviour(real, tmp_path / "a", "2016-11-01", 500)
    enough = int(error.value.mend.split()[2])
    assert len(behaviour(real, tmp_path / "a", "2016-11-01", enough)) == pytest.approx(enough, rel=0.05)


def test_as_many_orders_are_seen_as_asked_for(real: Path, tmp_path: Path) -> None:
    lines = behaviour(real, tmp_path / "a", None, 40_000, tracking_coverage=0.4, abandonment=0.5)
    bought = sum(row["event_type"] == "purchase" for row in csv.DictReader(lines))
    with (real / ORDERS).open(newline="") as stream:
        assert bought / len(list(csv.DictReader(stream))) == pytest.approx(0.4, abs=0.03)
    kinds = pq.read_table(tmp_path / "a" / "truth" / "sessions.parquet")["kind"].to_pylist()
    left, bought = kinds.count("abandoned"), kinds.count("purchase")
    assert left / (left + bought) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("events", [None, 30_000])
def test_parts_of_any_size_give_the_same_bytes_and_each_person_once(
    events: int | None, real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour(real, tmp_path / "a", events=events, workers=1)
    monkeypatch.setattr(parts, "PEOPLE_A_PART", 271)
    monkeypatch.setattr(parts, "ORDERS_A_PART", 133)
    behaviour(real, tmp_path / "b", events=events, workers=3)
    for path in (path for path in (tmp_path / "a").rglob("*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path
    with (tmp_path / "b" / "customer_contacts.csv").open(newline="") as stream:
        contacts = [row["customer_unique_id"] for row in csv.DictReader(stream)]
    with (real / "olist_customers_dataset.csv").open(newline="") as stream:
        people = {row["customer_unique_id"] for row in csv.DictReader(stream)}
    assert len(contacts) == len(set(contacts))
    assert set(contacts) == people


@pytest.mark.parametrize("cutoff", [None, CUTOFF])
def test_the_truth_is_that_of_a_made_up_shop(cutoff: str | None, real: Path, tmp_path: Path) -> None:
    behaviour(real, tmp_path / "a", cutoff)
    truth = tmp_path / "a" / "truth"
    people, products = (pq.read_table(truth / f"{name}.parquet") for name in ("people", "products"))
    assert people.schema == pq.read_schema(real / "truth" / "people.parquet")
    made_up = pq.read_schema(real / "truth" / "products.parquet")
    assert products.schema.names[: len(made_up)] == made_up.names
    assert products.schema.names[len(made_up) :] == (["known_price_level", "known_popularity"] if cutoff else [])
    assert products.schema.types[: len(made_up)] == made_up.types
    with (real / "olist_products_dataset.csv").open(newline="") as stream:
        category = {row["product_id"]: row["product_category_name"] for row in csv.DictReader(stream)}
    assert products["product_id"].to_pylist() == list(category)
    assert people["repeat_propensity"].to_pandas().mean() == pytest.approx(1, rel=0.2)
    # What people look at is what they are said to like.
    favourite = dict(zip(*(people[name].to_pylist() for name in ("customer_unique_id", "favourite_1")), strict=True))
    with (tmp_path / "a" / "clickstream_events.csv").open(newline="") as stream:
        views = [row for row in csv.DictReader(stream) if row["product_id"] and row["customer_unique_id"]]
    liked = [category[row["product_id"]] == (favourite[row["customer_unique_id"]] or "") for row in views]
    assert sum(liked) / len(liked) > 0.3


def test_what_is_bought_often_is_viewed_often(real: Path) -> None:
    shop = read_archive(real, Draws(1), 1.0, None)
    assert shop.known_orders == len(shop.orders.key)
    assert shop.knowledge.catalog is shop.knowledge.known
    assert shop.knowledge.catalog.category_weights.sum() == pytest.approx(len(shop.orders.line_order), rel=0.25)


def test_rows_that_cannot_be_used_cost_only_themselves(files: Path) -> None:
    whole = read_archive(files, Draws(1), 1.0, None)

    def damage(rows: list[Row]) -> list[Row]:
        rows[0]["order_purchase_timestamp"] = "2018-02-31 25:61:00"
        rows[1]["customer_id"] = "nobody"
        return [*rows, rows[2]]

    rewrite(files / ORDERS, damage)
    rewrite(files / ITEMS, lambda rows: [{**rows[0], "price": "nan"}, {**rows[1], "product_id": "none"}, *rows[2:]])
    damaged = read_archive(files, Draws(1), 1.0, None)
    assert len(damaged.orders.key) == len(whole.orders.key) - 2


def test_orders_of_nobody_are_dropped(files: Path, tmp_path: Path) -> None:
    whole = read_archive(files, Draws(1), 1.0, None)
    customers = files / "olist_customers_dataset.csv"
    rewrite(customers, lambda rows: [{**rows[0], "customer_unique_id": ""}, *rows[1:]])
    assert len(read_archive(files, Draws(1), 1.0, None).orders.key) == len(whole.orders.key) - 1
    assert len(behaviour(files, tmp_path / "a")) > 3_000


def test_products_without_rows_are_no_shop(files: Path, tmp_path: Path) -> None:
    products = files / "olist_products_dataset.csv"
    products.write_text(products.read_text().splitlines()[0] + "\n")
    with pytest.raises(LakehouseError, match=r"No order in .* has an item of a known product.*Check the items"):
        behaviour(files, tmp_path / "a", None)


def test_items_that_all_come_after_the_cutoff_teach_nothing(files: Path, tmp_path: Path) -> None:
    later = later_orders(files)
    rewrite(files / ITEMS, lambda rows: [row for row in rows if row["order_id"] in later])
    with pytest.raises(
        LakehouseError, match=rf"No order in .* before {CUTOFF} has an item.*later --knowledge-cutoff"
    ):
        behaviour(files, tmp_path / "a")


def test_another_encoding_is_named_where_it_matters(files: Path, tmp_path: Path) -> None:
    customers, products = files / "olist_customers_dataset.csv", files / "olist_products_dataset.csv"
    rewrite(customers, lambda rows: [{**rows[0], "customer_city": "são paulo"}, *rows[1:]])
    customers.write_text(customers.read_text(), encoding="latin-1")
    assert len(behaviour(files, tmp_path / "a")) > 3_000
    rewrite(products, lambda rows: [{**rows[0], "product_category_name": "calção"}, *rows[1:]])
    products.write_text(products.read_text(), encoding="latin-1")
    with pytest.raises(LakehouseError, match=r"products_dataset.csv in .* invalid UTF8.*Save it in UTF-8"):
        behaviour(files, tmp_path / "b")


def test_a_cutoff_before_everything_is_refused(real: Path, tmp_path: Path) -> None:
    with pytest.raises(
        LakehouseError, match=r"No order .* was placed before 2000-01-01.*Give a --knowledge-cutoff after 2016"
    ):
        behaviour(real, tmp_path / "a", "2000-01-01")


def test_a_column_that_is_missing_is_named(files: Path, tmp_path: Path) -> None:
    text = (files / ORDERS).read_text().replace("order_purchase_timestamp", "bought_at", 1)
    (files / ORDERS).write_text(text)
    with pytest.raises(
        LakehouseError, match=rf"{ORDERS} .* cannot be read: .*order_purchase_timestamp.*Its header must name"
    ):
        behaviour(files, tmp_path / "a")


def test_orders_without_a_time_are_no_shop(files: Path, tmp_path: Path) -> None:
    rewrite(files / ORDERS, lambda rows: [{**row, "order_purchase_timestamp": ""} for row in rows])
    with pytest.raises(LakehouseError, match=r"No order in .* has both a readable time and a customer"):
        behaviour(files, tmp_path / "a")

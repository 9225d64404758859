"""The clickstream of a real shop: from its orders, and before a cutoff from nothing that comes after it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from data_generation.archive import read_archive
from data_generation.draws import Draws
from data_generation.generate import Request, generate
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


def behaviour(shop: Path, out: Path, cutoff: str | None = CUTOFF, events: int | None = None) -> list[str]:
    day = date.fromisoformat(cutoff) if cutoff else None
    generate(Request(out, "olist", shop, seed=1, events=events, knowledge_cutoff=day))
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


@pytest.mark.parametrize("change", [without_later, other_moments, other_products, other_people])
def test_later_orders_shape_no_earlier_event(
    change: Callable[[Path], None], real: Path, files: Path, tmp_path: Path
) -> None:
    change(files)
    before = [line for line in behaviour(real, tmp_path / "a")[1:] if moment(line) < CUTOFF]
    after = [line for line in behaviour(files, tmp_path / "b")[1:] if moment(line) < CUTOFF]
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

"""Daily drops through builds that only add what is new: the tables are those of one full refresh."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from data_generation.generate import generate
from data_generation.request import Request
from lakehouse.catalog import TableName
from lakehouse.ingest import ingest
from lakehouse.landing import BEHAVIOUR
from tests.delta import contents, differences, drop_times, query
from tests.runs import SHORT_SPARK, command, dbt

pytestmark = pytest.mark.slow

FIRST = date(2018, 3, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(4)]
EMPTY_DAY, LATE_DAY = (DAYS[-1] + timedelta(days=number) for number in (1, 2))
EVENTS, CUSTOMERS, PRODUCTS = "clickstream_events.csv", "olist_customers_dataset.csv", "olist_products_dataset.csv"
ORDERS = "olist_orders_dataset.csv"
MERGED = ("stg_orders", "stg_clickstream_events", "orders", "clickstream_events", "sessions")
LAYERS = ("silver",)
SILVER = ("--selector", "silver", "--exclude-resource-type", "unit_test")
UNTESTED = ("--exclude-resource-type", "test")


@dataclass
class Drops:
    """Drops as files, the warehouse that they went to, before the last of them too, and what was moved on purpose."""

    folder: Path
    warehouse: Path
    before_the_last: Path
    late_product: str
    changed_product: str
    moved_order: str


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Iterable[dict[str, str]], header: Iterable[str]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(header), restval="")
        writer.writeheader()
        writer.writerows(rows)


def add(path: Path, *rows: dict[str, str]) -> None:
    there = rows_of(path)
    header = path.read_text().splitlines()[0].replace('"', "").split(",")
    write(path, [*there, *rows], header)


def move(name: str, where: dict[str, str], source: Path, target: Path) -> None:
    """Take rows out of a drop's file, and deliver them with another drop."""
    header = (source / name).read_text().splitlines()[0].replace('"', "").split(",")
    rows = rows_of(source / name)
    moved = [row for row in rows if where.items() <= row.items()]
    assert moved
    write(source / name, [row for row in rows if row not in moved], header)
    add(target / name, *moved)


def event(event_id: str, visitor: str, kind: str, at: datetime, **other: str) -> dict[str, str]:
    moment = f"{at:%Y-%m-%d %H:%M:%S}"
    plain = {"device": "desktop", "browser": "Firefox", "referrer": "direct", "state": "SP", "provenance": "observed"}
    ids = {"event_id": event_id, "session_id": f"of {visitor}", "visitor_id": visitor, "event_type": kind}
    return {**plain, **ids, "event_timestamp": moment, "received_at": moment, **other}


@pytest.fixture(scope="module")
def drops(tmp_path_factory: pytest.TempPathFactory) -> Drops:
    """Four days with everything that can come late, twice or wrong, taken in and built one by one."""
    base = tmp_path_factory.mktemp("drops")
    folder = base / "files"
    generate(Request(folder, scale=0.01, days=len(DAYS), start=FIRST, seed=11))
    first, second, third, fourth = (folder / str(day) for day in DAYS)
    noon = datetime(2018, 3, 2, 12)
    minutes = [noon + timedelta(minutes=number) for number in range(120)]
    sold = [row["product_id"] for row in rows_of(first / "olist_order_items_dataset.csv")]
    late_product = next(row["product_id"] for row in rows_of(first / PRODUCTS) if row["product_id"] not in set(sold))
    move(PRODUCTS, {"product_id": late_product}, first, fourth)
    for drop in (first, second, third):
        kept = [row for row in rows_of(drop / EVENTS) if row["product_id"] != late_product]
        write(drop / EVENTS, kept, BEHAVIOUR[0].columns)
    late_customer = rows_of(second / CUSTOMERS)[0]["customer_id"]
    # A clock that is ten years ahead, in an order that promises nothing; and whose an order of years ago really was.
    order = next(row for row in rows_of(second / ORDERS) if row["customer_id"] != late_customer)
    skewed = {**order, "order_id": "skewed", "order_purchase_timestamp": "2028-01-01 00:00:00"}
    add(second / ORDERS, {**skewed, "order_estimated_delivery_date": ""})
    oldest = min(rows_of(first / ORDERS), key=lambda row: row["order_purchase_timestamp"])
    assert oldest["order_purchase_timestamp"] < "2017-03-01"
    buyer = next(row for row in rows_of(first / CUSTOMERS) if row["customer_id"] == oldest["customer_id"])
    add(fourth / CUSTOMERS, {**buyer, "customer_unique_id": "somebody else"})
    move(CUSTOMERS, {"customer_id": late_customer}, second, third)
    # Another one of before the period, which in truth is of today.
    old = next(row for row in rows_of(first / ORDERS) if row["order_purchase_timestamp"].startswith("2017-01"))
    moved = {
        "order_purchase_timestamp": f"{DAYS[-1]} 01:00:00",
        "order_estimated_delivery_date": "2018-04-01 00:00:00",
    }
    add(fourth / ORDERS, {**old, **moved})
    # Changed on the second day, delivered again as it is on the third, changed back on the fourth.
    product = next(row for row in rows_of(first / PRODUCTS) if row["product_weight_g"] and row["product_id"] in sold)
    for drop, weight in ((second, "77777"), (third, "77777"), (fourth, product["product_weight_g"])):
        add(drop / PRODUCTS, {**product, "product_weight_g": weight})
    add(
        second / EVENTS,
        event("bridge 1", "bridged", "page_view", minutes[0]),
        event("bridge 3", "bridged", "page_view", minutes[50]),
        event("begin 2", "begun earlier", "page_view", minutes[10]),
        event("alone", "out of order", "checkout_start", minutes[10]),
        event("device", "corrected", "page_view", minutes[0]),
        event("moment", "corrected", "page_view", minutes[1]),
        event("waiting", "waits for a product", "product_view", minutes[0], product_id=late_product),
        event("twice", "delivered twice", "page_view", minutes[0]),
    )
    add(
        third / EVENTS,
        event("begin 1", "begun earlier", "page_view", minutes[0]),
        event("cart", "out of order", "add_to_cart", minutes[15], product_id=sold[0]),
        event("device", "corrected", "page_view", minutes[0], device="mobile"),
        event("moment", "corrected", "page_view", minutes[90]),
        event("twice", "delivered twice", "page_view", minutes[0]),
    )
    add(fourth / EVENTS, event("bridge 2", "bridged", "page_view", minutes[25]))

    warehouse, before_the_last = base / "warehouse", base / "before" / "warehouse"
    for day in DAYS:
        if day == FIRST:
            first_drop(warehouse, folder / str(day))
        if day == DAYS[-1]:
            shutil.copytree(warehouse, before_the_last)
        receive(warehouse, folder / str(day), day, tested=day == DAYS[-1])
        if day == DAYS[1]:
            check_the_second_day(warehouse)
    return Drops(folder, warehouse, before_the_last, late_product, product["product_id"], old["order_id"])


def first_drop(warehouse: Path, folder: Path) -> None:
    """Taken in by the command, with its checks; those that follow by what it calls, without a process for each."""
    taken_in = command(warehouse, "ingest", "--path", str(folder), "--delivered-on", str(FIRST))
    assert taken_in.returncode == 0, taken_in.stdout + taken_in.stderr


def receive(warehouse: Path, folder: Path, day: date, *words: str, tested: bool = False) -> None:
    """Take a drop in and build what is incremental; Gold follows from it."""
    ingest("olist", [folder], warehouse, delivered_on=day)
    run = dbt(warehouse, "build", *SILVER, *([] if tested else UNTESTED), *words)
    assert run.returncode == 0, run.stdout[-3000:]


def entities(warehouse: Path) -> dict[TableName, pa.Table]:
    """Silver as others read it: without the rows judged and those in quarantine."""
    return {
        table: rows
        for table, rows in contents(warehouse, LAYERS).items()
        if not table.name.startswith(("stg_", "quarantined_"))
    }


def check_the_second_day(warehouse: Path) -> None:
    """What comes late is not there yet, and nothing else is lost for it."""
    broken = query(
        warehouse,
        "select broken_rule, count(*) as n from silver__quarantined_clickstream_events group by broken_rule",
    )
    assert broken == [{"broken_rule": "product_unknown", "n": 1}]
    waiting = query(warehouse, "select broken_rule from silver__quarantined_orders order by 1")
    assert waiting == [{"broken_rule": "customer_unknown"}, {"broken_rule": "purchased_after_its_drop"}]
    assert {row["broken_rule"] for row in query(warehouse, "select * from silver__quarantined_order_items")} == {
        "order_unknown"
    }
    assert visits(warehouse, "bridged") == [("bridge 1", 1), ("bridge 3", 1)]
    assert visits(warehouse, "out of order") == [("alone", 1)]


def files(warehouse: Path, table: str) -> set[tuple[str, str]]:
    """The files of a table in Silver: the month of each, and its name."""
    names = [Path(uri) for uri in DeltaTable(warehouse / "silver" / table).file_uris()]
    return {(name.parent.name.partition("=")[2], name.name) for name in names}


def visits(warehouse: Path, visitor: str) -> list[tuple[str, int]]:
    rows = query(
        warehouse, f"select session_id, events from silver__sessions where visitor_id = '{visitor}' order by 1"
    )
    return [(row["session_id"], row["events"]) for row in rows]


def built_afresh(warehouse: Path, copy: Path) -> Path:
    """The same Bronze, and everything above it made anew."""
    shutil.copytree(warehouse, copy)
    run = dbt(copy, "build", "--full-refresh", *SILVER, *UNTESTED)
    assert run.returncode == 0, run.stdout[-3000:]
    return copy


def test_days_one_by_one_give_what_a_full_refresh_gives(drops: Drops) -> None:
    assert visits(drops.warehouse, "bridged") == [("bridge 1", 3)]
    assert visits(drops.warehouse, "begun earlier") == [("begin 1", 2)]
    assert visits(drops.warehouse, "out of order") == [("cart", 1)]
    assert visits(drops.warehouse, "corrected") == [("device", 1), ("moment", 1)]
    assert visits(drops.warehouse, "waits for a product") == [("waiting", 1)]
    assert query(drops.warehouse, "select order_id from silver__quarantined_orders") == [{"order_id": "skewed"}]
    assert query(drops.warehouse, "select * from silver__orders where customer_unique_id = 'somebody else'")
    moved = f"select purchase_month from silver__orders where order_id = '{drops.moved_order}'"
    assert query(drops.before_the_last, moved) == [{"purchase_month": date(2017, 1, 1)}]
    assert query(drops.warehouse, moved) == [{"purchase_month": date(2018, 3, 1)}]
    afresh = built_afresh(drops.warehouse, drops.warehouse.with_name("afresh"))
    assert differences(contents(drops.warehouse, LAYERS), contents(afresh, LAYERS)) == []


def test_histories_hold_each_change_with_its_day(drops: Drops) -> None:
    second, third, fourth = map(str, DAYS[1:])
    changes = {
        (row["product_id"], day) for day in (second, third, fourth) for row in rows_of(drops.folder / day / PRODUCTS)
    }
    changes.remove((drops.changed_product, third))
    told = query(
        drops.warehouse,
        "select product_id, cast(cast(dbt_valid_from as date) as varchar) as day, "
        "cast(cast(dbt_valid_to as date) as varchar) as until "
        "from silver__products_history",
    )
    assert {(drops.changed_product, second), (drops.changed_product, fourth), (drops.late_product, fourth)} <= changes
    assert {(row["product_id"], row["day"]) for row in told if row["day"] != str(FIRST)} == changes
    ended = {(row["product_id"], row["until"]) for row in told if row["until"]}
    assert ended == changes - {(drops.late_product, fourth)}


@pytest.mark.parametrize("what", ["the same drop", "an empty day"])
def test_what_tells_nothing_new_changes_nothing(what: str, drops: Drops, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    shutil.copytree(drops.warehouse, warehouse)
    if what == "the same drop":
        receive(warehouse, drops.folder / str(DAYS[-1]), DAYS[-1])
    else:
        empty = tmp_path / "empty"
        empty.mkdir()
        for file in sorted((drops.folder / str(DAYS[-1])).glob("*.csv")):
            (empty / file.name).write_text(file.read_text().splitlines()[0] + "\n")
        receive(warehouse, empty, EMPTY_DAY)
    assert differences(contents(drops.warehouse, LAYERS), contents(warehouse, LAYERS)) == []
    for table in MERGED:
        assert files(warehouse, table) == files(drops.warehouse, table), table


@pytest.mark.parametrize("table", MERGED)
def test_a_day_writes_only_into_months_that_it_changes(table: str, drops: Drops) -> None:
    before, now = files(drops.before_the_last, table), files(drops.warehouse, table)
    written = {month for month, _ in before ^ now}
    # Orders of the day, of a corrected customer in the oldest month, one out of January; events since the day before.
    of_orders = {min(month for month, _ in before), "2017-01-01", "2018-03-01"}
    assert {"2018-03-01"} <= written <= (of_orders if "orders" in table else {"2018-02-01", "2018-03-01"})
    assert len({month for month, _ in now} - written) > (10 if "orders" in table else 1)


@pytest.mark.spark
@pytest.mark.usefixtures("java")
def test_a_day_on_spark_gives_what_it_gives_here(
    drops: Drops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SHORT_SPARK.items():
        monkeypatch.setenv(name, value)
    warehouse = tmp_path / "warehouse"
    shutil.copytree(drops.before_the_last, warehouse)
    receive(warehouse, drops.folder / str(DAYS[-1]), DAYS[-1], "--target", "spark")
    ours, theirs = (drop_times(contents(place, LAYERS)) for place in (drops.warehouse, warehouse))
    assert differences(ours, theirs) == []


def test_a_drop_of_an_earlier_day_with_a_new_column_changes_nothing_else(drops: Drops, tmp_path: Path) -> None:
    warehouse, wider = tmp_path / "warehouse", tmp_path / "wider"
    shutil.copytree(drops.warehouse, warehouse)
    wider.mkdir()
    row = event("wider", "wider", "wish", datetime(2018, 2, 28, 12), colour_scheme="dark")
    earlier = FIRST - timedelta(days=1)
    shutil.copy(drops.folder / str(FIRST) / PRODUCTS, wider)
    write(wider / EVENTS, [row], [*BEHAVIOUR[0].columns, "colour_scheme"])
    receive(warehouse, wider, earlier)
    kept, now = entities(drops.warehouse), entities(warehouse)
    assert len(kept) > 15
    assert differences(kept, now) == []
    events = [
        query(path, "select count(*) as n from silver__clickstream_events") for path in (warehouse, drops.warehouse)
    ]
    assert events[0] == events[1]
    quarantined = query(
        warehouse, "select event_id, colour_scheme, broken_rule from silver__quarantined_clickstream_events"
    )
    assert {"event_id": "wider", "colour_scheme": "dark", "broken_rule": "event_type_unknown"} in quarantined


def test_an_event_of_long_ago_that_comes_again_with_another_time_waits(drops: Drops, tmp_path: Path) -> None:
    warehouse, again = tmp_path / "warehouse", tmp_path / "again"
    shutil.copytree(drops.warehouse, warehouse)
    again.mkdir()
    oldest = query(warehouse, "select event_id from silver__clickstream_events order by event_at, event_id limit 1")
    moved = event(oldest[0]["event_id"], "moved", "page_view", datetime(2018, 3, 4, 1))
    write(again / EVENTS, [moved], BEHAVIOUR[0].columns)
    receive(warehouse, again, LATE_DAY)
    assert visits(warehouse, "moved") == []
    kept, now = entities(drops.warehouse), entities(warehouse)
    assert differences(kept, now) == []


def test_events_that_come_too_late_wait_for_a_backfill(drops: Drops, tmp_path: Path) -> None:
    warehouse, late = tmp_path / "warehouse", tmp_path / "late"
    shutil.copytree(drops.warehouse, warehouse)
    late.mkdir()
    newest = query(warehouse, "select max(event_at) as at from silver__clickstream_events")[0]["at"]
    edge = datetime(newest.year, newest.month, newest.day) - timedelta(days=30)
    write(
        late / EVENTS,
        [
            event("late", "late", "page_view", edge - timedelta(seconds=1)),
            event("in time", "in time", "page_view", edge),
        ],
        BEHAVIOUR[0].columns,
    )
    receive(warehouse, late, LATE_DAY)
    waiting = query(
        warehouse,
        "select event_id, broken_rule from silver__quarantined_clickstream_events "
        "where broken_rule != 'events_out_of_order'",
    )
    assert waiting == [{"event_id": "late", "broken_rule": "arrived_too_late"}]
    days = "{{backfill_start: {0:%Y-%m-%d}, backfill_end: {0:%Y-%m-%d}}}".format(edge - timedelta(days=1))
    run = dbt(warehouse, "build", *SILVER, *UNTESTED, "--vars", days)
    assert run.returncode == 0, run.stdout[-3000:]
    assert visits(warehouse, "late") == [("late", 1)]
    afresh = built_afresh(warehouse, tmp_path / "afresh")
    assert differences(contents(warehouse, LAYERS), contents(afresh, LAYERS)) == []

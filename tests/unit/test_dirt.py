"""Controlled dirt: as much as was asked for, in the rows' own ways, and every fault on record."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_generation.clickstream import Knowledge, clickstream
from data_generation.contacts import contacts
from data_generation.dirt import FAULTS, KEYS, soil
from data_generation.drops import Calendar, dated_orders, days_of
from data_generation.parameters import Parameters
from data_generation.shop import block
from data_generation.world import World

TABLES = tuple(FAULTS)
CALENDAR = Calendar.of(date(2018, 3, 5), 40)
DATED = ("orders", "order_reviews", "clickstream_events", "customer_contacts")
"""Tables with faults that depend on the day."""


@cache
def the_world() -> World:
    return World(5, 0.05, Parameters())


@cache
def clean() -> dict[str, pa.Table]:
    world = the_world()
    made = block(world, 0, world.people)
    knowledge = Knowledge(world.catalog, world.catalog, 0, 2**40)
    events = clickstream(made.orders, knowledge, world.draws, world.parameters, made.propensity).events
    people = contacts(world.draws, made.people["customer_unique_id"].combine_chunks())
    return {
        **made.files,
        "products": world.product_file(0, world.products),
        "sellers": world.seller_file(),
        "clickstream_events": events,
        "customer_contacts": people,
    }


@cache
def dropped() -> dict[str, pa.Table]:
    """The tables of ``DATED`` and more, with the day of the drop that each row is in."""
    made = clean()
    orders = dated_orders({name: table for name, table in made.items() if name not in DATED[2:]}, CALENDAR)
    events, people = made["clickstream_events"], made["customer_contacts"]
    born = CALENDAR.first - 20 + np.arange(len(people)) % 60
    return {
        **orders,
        "clickstream_events": CALENDAR.dated(events, days_of(events["received_at"])),
        "customer_contacts": CALENDAR.dated(people, born),
    }


def soiled(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All rows in drops, every one damaged, with their keys; and the faults."""
    table, faults = soil(name, dropped()[name], the_world().draws, 1.0, last_day=CALENDAR.last)
    return table.to_pandas().assign(key=keys(name, table)), faults.to_pandas()


def keys(name: str, table: pa.Table) -> list[str]:
    return pc.binary_join_element_wise(*(table[column] for column in KEYS[name]), "|").to_pylist()


@pytest.mark.parametrize("name", TABLES)
def test_no_dirt_changes_nothing(name: str) -> None:
    table, faults = soil(name, clean()[name], the_world().draws, 0.0)
    assert table.equals(clean()[name])
    assert len(faults) == 0


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_each_damaged_row_is_on_record_and_no_other_is_touched(name: str, share: float) -> None:
    # No fault changes a key column.
    assert not {fault.column for fault in FAULTS[name]} & set(KEYS[name])
    before = clean()[name]
    table, faults = soil(name, before, the_world().draws, share)
    assert len(faults) == pytest.approx(share * len(before), abs=4 * (share * len(before)) ** 0.5)
    told = {row["key"]: row for row in faults.to_pylist()}
    assert len(told) == len(faults)
    originals = dict(zip(keys(name, before), before.to_pylist(), strict=True))
    seen: dict[str, list[dict[str, str | None]]] = {}
    for key, row in zip(keys(name, table), table.to_pylist(), strict=True):
        seen.setdefault(key, []).append(row)
    assert seen.keys() == originals.keys()
    for key, rows in seen.items():
        fault = told.get(key)
        if fault is None:
            assert rows == [originals[key]]
        elif fault["kind"] == "duplicate":
            assert rows == [originals[key]] * 2
        elif fault["expected"] == "superseded":
            assert rows == [{**originals[key], fault["column"]: fault["planted"]}, originals[key]]
            assert rows[0] != rows[1]
        elif fault["kind"] == "wrong encoding":
            assert any(0xE000 <= ord(c) < 0xE100 for c in rows[0][fault["column"]] or "")
        else:
            assert rows == [{**originals[key], fault["column"]: fault["planted"]}]
            assert rows != [originals[key]]


@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_fault_is_planted(name: str) -> None:
    _, faults = soil(name, clean()[name], the_world().draws, 1.0)
    assert set(faults["kind"].to_pylist()) == {fault.kind for fault in FAULTS[name]}


@pytest.mark.parametrize("name", TABLES)
def test_damage_belongs_to_the_row(name: str) -> None:
    table, draws = clean()[name], the_world().draws
    cut = len(table) // 3
    parts = [soil(name, part, draws, 0.2) for part in (table.slice(0, cut), table.slice(cut))]
    whole = soil(name, table, draws, 0.2)
    assert pa.concat_tables(part[0] for part in parts).equals(whole[0])
    assert pa.concat_tables(part[1] for part in parts).equals(whole[1])


def test_parquet_holds_no_wrong_encodings() -> None:
    _, faults = soil("order_reviews", clean()["order_reviews"], the_world().draws, 1.0, encodings=False)
    assert "wrong encoding" not in set(faults["kind"].to_pylist())


def test_a_table_without_rows_stays_without() -> None:
    table, faults = soil("orders", clean()["orders"].slice(0, 0), the_world().draws, 1.0)
    assert len(table) == len(faults) == 0


def test_without_drops_no_fault_has_a_day() -> None:
    _, faults = soil("orders", clean()["orders"], the_world().draws, 0.5)
    assert faults["delivered_on"].null_count == len(faults)


@pytest.mark.parametrize("name", DATED)
def test_a_fault_says_in_which_drop_it_is(name: str) -> None:
    rows, faults = soiled(name)
    rows["delivered_on"] = pd.to_datetime(rows["_day"], unit="D").dt.strftime("%Y-%m-%d")
    planted = faults[faults["column"].notna() & (faults["kind"] != "wrong encoding")]
    for column, group in planted.groupby("column"):
        there = set(zip(rows["key"], rows["delivered_on"], rows[column], strict=True))
        assert set(zip(group["key"], group["delivered_on"], group["planted"], strict=True)) <= there
    doubled = faults[faults["kind"] == "duplicate"].groupby(["key", "delivered_on"]).size()
    assert (rows.groupby(["key", "delivered_on"]).size().reindex(doubled.index) >= 2).all()


def test_no_event_arrives_before_it_is_received_or_after_the_last_drop() -> None:
    rows, faults = soiled("clickstream_events")
    assert (days_of(pa.chunked_array([pa.array(rows["received_at"])])) <= rows["_day"]).all()
    assert rows["_day"].max() == CALENDAR.last
    late = faults[faults["kind"] == "late event"]
    assert len(late) > 50
    received = late["planted"].str[:10]
    assert (late["delivered_on"] == received.clip(lower=str(CALENDAR.dates()[0]))).all()


@pytest.mark.parametrize("name", DATED)
def test_a_correction_comes_days_later_but_before_the_next_version(name: str) -> None:
    rows, faults = soiled(name)
    before = dropped()[name].to_pandas().assign(key=keys(name, dropped()[name]))
    before["following"] = before.sort_values("_day").groupby("key")["_day"].shift(-1)
    before["delivered_on"] = pd.to_datetime(before["_day"], unit="D").dt.strftime("%Y-%m-%d")
    stale = faults.loc[faults["expected"] == "superseded", ["key", "delivered_on"]]
    corrected = before.merge(stale).drop(columns="delivered_on").rename(columns={"_day": "stale_on"})
    sound = rows.merge(corrected, on=[*dropped()[name].drop_columns("_day").column_names, "key"])
    assert len(sound) == len(stale) > 50
    assert sound["_day"].max() <= CALENDAR.last
    delay = sound["_day"] - sound["stale_on"]
    assert set(delay) == set(range(6))
    assert (delay > 0).mean() > 0.3
    assert not ((sound["_day"] >= sound["following"]) & (delay > 0)).any()


@pytest.mark.parametrize("name", DATED)
def test_damage_in_drops_belongs_to_the_row(name: str) -> None:
    table, draws = dropped()[name], the_world().draws
    texts = keys(name, table)
    cut = next(row for row in range(len(table) // 3, len(table)) if texts[row] != texts[row - 1])
    parts = [soil(name, part, draws, 0.5, last_day=CALENDAR.last) for part in (table.slice(0, cut), table.slice(cut))]
    whole = soil(name, table, draws, 0.5, last_day=CALENDAR.last)
    assert pa.concat_tables(part[0] for part in parts).equals(whole[0])
    assert pa.concat_tables(part[1] for part in parts).equals(whole[1])


@pytest.mark.parametrize("name", DATED)
def test_where_the_last_day_is_not_known_nothing_moves_beyond_the_last_version(name: str) -> None:
    before = dropped()[name].to_pandas().assign(key=keys(name, dropped()[name]))
    table, faults = soil(name, dropped()[name], the_world().draws, 1.0)
    last = before.groupby("key")["_day"].max()
    after = table.to_pandas().assign(key=keys(name, table)).groupby("key")["_day"].max()
    assert after.equals(last)
    assert len(faults) == len(before)

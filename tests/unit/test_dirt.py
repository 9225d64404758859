"""Controlled dirt: as much as was asked for, in the rows' own ways, and every fault on record."""

from __future__ import annotations

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data_generation.clickstream import Knowledge, clickstream
from data_generation.contacts import contacts
from data_generation.dirt import FAULTS, KEYS, soil
from data_generation.parameters import Parameters
from data_generation.shop import block
from data_generation.world import World

TABLES = tuple(FAULTS)


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

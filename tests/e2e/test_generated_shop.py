"""Generated data through the whole pipeline: what was planted is what Silver finds."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_generation.dirt import KEYS
from data_generation.generate import generate
from data_generation.request import Request
from tests.delta import query
from tests.runs import command

pytestmark = pytest.mark.slow
ORDER_PARTS = ("order_items", "order_payments", "order_reviews")


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with its behaviour, every twentieth row damaged, built."""
    folder = tmp_path_factory.mktemp("dirty")
    generate(Request(folder / "files", scale=0.05, dirt=0.05))
    run = command(folder / "warehouse", "run", "--path", str(folder / "files"))
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def faults(folder: Path, table: str) -> list[dict[str, str]]:
    return pq.read_table(folder / "files" / "truth" / f"faults_in_{table}.parquet").to_pylist()


def rule(fault: dict[str, str]) -> str:
    return fault["expected"].removeprefix("quarantined: ")


def keys(folder: Path, table: str, of: str, rule: str = "''") -> list[tuple[str, str]]:
    """Keys of a table's rows as the truth writes them, each with the rule that it breaks if asked for."""
    key = " || '|' || ".join(f"cast({column} as varchar)" for column in KEYS[table])
    rows = query(folder / "warehouse", f"select {key} as key, {rule} as rule from {of}")
    return [(row["key"], row["rule"]) for row in rows]


@pytest.mark.parametrize("table", sorted(KEYS))
def test_each_planted_fault_meets_the_fate_that_was_foretold(table: str, dirty: Path) -> None:
    planted = faults(dirty, table)
    expected = {(fault["key"], rule(fault)) for fault in planted if fault["expected"].startswith("quarantined")}
    lost = {fault["key"] for fault in faults(dirty, "orders") if fault["expected"].startswith("quarantined")}
    orphans: set[str] = set()
    if table in ORDER_PARTS:
        # What belongs to an order that is in quarantine has no order; its own fault comes first.
        damaged = {key for key, _ in expected}
        parts = {key for key, _ in keys(dirty, table, f"bronze__{table}")}
        orphans = {key for key in parts - damaged if lost & set(key.split("|"))}
        expected |= {(key, "order_unknown") for key in orphans}
    judged = keys(dirty, table, f"silver__quarantined_{table}", "broken_rule")
    unseen = expected - set(judged)
    assert set(judged) <= expected
    # A checkout before the cart cannot be told where the cart's own event is damaged.
    assert {broken_rule for _, broken_rule in unseen} <= {"events_out_of_order"}
    assert all(sum(other["key"].startswith(key[:16]) for other in planted) > 1 for key, _ in unseen)
    assert len(unseen) <= 3
    assert len(planted) > (5 if table == "sellers" else 50)

    kept = {key for key, _ in keys(dirty, table, f"silver__{'customer_ids' if table == 'customers' else table}")}
    assert {f["key"] for f in planted if f["expected"] in ("kept", "duplicate", "superseded")} <= kept | orphans
    doubled = query(
        dirty / "warehouse",
        f"select count(*) as n from silver__stg_{table} where broken_rule is null and delivery_rank > 1",
    )
    assert doubled[0]["n"] == sum(
        fault["expected"] in ("duplicate", "superseded") and fault["key"] not in orphans for fault in planted
    )


def test_wrong_encodings_are_rejected_as_they_came(dirty: Path) -> None:
    reviews = {
        fault["key"].split("|")[0] for fault in faults(dirty, "order_reviews") if fault["expected"] == "rejected"
    }
    rows = query(dirty / "warehouse", "select table_name, raw_line, reason from bronze__rejected_rows")
    assert {row["raw_line"].split(",")[0].strip('"') for row in rows} == reviews
    assert {row["table_name"] for row in rows} == {"order_reviews"}
    assert len(reviews) > 20


def test_carts_and_programs_are_those_of_the_truth(dirty: Path) -> None:
    truth = pq.read_table(dirty / "files" / "truth" / "sessions.parquet").to_pylist()
    tracker = query(
        dirty / "warehouse",
        "select c.session_id as tracked, s.is_bot, k.is_bought, min(s.session_id) as session_id "
        "from silver__clickstream_events c join silver__sessions s "
        "on c.visitor_id = s.visitor_id and c.event_at between s.started_at and s.ended_at "
        "left join silver__carts k on s.session_id = k.session_id group by 1, 2, 3",
    )
    found = {row["tracked"]: row for row in tracker}
    programs = {row["session_id"] for row in truth if row["kind"] == "bot"}
    told = {session for session, row in found.items() if row["is_bot"]}
    assert len(programs) > 5
    assert len(told & programs) >= 0.95 * len(programs & found.keys())
    assert len(told & programs) >= 0.95 * len(told)
    for kind, bought in (("purchase", True), ("abandoned", False)):
        carts = {row["session_id"] for row in truth if row["kind"] == kind and row["session_id"] in found}
        right = sum(found[session]["is_bought"] is bought for session in carts)
        assert len(carts) > 100
        # Damaged events take the purchase or the cart away from some; and one visit can follow another at once.
        assert right >= 0.9 * len(carts)


def test_the_corrected_contact_is_the_one_that_counts(dirty: Path) -> None:
    stale = {
        row["key"]: row["planted"] for row in faults(dirty, "customer_contacts") if row["expected"] == "superseded"
    }
    rows = query(dirty / "warehouse", "select customer_unique_id, phone from silver__customer_contacts")
    phones = {row["customer_unique_id"]: row["phone"] for row in rows}
    assert len(stale) > 20
    assert all(phones[person] != phone for person, phone in stale.items())


def test_the_interaction_matrix_counts_what_people_did(dirty: Path) -> None:
    warehouse = dirty / "warehouse"
    totals = query(
        warehouse,
        "select sum(views) as views, sum(carts) as carts, sum(purchases) as purchases from gold__interaction_matrix",
    )[0]
    events = query(
        warehouse,
        "select event_type, count(*) as n from silver__clickstream_events "
        "where customer_unique_id is not null and product_id is not null "
        "and cast(event_at as date) <= (select as_of_date from silver__as_of) group by event_type",
    )
    seen = {row["event_type"]: row["n"] for row in events}
    assert (totals["views"], totals["carts"]) == (seen["product_view"], seen["add_to_cart"])
    bought = query(
        warehouse,
        "select count(*) as n from silver__order_items join silver__orders using (order_id) where is_revenue_order",
    )
    assert totals["purchases"] == bought[0]["n"]

"""The suites: each check fails on the failure that it is named after, alone, and on nothing else that a shop does."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from expectations import measuring
from expectations.checks import Check, Dimension, Severity, Suite
from expectations.suites import bronze, gold, marts, ml, silver
from lakehouse.ingest import ingest
from lakehouse.landing import BEHAVIOUR, OLIST
from lakehouse.session import close_session, open_session
from lakehouse.settings import ROOT
from ml.contracts import CONTRACTS
from tests.disasters import EVENTS, ORDERS, OTHERS, TWELVE, made_up, struck
from tests.quality.faults import BRONZE_FAULTS, SCORE_FAULTS, TABLE_FAULTS, Fault, only, put, quarantined
from tests.quality.judged import CHECKS, LAYERS, SUITES, Frames, failures, measure, name_of
from tests.quality.pretended import MARTS, SCORES

FEW = 2_000
"""What a measurement may have of rows."""

# --- What the suites are, without an engine.


def test_there_are_some_eighty_checks_with_names_of_their_own() -> None:
    assert 55 <= len(CHECKS) <= 99
    assert f"[{len(CHECKS)} checks]" in (ROOT / "docs" / "data_quality.md").read_text()
    assert all(suite.checks for suite in SUITES)
    assert all(suite.layer == layer for layer, suites in LAYERS.items() for suite in suites)
    assert max(Counter((suite.layer, check.name) for suite, check in CHECKS).values()) == 1
    assert max(Counter(map(name_of, SUITES)).values()) == 1
    assert [check.name for _, check in CHECKS if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", check.name)] == []


def test_every_dimension_and_both_severities_are_there() -> None:
    assert {check.dimension for _, check in CHECKS} == set(Dimension)
    assert {check.severity for _, check in CHECKS} == set(Severity)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_table_is_measured(layer: str) -> None:
    measures = " ".join(suite.measure for suite in LAYERS[layer])
    if layer == "bronze":
        # The volume and the rejects of all landing files are in the deliveries, a row a file.
        assert "bronze.deliveries" in measures
        return
    if layer == "ml":
        # What was measured of the models themselves is judged by the gate of each training.
        assert {table for table in CONTRACTS if f"ml.{table}" not in measures} == {"model_metrics"}
        return
    folder = ROOT / "dbt_project" / "models" / layer
    schema = "gold" if layer == "marts" else layer
    tables = {path.stem for path in folder.rglob("*.sql")}
    tables |= (
        {path.stem for path in (ROOT / "dbt_project" / "snapshots").glob("*.yml")} if layer == "silver" else set()
    )
    inner = {table for table in tables if table.startswith("stg_")}
    assert {table for table in tables - inner if not re.search(rf"\b{schema}\.{table}\b", measures)} == set()


def test_why_is_a_sentence_and_somebody_is_told() -> None:
    assert [check.name for _, check in CHECKS if not re.fullmatch(r"[A-Z][^\n]{30,220}\.", check.why)] == []
    models = ROOT / "dbt_project" / "models"
    owners = set(re.findall(r"^\s{6}name: (.+)$", (models / "groups.yml").read_text(), flags=re.MULTILINE))
    readers = set(re.findall(r"owner: {name: (.+)}$", (models / "exposures.yml").read_text(), flags=re.MULTILINE))
    assert owners <= {suite.owner for suite in SUITES} <= owners | readers


def test_no_check_has_the_name_of_a_dbt_test() -> None:
    tests = {path.stem for path in (ROOT / "dbt_project" / "macros" / "tests").glob("*.sql")}
    for path in (path for part in ("models", "snapshots") for path in (ROOT / "dbt_project" / part).rglob("*.yml")):
        tests |= set(re.findall(r"^\s+name: (\w+)$", path.read_text(), flags=re.MULTILINE))
    assert {check.name for _, check in CHECKS} & tests == set()


def test_measures_and_samples_use_the_words_of_the_models() -> None:
    """The same words that the models avoid, because one of the engines does not know them."""
    forbidden = re.search(
        r"FORBIDDEN = \((.*?)\n\)", (ROOT / "tests" / "dbt" / "test_conventions.py").read_text(), re.S
    )
    assert forbidden is not None
    words = "".join(re.findall(r'"(.*)"', forbidden[1]))
    for suite, check in CHECKS:
        assert re.search(rf"\b({words})\b", f"{suite.measure} {check.sample}", re.IGNORECASE) is None, check.name


@pytest.fixture(scope="module")
def session(shop_warehouse: Path) -> Iterator[SparkSession]:
    yield open_session("local", shop_warehouse)
    close_session("local", shop_warehouse)


@pytest.fixture(scope="module")
def scored(session: SparkSession) -> Mapping[str, str]:
    """Views in place of what models write and of what is made of that, as if for the small shop; by table."""
    views = {}
    for table, sql in (SCORES | MARTS).items():
        session.sql(sql).createOrReplaceTempView(f"scored_{table}")
        views[f"{'gold' if table in MARTS else 'ml'}__{table}"] = f"scored_{table}"
    return views


@pytest.fixture(scope="module")
def sound(session: SparkSession, scored: Mapping[str, str]) -> Frames:
    """The measurements of the small shop."""
    built = tuple(suite for suite in SUITES if suite.layer not in ("ml", "marts"))
    return measure(session, built) | measure(session, (*ml.SUITES, *marts.SUITES), **scored)


# --- On shops as they should be.


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES, ids=name_of)
def test_a_measure_gives_what_its_checks_ask_for(suite: Suite, sound: Frames) -> None:
    frame = sound[name_of(suite)]
    assert 1 <= len(frame) <= FEW
    numbers = {column for column in frame if column != "key"}
    used = {str(check.expectation.configuration.kwargs["column"]) for check in suite.checks}
    # A number that no check looks at is read for nothing.
    assert {re.sub("_(before|ratio|change)$", "", column) for column in used} == numbers


@pytest.mark.slow
@pytest.mark.parametrize("check", [check for _, check in CHECKS if check.sample], ids=lambda check: check.name)
def test_a_sample_can_be_asked_for(check: Check, session: SparkSession) -> None:
    listed = measuring.sample(session, check.sample)
    assert not any("could not be listed" in str(row) for row in listed)


@pytest.mark.slow
def test_a_measurement_is_the_same_each_time(session: SparkSession, sound: Frames) -> None:
    again = measure(session, tuple(suite for suite in SUITES if suite.layer not in ("ml", "marts")))
    for name in again:
        frame = sound[name]
        ordered = [one.sort_values("key", ignore_index=True) if "key" in one else one for one in (frame, again[name])]
        pd.testing.assert_frame_equal(*ordered, check_exact=True)


@pytest.mark.slow
def test_a_small_shop_passes(sound: Frames) -> None:
    assert failures(sound, sound) == set()


BEHAVIOUR_TABLES = {
    "bronze": ("clickstream_events", "customer_contacts"),
    "silver": ("carts", "clickstream_events", "customer_contacts", "sessions"),
    "gold": ("channel_attribution", "conversion_funnel", "fct_sessions"),
}


@pytest.mark.slow
def test_a_shop_without_a_clickstream_passes(session: SparkSession) -> None:
    views = {}
    for layer, tables in BEHAVIOUR_TABLES.items():
        for table in tables:
            views[f"{layer}__{table}"] = f"no_{table}_in_{layer}"
            session.table(f"{layer}.{table}").where("false").createOrReplaceTempView(f"no_{table}_in_{layer}")
    frames = measure(session, tuple(SUITES), **views)
    assert {"bronze.clickstream_events_by_device", "silver.sessions", "gold.conversion_funnel"} < set(frames)
    assert failures(frames, frames) == set()


@pytest.mark.slow
@pytest.mark.olist
def test_the_real_data_passes(olist_warehouse: Path) -> None:
    frames = measure(open_session("local", olist_warehouse), tuple(SUITES))
    close_session("local", olist_warehouse)
    assert failures(frames, frames) == set()


# --- Deliveries that go wrong, taken in after a good one.


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up shop, taken in and not built."""
    folder = tmp_path_factory.mktemp("delivered")
    ingest("olist", [made_up(folder)], folder / "warehouse")
    return folder


@pytest.fixture(scope="module")
def first(delivered: Path) -> Iterator[tuple[SparkSession, Frames]]:
    """A session over the good delivery, and what was measured of it."""
    opened = open_session("local", delivered / "warehouse")
    yield opened, measure(opened, bronze.SUITES)
    close_session("local", delivered / "warehouse")


@pytest.mark.slow
def test_a_made_up_shop_passes(first: tuple[SparkSession, Frames]) -> None:
    assert failures(first[1], first[1]) == set()


@pytest.mark.slow
@pytest.mark.parametrize("what", OTHERS)
def test_a_disaster_is_seen_before_anything_is_built(
    what: str,
    delivered: Path,
    first: tuple[SparkSession, Frames],
    tmp_path: Path,
) -> None:
    disaster, warehouse = OTHERS[what], tmp_path / "again"
    shutil.copytree(delivered / "warehouse", warehouse)
    ingest("olist", [struck(disaster, delivered / "files", tmp_path / "files")], warehouse)
    now = measure(open_session("local", warehouse), bronze.SUITES)
    close_session("local", warehouse)
    assert failures(now, first[1]) == disaster.seen_by


@pytest.mark.slow
@pytest.mark.parametrize(("file", "at"), [(ORDERS, "order_purchase_timestamp"), (EVENTS, "event_timestamp")])
def test_a_drop_that_ends_at_noon_is_seen(file: str, at: str, delivered: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "again"
    landing = next(landing for landing in (*OLIST, *BEHAVIOUR) if landing.file == file)
    with (delivered / "files" / file).open(newline="") as stream:
        rows = [{**row, "order_approved_at": ""} for row in csv.DictReader(stream)]
    first_day = date.fromisoformat(max(row[at][:10] for row in rows))
    suites = tuple(suite for suite in bronze.SUITES if suite.table == landing.table and not suite.name)
    seen = []
    for number in range(3):
        day = first_day + timedelta(days=number)
        # After all that was, as many as on a busy day, at the hours at which people buy; in the end half of them.
        busy = [
            {**row, landing.columns[0]: f"{day} {n}", at: f"{day}{row[at][10:]}"} for n, row in enumerate(rows[:200])
        ]
        drop = (rows, busy, [row for row in busy if row[at][11:13] < "12"])[number]
        folder = tmp_path / str(day)
        folder.mkdir()
        with (folder / file).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, landing.columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(drop)
        ingest("olist", [folder], warehouse, delivered_on=day)
        seen.append(measure(open_session("local", warehouse), suites))
        close_session("local", warehouse)
    names = {ORDERS: "half_a_day_of_orders_was_missing", EVENTS: "half_a_day_of_events_was_missing"}
    assert failures(seen[1], seen[0]) == set()
    assert failures(seen[2], seen[1]) == {names[file]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [*BRONZE_FAULTS, *TABLE_FAULTS, *SCORE_FAULTS], ids=lambda fault: f"{fault.table}-{fault.check}"
)
def test_a_fault_is_seen_by_its_check_and_by_no_other(
    fault: Fault,
    sound: Frames,
    session: SparkSession,
    scored: Mapping[str, str],
    request: pytest.FixtureRequest,
) -> None:
    layer, _, table = fault.table.partition("__")
    opened, before = request.getfixturevalue("first") if layer == "bronze" else (session, sound)
    views = scored if fault in SCORE_FAULTS else {}
    fault.damage(opened.table(views.get(fault.table, f"{layer}.{table}"))).createOrReplaceTempView("damaged")
    # What other suites learn from the deliveries does not go with rows that are not there.
    suites = (bronze.DELIVERIES,) if table == "deliveries" else marts.SUITES if table in MARTS else LAYERS[layer]
    now = measure(opened, suites, **{**views, fault.table: "damaged"})
    assert failures(now, before) == {fault.check}


@pytest.mark.slow
def test_a_quarantine_that_fills_up_stops_the_load(sound: Frames, session: SparkSession) -> None:
    quarantined(session.table("silver.quarantined_orders"), 0.2).createOrReplaceTempView("damaged")
    now = measure(session, silver.SUITES, silver__quarantined_orders="damaged")
    assert failures(now, sound) == {"quarantine_filled_up", "quarantine_was_noticeable"}


@pytest.mark.slow
def test_what_a_whole_delivery_repeats_of_old_is_no_fault(sound: Frames, session: SparkSession) -> None:
    quarantined(session.table("silver.quarantined_orders"), 0.2, "arrived_too_late").createOrReplaceTempView(
        "damaged"
    )
    now = measure(session, silver.SUITES, silver__quarantined_orders="damaged")
    assert failures(now, sound) == set()


@pytest.mark.slow
def test_a_month_that_is_no_longer_compared_is_not_one_that_lost_its_revenue(
    sound: Frames, session: SparkSession
) -> None:
    later = put(first_complete_week="date_add(first_complete_week, 56)")
    later(session.table("silver.as_of")).createOrReplaceTempView("damaged")
    assert failures(measure(session, (gold.ORDER_ITEMS,), silver__as_of="damaged"), sound) == set()
    compared = sound["gold.fct_order_items"].dropna()["key"].min()
    only(f"date_format(purchased_at, 'yyyy-MM') != '{compared}'")(
        session.table("gold.fct_order_items")
    ).createOrReplaceTempView("damaged")
    now = measure(session, (gold.ORDER_ITEMS,), gold__fct_order_items="damaged")
    assert failures(now, sound) == {"month_of_the_past_changed"}


def test_every_check_is_seen_to_fail() -> None:
    failed = {fault.check for fault in (*BRONZE_FAULTS, *TABLE_FAULTS, *SCORE_FAULTS)}
    failed |= set().union(*(disaster.seen_by for disaster in (TWELVE | OTHERS).values()))
    failed |= {"half_a_day_of_orders_was_missing", "half_a_day_of_events_was_missing", "quarantine_filled_up"}
    assert {check.name for _, check in CHECKS} - failed == set()

"""The suites: each check fails on the failure that it is named after, alone, and on nothing else that a shop does."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations import history, judging, measuring
from expectations.checks import Check, Dimension, Severity, Suite
from expectations.suites import bronze, gold, marts, ml, silver
from lakehouse.ingest import ingest
from lakehouse.landing import BEHAVIOUR, OLIST
from lakehouse.session import close_session, open_session
from lakehouse.settings import ROOT
from ml.contracts import CONTRACTS
from tests.disasters import EVENTS, ORDERS, OTHERS, TWELVE, made_up, struck

LAYERS: Mapping[str, tuple[Suite, ...]] = {
    "bronze": bronze.SUITES,
    "silver": silver.SUITES,
    "gold": gold.SUITES,
    "ml": ml.SUITES,
    "marts": marts.SUITES,
}
SUITES = [suite for suites in LAYERS.values() for suite in suites]
CHECKS = [(suite, check) for suite in SUITES for check in suite.checks]
FEW = 2_000
"""What a measurement may have of rows."""

Frames = dict[str, pd.DataFrame]


def name_of(suite: Suite) -> str:
    return f"{suite.layer}.{suite.name or suite.table}"


# --- What the suites are, without an engine.


def test_there_are_some_eighty_checks_with_names_of_their_own() -> None:
    assert 55 <= len(CHECKS) <= 95
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


# --- Measuring and judging, as a run does it.


def failures(now: Frames, before: Frames) -> set[str]:
    """The checks that fail, of the suites that were measured, where one earlier run was accepted."""
    by_name = {name_of(suite): suite for suite in SUITES if name_of(suite) in now}
    frames = []
    for name, suite in by_name.items():
        past = before[name] if "key" in before[name] else before[name].assign(key=history.NO_KEY)
        values = past.melt("key", var_name="metric").assign(run_id="before", suite=suite.title)
        frames.append((suite, history.with_history(now[name], history.History(("before",), values))))
    failed = set()
    # Two layers may have suites of one name, and a run judges one layer.
    for layer in LAYERS:
        of_layer = [(suite, frame) for suite, frame in frames if suite.layer == layer]
        judged = judging.judge(of_layer)
        for suite, frame in of_layer:
            for check in suite.checks:
                verdict = judging.verdict(check, frame, judged.get(suite.title))
                if verdict is not None and not verdict.holds:
                    assert verdict.problem == "", verdict.problem
                    failed.add(check.name)
    return failed


def measure(session: SparkSession, suites: tuple[Suite, ...], **replaced: str) -> Frames:
    """Measure suites, with views in place of some tables; if there are any, only suites with such a table."""
    frames = {}
    for suite in suites:
        sql = suite.measure
        for table, view in replaced.items():
            sql = re.sub(rf"\b{table.replace('__', '[.]', 1)}\b", view, sql)
        if not replaced or sql != suite.measure:
            answer = measuring.measure(session, replace(suite, measure=sql))
            assert answer.frame is not None, answer.problem
            frames[name_of(suite)] = answer.frame
    return frames


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


SCORES = {
    "product_recommendations": """
        select * from (
            select
                people.customer_unique_id,
                products.product_id,
                row_number() over (partition by people.customer_unique_id order by products.product_id) as rank,
                as_of.reporting_date as as_of_date
            from gold.customer_360 as people
            cross join (select product_id from gold.dim_product order by product_id limit 30) as products
            cross join silver.as_of as as_of
            left join gold.interaction_matrix as bought
                on
                    people.customer_unique_id = bought.customer_unique_id
                    and products.product_id = bought.product_id
                    and bought.purchases > 0
            where bought.product_id is null
        ) as ranked
        where rank <= 10
    """,
    "similar_products": """
        select products.product_id, as_of.reporting_date as as_of_date
        from gold.dim_product as products cross join silver.as_of as as_of
    """,
    "buy_again": """
        select bought.customer_unique_id, bought.product_id, as_of.reporting_date as as_of_date
        from gold.interaction_matrix as bought cross join silver.as_of as as_of
        where bought.purchases > 0
    """,
    "churn_scores": """
        select
            examples.customer_unique_id,
            0.99d - 0.01d * percent_rank() over (order by examples.customer_unique_id) as churn_probability,
            as_of.reporting_date as as_of_date
        from gold.churn_examples as examples cross join silver.as_of as as_of
        where examples.label_days = 0
    """,
    "revenue_forecast": """
        select
            levels.level,
            levels.level as series,
            date_add(as_of.reporting_date, 7 * horizons.horizon - 6) as week_start,
            cast(weeks.revenue as decimal(18, 2)) as forecast,
            cast(0 as decimal(18, 2)) as lower_80,
            cast(2 * weeks.revenue as decimal(18, 2)) as upper_80,
            as_of.reporting_date as as_of_date
        from (select explode(array('total', 'category', 'state')) as level) as levels
        cross join (select explode(sequence(1, 4)) as horizon) as horizons
        cross join silver.as_of as as_of
        cross join (
            select avg(revenue) as revenue
            from (
                select revenue from gold.weekly_revenue where is_complete order by week_start desc limit 12
            ) as last_weeks
        ) as weeks
    """,
    "demand_forecast": """
        select
            horizons.horizon,
            date_add(as_of.reporting_date, 7 * horizons.horizon - 6) as week_start,
            sold.units / 12.0d as forecast,
            as_of.reporting_date as as_of_date
        from (select explode(sequence(1, 4)) as horizon) as horizons
        cross join silver.as_of as as_of
        cross join (
            select count(*) as units
            from gold.fct_order_items as items
            cross join silver.as_of as as_of
            where
                items.is_revenue_order
                and items.purchase_date <= as_of.reporting_date
                and items.purchase_date > date_sub(as_of.reporting_date, 84)
        ) as sold
    """,
    "forecast_backtest": """
        select
            true as is_champion,
            cast(0 as decimal(18, 2)) as lower_80,
            cast(10 as decimal(18, 2)) as upper_80,
            cast(case when origin <= 4 then 5 else 11 end as decimal(18, 2)) as actual
        from (select explode(sequence(1, 5)) as origin) as origins
    """,
    "drift": """
        select kinds.kind, 0.01d as psi, timestamp '2018-08-20 00:00:00' as scored_at
        from (select explode(array('feature', 'score')) as kind) as kinds
    """,
}


MARTS = {
    "customer_risk": """
        select customer_unique_id, spend / 100 as expected_revenue, customer_unique_id < '4' as is_whale_at_risk
        from gold.churn_examples
        where label_days = 0
    """,
    "whale_call_list": "select customer_unique_id from gold.churn_examples where label_days = 0",
    "inventory_plan": """
        select product_id as category, 20 as order_up_to_level, 15.0d as expected_units
        from gold.dim_product
    """,
}


# --- On shops as they should be.


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES, ids=name_of)
def test_a_measure_gives_what_its_checks_ask_for(suite: Suite, sound: Frames) -> None:
    frame = sound[name_of(suite)]
    assert 1 <= len(frame) <= FEW
    numbers = {column for column in frame if column != "key"}
    used = {str(check.expectation.configuration.kwargs["column"]) for check in suite.checks}
    # A number that no check looks at is read for nothing.
    assert {re.sub("_(before|ratio|usual)$", "", column) for column in used} == numbers


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


# --- Tables that go wrong.


class Fault(NamedTuple):
    """What goes wrong with a table, and the one check that sees it."""

    check: str
    table: str
    damage: Callable[[DataFrame], DataFrame]


def put(**columns: str) -> Callable[[DataFrame], DataFrame]:
    """Every row with some columns made anew, by expressions of SQL."""
    return lambda table: table.withColumns({column: F.expr(new) for column, new in columns.items()})


def only(condition: str) -> Callable[[DataFrame], DataFrame]:
    return lambda table: table.where(condition)


def drops(*counts: int, days: int = 1) -> Callable[[DataFrame], DataFrame]:
    """Deliveries of a first drop and of some later ones, each with so many rows in every file."""

    def damage(table: DataFrame) -> DataFrame:
        moved = [
            table.withColumns(
                {
                    "row_count": F.lit(count).cast("bigint"),
                    "_batch_id": F.lit(f"drop {number}"),
                    "_delivered_on": F.expr(f"date_add(date '2018-03-01', {days * number})"),
                    "_ingested_at": F.expr(f"_ingested_at + interval {number} days"),
                }
            )
            for number, count in enumerate((9_999, *counts))
        ]
        together = moved[0]
        for part in moved[1:]:
            together = together.union(part)
        return together

    return damage


def stay_behind(table: DataFrame) -> DataFrame:
    return drops(100)(table).where("table_name != 'order_items' or _batch_id = 'drop 0'")


def old_drop(table: DataFrame) -> DataFrame:
    return table.withColumn("_delivered_on", F.expr("date '2019-12-31'"))


BRONZE_FAULTS = (
    Fault("lines_were_no_records", "bronze__deliveries", put(rejected_count="row_count")),
    Fault("drop_was_short", "bronze__deliveries", drops(100, 100, 100, 40)),
    Fault("days_were_skipped", "bronze__deliveries", drops(100, days=5)),
    Fault("lines_came_without_their_orders", "bronze__deliveries", stay_behind),
    Fault("orders_drop_was_stale", "bronze__orders", old_drop),
    Fault("prices_were_unreadable", "bronze__order_items", put(price="replace(price, '.', ',')")),
    Fault(
        "dear_products_lost_their_price",
        "bronze__order_items",
        put(price="case when cast(price as double) > 150 then cast(price / 1000 as string) else price end"),
    ),
    Fault("category_stopped_selling", "bronze__order_items", lambda table: without_the_rarest(table)),
    Fault("people_lost_their_second_orders", "bronze__customers", put(customer_unique_id="customer_id")),
    Fault(
        "payments_changed_their_unit", "bronze__order_payments", put(payment_value="replace(payment_value, '.', '')")
    ),
    Fault(
        "review_scale_was_turned_round",
        "bronze__order_reviews",
        put(review_score="cast(6 - cast(review_score as int) as string)"),
    ),
    Fault(
        "events_arrived_days_late",
        "bronze__clickstream_events",
        put(received_at="concat(date_add(to_date(substr(received_at, 1, 10)), 9), substr(received_at, 11))"),
    ),
    Fault("visitors_were_not_recognised", "bronze__clickstream_events", put(customer_unique_id="''")),
)


def without_the_rarest(table: DataFrame) -> DataFrame:
    products = table.sparkSession.table("bronze.products").where("product_category_name != ''")
    rarest = (
        table.join(products, "product_id")
        .groupBy("product_category_name")
        .count()
        .orderBy("count", "product_category_name")
        .limit(1)
        .select("product_category_name")
    )
    return table.join(products.join(rarest, "product_category_name").select("product_id"), "product_id", "left_anti")


TABLE_FAULTS = (
    Fault("table_lost_rows", "silver__sessions", only("session_id > '3'")),
    Fault("quarantine_was_noticeable", "silver__quarantined_orders", lambda table: quarantined(table, 0.04)),
    Fault("as_of_date_went_back", "silver__as_of", put(as_of_date="date_sub(as_of_date, 1)")),
    Fault("one_order_moved_the_as_of_date", "silver__as_of", put(as_of_date="date_add(as_of_date, 400)")),
    Fault(
        "orders_lost_their_items",
        "silver__order_items",
        put(order_id="case when order_id > '4' then order_id else 'no order' end"),
    ),
    Fault("payments_disagreed_with_prices", "silver__order_payments", put(payment_value="payment_value / 100")),
    Fault(
        "cancellations_jumped",
        "silver__orders",
        put(order_status="case when order_id < '2' then 'canceled' else order_status end"),
    ),
    Fault(
        "deliveries_lost_their_date",
        "silver__orders",
        put(delivered_to_customer_at="case when order_id > '2' then delivered_to_customer_at end"),
    ),
    Fault("review_dates_were_lost", "silver__order_reviews", put(answered_at="cast(null as timestamp)")),
    Fault("products_lost_their_category", "silver__products", put(category="'unknown'")),
    Fault("products_lost_their_measures", "silver__products", put(weight_g="cast(null as int)")),
    Fault("customers_moved_to_one_state", "silver__customers", put(state="'SP'")),
    Fault("people_shared_an_address", "silver__customer_contacts", put(email="'nobody@example.com'")),
    Fault(
        "tracker_and_shop_disagreed_on_the_hour",
        "silver__clickstream_events",
        put(event_at="event_at + interval 3 hours"),
    ),
    Fault("programs_flooded_the_shop", "silver__sessions", put(is_bot="is_bot or session_id < '4'")),
    Fault("table_lost_rows", "gold__dim_date", only("date_day > date '2017-06-01'")),
    Fault(
        "month_of_the_past_changed",
        "gold__fct_order_items",
        put(revenue="case when month(purchased_at) = 5 then revenue * 2 else revenue end"),
    ),
    Fault(
        "order_value_broke_away",
        "gold__weekly_revenue",
        lambda table: put(
            orders="orders * 20",
            average_order_value="average_order_value * case when week_start >= date '2018-05-25' then 100 else 1 end",
        )(table),
    ),
    Fault("everybody_lapsed_at_once", "gold__customer_360", put(recency_days="recency_days + 365")),
    Fault("returning_customers_vanished", "gold__customer_360", put(frequency="least(frequency, 1)")),
    Fault(
        "segment_shares_shifted",
        "gold__customer_360",
        put(rfm_segment="case when rfm_segment = 'champion' then 'loyal' else rfm_segment end"),
    ),
    Fault("forecast_of_value_jumped", "gold__customer_value", put(expected_revenue="expected_revenue * 3")),
    Fault(
        "one_person_outweighed_the_rest",
        "gold__interaction_matrix",
        lambda table: table.withColumn("customer_unique_id", F.lit("guest")),
    ),
    Fault(
        "interactions_changed_their_strength", "gold__interaction_matrix", put(interaction_strength="3 * views + 15")
    ),
    Fault("repurchase_rate_moved", "gold__churn_examples", put(days_to_next_purchase="cast(null as int)")),
    Fault("features_lost_deliveries", "gold__churn_examples", put(delivered_orders="0")),
    Fault("conversion_broke_away", "gold__conversion_funnel", put(sessions_with_purchase="0")),
    Fault("referrers_turned_direct", "gold__conversion_funnel", put(referrer="'direct'")),
    Fault("deliveries_turned_late", "gold__product_performance", put(late_units="delivered_units")),
    Fault("places_lost_their_coordinates", "gold__dim_customer", put(latitude="cast(null as double)")),
)


def with_something_bought(table: DataFrame) -> DataFrame:
    """Recommendations of which everybody's first is a product that they have."""
    bought = (
        table.sparkSession.table("gold.interaction_matrix")
        .where("purchases > 0")
        .groupBy("customer_unique_id")
        .agg(F.min("product_id").alias("bought_product_id"))
    )
    first = F.expr("case when rank = 1 then coalesce(bought_product_id, product_id) else product_id end")
    return table.join(bought, "customer_unique_id", "left").withColumn("product_id", first).drop("bought_product_id")


SCORE_FAULTS = (
    Fault("scores_were_lost", "ml__product_recommendations", only("rank <= 8")),
    Fault("scored_series_or_pairs_became_few", "ml__similar_products", only("product_id > '8'")),
    Fault("scores_were_stale", "ml__buy_again", put(as_of_date="date_sub(as_of_date, 30)")),
    Fault(
        "people_got_no_recommendation",
        "ml__product_recommendations",
        put(customer_unique_id="case when customer_unique_id > '8' then 'nobody' else customer_unique_id end"),
    ),
    Fault("bought_products_were_proposed", "ml__product_recommendations", with_something_bought),
    Fault("proposed_products_became_few", "ml__product_recommendations", put(product_id="'the same'")),
    Fault("people_got_no_churn_score", "ml__churn_scores", lambda table: table.union(table)),
    Fault(
        "repurchase_probabilities_broke_away", "ml__churn_scores", put(churn_probability="0.5d * churn_probability")
    ),
    Fault("everybody_got_one_probability", "ml__churn_scores", put(churn_probability="0.985d")),
    Fault(
        "forecast_left_the_range_of_weeks",
        "ml__revenue_forecast",
        put(forecast="10 * forecast", upper_80="10 * upper_80"),
    ),
    Fault(
        "categories_left_their_total",
        "ml__revenue_forecast",
        put(forecast="case when level = 'category' then forecast / 2 else forecast end"),
    ),
    Fault("bands_missed_their_forecast", "ml__revenue_forecast", put(lower_80="upper_80")),
    Fault("forecast_was_of_other_weeks", "ml__revenue_forecast", put(week_start="date_sub(week_start, 7)")),
    Fault("bands_stopped_holding", "ml__forecast_backtest", put(lower_80="actual + 1")),
    Fault("demand_left_the_range_of_weeks", "ml__demand_forecast", put(forecast="10 * forecast")),
    Fault("people_were_no_longer_those_learned_from", "ml__drift", put(psi="0.5d")),
    Fault("mart_lost_rows", "gold__inventory_plan", only("category > 'd'")),
    Fault("call_list_changed_its_length", "gold__whale_call_list", only("customer_unique_id > 'd'")),
    Fault("expected_revenue_jumped", "gold__customer_risk", put(expected_revenue="3 * expected_revenue")),
    Fault("whales_were_all_at_risk_at_once", "gold__customer_risk", put(is_whale_at_risk="true")),
    Fault("levels_left_their_forecast", "gold__inventory_plan", put(expected_units="order_up_to_level * 2.0d")),
)


def quarantined(table: DataFrame, part: float, rule: str = "order_status_unknown") -> DataFrame:
    """A quarantine with this part of the delivered orders."""
    orders = table.sparkSession.table("bronze.orders").withColumn("broken_rule", F.lit(rule))
    ordered = orders.orderBy("order_id").limit(int(part * orders.count()))
    return ordered.select(*table.columns)


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


def test_every_check_is_seen_to_fail() -> None:
    failed = {fault.check for fault in (*BRONZE_FAULTS, *TABLE_FAULTS, *SCORE_FAULTS)}
    failed |= set().union(*(disaster.seen_by for disaster in (TWELVE | OTHERS).values()))
    failed |= {"half_a_day_of_orders_was_missing", "half_a_day_of_events_was_missing", "quarantine_filled_up"}
    assert {check.name for _, check in CHECKS} - failed == set()

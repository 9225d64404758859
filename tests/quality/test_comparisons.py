"""What a measurement is put beside: earlier runs, and earlier deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from expectations import history, judging
from expectations.checks import Suite
from expectations.suites import bronze, silver
from lakehouse.session import close_session, open_session
from tests.quality.judged import failures, measure, name_of


@pytest.fixture
def session(warehouse: Path) -> Iterator[SparkSession]:
    yield open_session("local", warehouse)
    close_session("local", warehouse)


@pytest.mark.parametrize(
    ("suite", "check"),
    [(bronze.EVENTS_BY_TYPE, "event_type_vanished"), (bronze.EVENTS_BY_DEVICE, "device_vanished")],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_value_that_stood_in_one_row_may_go_and_one_as_rare_as_purchases_may_not(suite: Suite, check: str) -> None:
    before = pd.DataFrame({"key": ["a", "b", "c", "one row"], "share": [0.5, 0.48498, 0.015, 0.00002]})
    assert failures({name_of(suite): before[:3]}, {name_of(suite): before}) == set()
    assert failures({name_of(suite): before[:2]}, {name_of(suite): before}) == {check}


def test_a_step_back_of_days_is_seen_however_far_the_date_had_come() -> None:
    runs = tuple(f"run {number}" for number in range(8))
    values = pd.DataFrame(
        [
            {"run_id": run, "suite": silver.AS_OF.title, "key": "", "metric": metric, "value": value}
            for number, run in enumerate(runs)
            for metric, value in (("as_of_day", 17_750.0 + number), ("days_after_complete_week", 3.0))
        ]
    )
    for day, wanted in ((17_757.0, set()), (17_756.0, {"as_of_date_went_back"})):
        now = pd.DataFrame({"as_of_day": [day], "days_after_complete_week": [3.0]})
        frame = history.with_history(now, history.History(runs, values))
        judged = judging.judge([(silver.AS_OF, frame)])[silver.AS_OF.title]
        verdicts = {check.name: judging.verdict(check, frame, judged) for check in silver.AS_OF.checks}
        assert {check for check, verdict in verdicts.items() if verdict and not verdict.holds} == wanted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "kept"),
    [
        ((None, None), 0.0),
        ((None, "2018-03-01", None), 0.0),
        (("2018-03-01", None, None), 0.0),
        ((None, None, "2018-03-01"), None),
        ((None, "2018-03-01"), None),
        ((None,), None),
    ],
    ids=str,
)
def test_the_last_two_whole_deliveries_are_compared_unless_a_drop_came_after(
    days: tuple[str | None, ...], kept: float | None, session: SparkSession
) -> None:
    """Whoever has a drop of a day behind them may deliver whole files again, and is looked after as before."""
    deliveries, contacts = [], []
    for number, day in enumerate(days):
        on = f"date '{day}'" if day else "cast(null as date)"
        deliveries.append(
            f"select 'customer_contacts' as table_name, 'batch {number}' as _batch_id, {on} as _delivered_on, "
            f"1000 as row_count, timestamp '2018-03-0{number + 1} 00:00:00' as _ingested_at"
        )
        is_last_whole = day is None and None not in days[number + 1 :]
        contacts += [
            f"select 'person {person}' as customer_unique_id, 'batch {number}' as _batch_id, "
            f"'{'false' if is_last_whole else 'true'}' as marketing_consent"
            for person in range(3)
        ]
    session.sql(" union all ".join(deliveries)).createOrReplaceTempView("told_deliveries")
    session.sql(" union all ".join(contacts)).createOrReplaceTempView("told_contacts")
    views = {"bronze__deliveries": "told_deliveries", "bronze__customer_contacts": "told_contacts"}
    frame = measure(session, (bronze.CONTACTS,), **views)[name_of(bronze.CONTACTS)]
    assert [None if pd.isna(found) else found for found in frame["kept_share"]] == [kept]

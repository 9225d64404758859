"""The attribution of conversions to channels: its pure functions, loaded by path as dbt does, and on the engine."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.session import open_session
from tests.dbt.python_models import load_model

Journeys = list[tuple[tuple[str, ...], int, int, int]]
RULES = ("first_touch", "last_touch", "linear", "markov")

model = load_model("gold/int_channel_attribution")


def column(paths: Journeys, name: str) -> dict[str, Any]:
    return {row["channel"]: row[name] for row in model.attribute(paths)}


@st.composite
def journeys(draw: st.DrawFn, channels: str = "abcd", longest: int = 5) -> Journeys:
    """Some paths with how many journeys took them, how many of those converted, and what they brought."""
    paths = draw(st.lists(st.lists(st.sampled_from(channels), min_size=1, max_size=longest), min_size=1, max_size=6))
    found: Journeys = []
    for path in paths:
        count = draw(st.integers(1, 5))
        conversions = draw(st.integers(0, count))
        found.append((tuple(path), count, conversions, draw(st.integers(0, 9999)) if conversions else 0))
    return found


def solved_without(paths: Journeys, removed: str | None) -> float:
    """The chance that a journey converts if steps to the removed channel end it: the definition, as it stands."""
    counts = model.transition_counts(paths)
    states = sorted({state for state, _ in counts}, key=str)
    matrix, converted = np.eye(len(states)), np.zeros(len(states))
    for row, state in enumerate(states):
        steps = {following: count for (origin, following), count in counts.items() if origin == state}
        for following, count in steps.items():
            share = count / sum(steps.values())
            if following == model.CONVERSION:
                converted[row] += share
            elif following in states and following != ("channel", removed):
                matrix[row, states.index(following)] -= share
    return float(np.linalg.solve(matrix, converted)[states.index(model.START)])


def test_removal_effects_of_three_channels_by_hand() -> None:
    # From the start to a in 2 of 3, to b in 1 of 3; from a to b in 1 of 2; from b to c; c converts in 1 of 2.
    paths: Journeys = [(("a", "b", "c"), 1, 1, 100), (("a",), 1, 0, 0), (("b", "c"), 1, 0, 0)]
    # All: (2/3 * 1/2 + 1/3) * 1/2 = 1/3. Without a: 1/3 * 1/2 = 1/6. Without b or c: nothing.
    assert column(paths, "removal_effect") == {"a": 0.5, "b": 1.0, "c": 1.0}
    assert column(paths, "conversions_markov") == {"a": 0.2, "b": 0.4, "c": 0.4}
    assert column(paths, "revenue_markov") == {"a": Decimal("0.20"), "b": Decimal("0.40"), "c": Decimal("0.40")}
    assert column(paths, "conversions_first_touch") == {"a": 1.0, "b": 0.0, "c": 0.0}
    assert column(paths, "conversions_last_touch") == {"a": 0.0, "b": 0.0, "c": 1.0}
    assert column(paths, "conversions_linear") == {"a": 0.333334, "b": 0.333333, "c": 0.333333}
    assert column(paths, "revenue_linear") == {"a": Decimal("0.34"), "b": Decimal("0.33"), "c": Decimal("0.33")}


def test_removal_effects_of_a_way_that_comes_back_by_hand() -> None:
    paths: Journeys = [(("a", "b", "a"), 1, 1, 1000), (("b",), 1, 0, 0)]
    # All: 1/2 * 2/3 + 1/2 * 1/3 = 1/2. Without b: 1/2 * 1/2 = 1/4.
    assert column(paths, "removal_effect") == {"a": 1.0, "b": 0.5}
    assert column(paths, "conversions_markov") == {"a": 0.666667, "b": 0.333333}
    assert column(paths, "conversions_linear") == {"a": 0.666667, "b": 0.333333}
    assert column(paths, "sessions") == {"a": 2, "b": 2}
    assert column(paths, "journeys") == {"a": 1, "b": 2}


def test_a_channel_after_which_others_converted_has_an_effect() -> None:
    # No journey with c converts. But c leads to b, and from b some do: a chain of first order knows no more.
    paths: Journeys = [(("b",), 1, 1, 100), (("c", "b"), 1, 0, 0)]
    assert column(paths, "removal_effect") == {"b": 1.0, "c": 0.5}
    assert column(paths, "conversions_linear") == {"b": 1.0, "c": 0.0}


@given(journeys())
def test_the_effects_are_those_of_the_chain_solved_without_each_channel(paths: Journeys) -> None:
    whole = solved_without(paths, None)
    for channel, effect in column(paths, "removal_effect").items():
        if not any(conversions for _, _, conversions, _ in paths):
            assert effect is None
        else:
            assert effect == pytest.approx(1 - solved_without(paths, channel) / whole, abs=1e-6)


@given(journeys())
def test_each_rule_credits_all_conversions_and_all_revenue(paths: Journeys) -> None:
    conversions, cents = sum(path[2] for path in paths), sum(path[3] for path in paths)
    for rule in RULES:
        assert sum(column(paths, f"conversions_{rule}").values()) == pytest.approx(conversions, abs=1e-9)
        assert sum(column(paths, f"revenue_{rule}").values()) == Decimal(cents).scaleb(-2)


@given(journeys())
def test_a_channel_on_no_converting_path_is_credited_with_nothing_by_touch(paths: Journeys) -> None:
    touched = {channel for path, _, conversions, _ in paths if conversions for channel in path}
    for row in model.attribute(paths):
        if row["channel"] not in touched:
            for rule in RULES[:3]:
                assert row[f"conversions_{rule}"] == row[f"revenue_{rule}"] == 0


@given(journeys())
def test_a_channel_from_which_no_conversion_can_be_reached_has_no_effect(paths: Journeys) -> None:
    following: dict[Any, set[Any]] = {}
    for state, other in model.transition_counts(paths):
        if model.transition_counts(paths)[state, other]:
            following.setdefault(state, set()).add(other)
    for row in model.attribute(paths):
        reached, ahead = set(), [("channel", row["channel"])]
        while ahead:
            state = ahead.pop()
            if state not in reached:
                reached.add(state)
                ahead += following.get(state, ())
        assert (row["conversions_markov"] > 0) == (model.CONVERSION in reached)


@given(journeys(channels="a"))
def test_one_channel_is_credited_with_everything(paths: Journeys) -> None:
    (row,) = model.attribute(paths)
    conversions, cents = sum(path[2] for path in paths), sum(path[3] for path in paths)
    assert {row[f"conversions_{rule}"] for rule in RULES} == {conversions}
    assert {row[f"revenue_{rule}"] for rule in RULES} == {Decimal(cents).scaleb(-2)}
    assert row["removal_effect"] == (1.0 if conversions else None)


@given(journeys(longest=2))
def test_linear_is_half_way_between_first_and_last_where_there_are_two(paths: Journeys) -> None:
    for row in model.attribute(paths):
        mean = (row["conversions_first_touch"] + row["conversions_last_touch"]) / 2
        assert row["conversions_linear"] == pytest.approx(mean, abs=1e-6)


@given(journeys())
def test_linear_is_at_most_the_conversions_of_the_journeys_with_the_channel(paths: Journeys) -> None:
    for channel, credited in column(paths, "conversions_linear").items():
        assert 0 <= credited <= sum(conversions for path, _, conversions, _ in paths if channel in path)


@given(journeys().flatmap(lambda paths: st.tuples(st.just(paths), st.permutations(paths))))
def test_the_order_of_the_paths_does_not_matter(both: tuple[Journeys, Journeys]) -> None:
    assert model.attribute(both[0]) == model.attribute(both[1])


def test_nothing_is_shared_out_where_nothing_was_converted() -> None:
    assert model.attribute([]) == []
    rows = model.attribute([(("a", "b"), 3, 0, 0)])
    assert [row["channel"] for row in rows] == ["a", "b"]
    for row in rows:
        assert (row["sessions"], row["journeys"], row["removal_effect"]) == (3, 3, None)
        assert {row[f"{amount}_{rule}"] for amount in ("conversions", "revenue") for rule in RULES} == {0}


def test_channels_may_be_called_like_the_states_of_the_chain() -> None:
    named: Journeys = [(("start", "conversion"), 2, 1, 100), (("no conversion",), 1, 0, 0)]
    plain: Journeys = [(("s", "c"), 2, 1, 100), (("n",), 1, 0, 0)]
    for rule in RULES:
        assert sorted(column(named, f"conversions_{rule}").values()) == sorted(
            column(plain, f"conversions_{rule}").values()
        )


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=8).filter(any))
def test_apportioned_shares_add_up_and_are_within_one_of_their_part(total: int, weights: list[int]) -> None:
    shares = model.apportion(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, sum(weights))) < 1


def test_equal_remainders_are_served_in_their_order() -> None:
    assert model.apportion(2, [1, 1, 1]) == [1, 1, 0]
    assert model.apportion(0, [0, 0]) == [0, 0]


VISITS = """session_id string, visitor_id string, customer_unique_id string, started_at string, ended_at string,
    channel string, provenance string, is_converting boolean, revenue decimal(18, 2)"""


def paths_of(warehouse: Path, *visits: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Journeys of visits: (visitor, person, when, channel) and, for a conversion, its revenue."""
    rows = [
        (f"s{number}", visitor, person, when, when, channel, "observed", bool(sale), Decimal(sale[0] if sale else 0))
        for number, (visitor, person, when, channel, *sale) in enumerate(visits)
    ]
    frame = open_session("local", warehouse).createDataFrame(rows, VISITS)
    moments = frame.withColumns({name: frame[name].cast("timestamp") for name in ("started_at", "ended_at")})
    found = model.journey_paths(moments).collect()
    return sorted((" ".join(row["path"]), row["journeys"], row["conversions"], row["revenue"]) for row in found)


def test_a_conversion_and_thirty_days_end_a_journey(warehouse: Path) -> None:
    assert paths_of(
        warehouse,
        ("v1", None, "2018-01-01 10:00:00", "google"),
        ("v1", None, "2018-01-31 10:00:00", "email", "10.50"),  # thirty days to the second
        ("v1", None, "2018-02-01 10:00:00", "direct", "20.00"),
        ("v1", None, "2018-02-02 10:00:00", "google"),
        ("v1", None, "2018-03-04 10:00:01", "email"),  # a second more
        ("v2", None, "2018-01-01 10:00:00", "google"),
    ) == [
        ("direct", 1, 1, Decimal("20.00")),
        ("email", 1, 0, Decimal("0.00")),
        ("google", 2, 0, Decimal("0.00")),
        ("google email", 1, 1, Decimal("10.50")),
    ]


def test_a_visitor_signed_in_as_one_person_is_that_person_in_all_visits(warehouse: Path) -> None:
    assert paths_of(
        warehouse,
        ("phone", None, "2018-01-01 10:00:00", "google"),
        ("phone", "ana", "2018-01-02 10:00:00", "email"),
        ("laptop", None, "2018-01-03 10:00:00", "facebook"),
        ("laptop", "ana", "2018-01-04 10:00:00", "direct", "9.99"),
    ) == [("google email facebook direct", 1, 1, Decimal("9.99"))]


def test_a_visitor_shared_by_two_people_stays_a_stranger_where_nobody_is_signed_in(warehouse: Path) -> None:
    assert paths_of(
        warehouse,
        ("shared", None, "2018-01-01 10:00:00", "google"),
        ("shared", "ana", "2018-01-02 10:00:00", "email"),
        ("shared", "bia", "2018-01-03 10:00:00", "facebook", "5.00"),
        ("shared", None, "2018-01-04 10:00:00", "direct"),
        ("phone", "ana", "2018-01-05 10:00:00", "instagram"),
        ("ana", None, "2018-01-06 10:00:00", "direct"),  # a cookie is no person, whatever it is called
    ) == [
        ("direct", 1, 0, Decimal("0.00")),
        ("email instagram", 1, 0, Decimal("0.00")),
        ("facebook", 1, 1, Decimal("5.00")),
        ("google direct", 1, 0, Decimal("0.00")),
    ]


def test_visits_at_one_moment_are_in_the_order_of_their_ids(warehouse: Path) -> None:
    visits = [("v1", None, "2018-01-01 10:00:00", channel) for channel in ("google", "email", "direct")]
    assert paths_of(warehouse, *visits) == [("google email direct", 1, 0, Decimal("0.00"))]


EMPTY = {
    "fct_sessions": """select 's' as session_id, 'v' as visitor_id, 'c' as customer_unique_id,
        timestamp '2018-01-01 00:00:00' as started_at, timestamp '2018-01-01 00:00:00' as ended_at,
        'google' as referrer, 'observed' as provenance, 0 as purchases, false as is_bot where false""",
    "clickstream_events": """select 'e' as event_id, 't' as session_id, 'v' as visitor_id, 'page_view' as event_type,
        timestamp '2018-01-01 00:00:00' as event_at, 'o' as order_id where false""",
    "fct_order_items": "select 'o' as order_id, true as is_revenue_order, cast(10 as decimal(18, 2)) as revenue",
}


def rows_of(warehouse: Path, **tables: str) -> list[dict[str, Any]]:
    session = open_session("local", warehouse)

    class Project:
        def ref(self, name: str) -> Any:
            return session.sql({**EMPTY, **tables}[name])

    frame = model.model(Project(), session)
    assert frame.columns == list(model.COLUMNS)
    assert frame.schema["revenue_linear"].dataType.simpleString() == "decimal(18,2)"
    return sorted((row.asDict() for row in frame.collect()), key=lambda row: (row["provenance"], row["channel"]))


def test_the_model_credits_what_was_bought_in_a_visit(warehouse: Path) -> None:
    rows = rows_of(
        warehouse,
        # s4 is a program's; s6 and s7 are another provenance's.
        fct_sessions="""select session_id, visitor_id, customer_unique_id,
            cast(started_at as timestamp) as started_at, cast(ended_at as timestamp) as ended_at, referrer,
            provenance, purchases, is_bot from values
            ('s1', 'v1', null, '2018-05-01 10:00:00', '2018-05-01 10:10:00', 'google', 'generated', 0, false),
            ('s2', 'v1', 'ana', '2018-05-02 10:00:00', '2018-05-02 10:10:00', 'unknown', 'generated', 2, false),
            ('s3', 'v1', 'ana', '2018-05-02 12:00:00', '2018-05-02 12:10:00', 'email', 'generated', 2, false),
            ('s4', 'v4', null, '2018-05-01 10:00:00', '2018-05-01 10:10:00', 'google', 'generated', 1, true),
            ('s6', 'v1', 'ana', '2018-05-01 20:00:00', '2018-05-01 20:10:00', 'google', 'observed', 0, false),
            ('s7', 'v1', 'ana', '2018-05-04 10:00:00', '2018-05-04 10:10:00', 'email', 'observed', 1, false)
            as t (session_id, visitor_id, customer_unique_id, started_at, ended_at, referrer, provenance, purchases,
            is_bot)""",
        # o1 is placed twice, and once more in the other provenance; o2 is canceled.
        clickstream_events="""select event_id, session_id, visitor_id, event_type,
            cast(event_at as timestamp) as event_at, order_id from values
            ('e1', 't', 'v1', 'page_view', '2018-05-01 10:00:00', null),
            ('e2', 't', 'v1', 'purchase', '2018-05-02 10:09:00', 'o1'),
            ('e3', 't', 'v1', 'purchase', '2018-05-02 10:10:00', 'o2'),
            ('e4', 't', 'v1', 'purchase', '2018-05-02 12:01:00', 'o1'),
            ('e5', 't', 'v1', 'purchase', '2018-05-02 12:00:00', 'o3'),
            ('e6', 't', 'v4', 'purchase', '2018-05-01 10:00:00', 'o4'),
            ('e8', 't', 'v1', 'purchase', '2018-05-04 10:05:00', 'o1')
            as t (event_id, session_id, visitor_id, event_type, event_at, order_id)""",
        fct_order_items="""select order_id, order_id != 'o2' as is_revenue_order,
            cast(price as decimal(18, 2)) as revenue from values
            ('o1', 10.01), ('o1', 20.00), ('o2', 500.00), ('o3', 7.00), ('o4', 500.00), ('o5', 500.00)
            as t (order_id, price)""",
    )
    assert [(row["provenance"], row["channel"], row["sessions"], row["journeys"]) for row in rows] == [
        ("generated", "email", 1, 1),
        ("generated", "google", 1, 1),
        ("generated", "unknown", 1, 1),
        ("observed", "email", 1, 1),
        ("observed", "google", 1, 1),
    ]
    assert [
        (row["conversions_first_touch"], row["conversions_last_touch"], row["conversions_linear"]) for row in rows
    ] == [
        (1.0, 1.0, 1.0),
        (1.0, 0.0, 0.5),
        (0.0, 1.0, 0.5),
        (0.0, 1.0, 0.5),
        (1.0, 0.0, 0.5),
    ]
    assert [(row["revenue_first_touch"], row["revenue_last_touch"], row["revenue_linear"]) for row in rows] == [
        tuple(map(Decimal, credits))
        for credits in (
            ("7.00", "7.00", "7.00"),
            ("30.01", "0.00", "15.01"),
            ("0.00", "30.01", "15.00"),
            ("0.00", "30.01", "15.01"),
            ("30.01", "0.00", "15.00"),
        )
    ]


def test_an_order_that_is_not_counted_brings_no_revenue(warehouse: Path) -> None:
    (row,) = rows_of(
        warehouse,
        fct_sessions=EMPTY["fct_sessions"].replace("0 as purchases", "1 as purchases").replace("where false", ""),
        clickstream_events=EMPTY["clickstream_events"].replace("page_view", "purchase").replace("where false", ""),
        fct_order_items=EMPTY["fct_order_items"].replace("'o'", "'another'"),
    )
    assert (row["conversions_markov"], row["revenue_markov"]) == (1.0, 0)


def test_the_model_of_no_visits_is_empty(warehouse: Path) -> None:
    assert rows_of(warehouse) == []

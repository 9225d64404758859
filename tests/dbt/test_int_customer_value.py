"""The pure functions of the Python model, loaded by path as dbt does, and run on the engine."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import check_grad, minimize
from scipy.special import hyp2f1

from lakehouse.session import open_session
from tests.dbt.python_models import load_model

model = load_model("gold/int_customer_value")
Numbers = NDArray[np.float64]
PLANTED = (0.6, 80.0, 0.9, 1.6)


def simulate(people: int, parameters: tuple[float, ...], horizon: float, seed: int) -> dict[str, Numbers]:
    """Histories of people who live by the MBG/NBD model, whether they are still there, and what they buy next."""
    r, alpha, a, b = parameters
    rng = np.random.default_rng(seed)
    rate, leaving = rng.gamma(r, 1 / alpha, people), rng.beta(a, b, people)
    T = rng.uniform(100, 700, people)
    moment, x, t_x, later = np.zeros(people), np.zeros(people), np.zeros(people), np.zeros(people)
    stays = rng.random(people) >= leaving
    alive = stays.copy()
    while stays.any():
        moment = moment + rng.exponential(1 / np.maximum(rate, 1e-12))
        past, future = stays & (moment <= T), stays & (moment > T) & (moment <= T + horizon)
        x, t_x, later = x + past, np.where(past, moment, t_x), later + future
        leaves = rng.random(people) < leaving
        alive &= ~(past & leaves)
        stays = (past | future) & ~leaves
    return {"x": x, "t_x": t_x, "T": T, "alive": alive.astype(float), "later": later}


@pytest.fixture(scope="module")
def population() -> dict[str, Numbers]:
    return simulate(40_000, PLANTED, 180, seed=7)


@pytest.fixture(scope="module")
def fitted(population: dict[str, Numbers]) -> tuple[float, ...]:
    return fit(population)


def fit(people: dict[str, Numbers]) -> tuple[float, ...]:
    found: tuple[float, ...] = model.fit_purchases(people["x"], people["t_x"], people["T"], np.ones(len(people["x"])))
    return found


def closed_form(parameters: tuple[float, ...], x: Any, t_x: Any, T: Any, horizon: float) -> Any:
    """Hoppe and Wagner (2007); it divides by a - 1."""
    r, alpha, a, b = parameters
    series = hyp2f1(r + x, b + x + 1, a + b + x, horizon / (alpha + T + horizon))
    bought = (a + b + x) / (a - 1) * (1 - series * ((alpha + T) / (alpha + T + horizon)) ** (r + x))
    return bought / (1 + a / (b + x) * ((alpha + T) / (alpha + t_x)) ** (r + x))


def near(low: float, high: float) -> st.SearchStrategy[float]:
    """Evenly on the logarithmic scale."""
    return st.floats(np.log(low), np.log(high)).map(lambda power: float(np.exp(power)))


PARAMETERS = st.tuples(near(0.02, 50), near(5, 5000), near(0.02, 50), near(0.02, 50))
SPEND = st.tuples(near(0.02, 50), near(0.02, 50), near(1, 1000))


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, int]:
    age = draw(st.integers(0, 1500))
    last = draw(st.integers(0, age))
    return (draw(st.integers(1, last)) if last else 0), last, age


def test_planted_parameters_are_recovered(fitted: tuple[float, ...]) -> None:
    assert fitted == pytest.approx(PLANTED, rel=0.1)


def test_what_people_did_later_was_expected(population: dict[str, Numbers], fitted: tuple[float, ...]) -> None:
    history = (population["x"], population["t_x"], population["T"])
    expected = model.expected_purchases(fitted, *history, 180)
    alive = model.probability_alive(fitted, *history)
    assert expected.sum() == pytest.approx(population["later"].sum(), rel=0.03)
    assert alive.mean() == pytest.approx(population["alive"].mean(), abs=0.02)
    for low, high in ((0, 0), (1, 2), (3, 1000)):
        group = (population["x"] >= low) & (population["x"] <= high)
        assert expected[group].sum() == pytest.approx(population["later"][group].sum(), rel=0.06)
        assert alive[group].mean() == pytest.approx(population["alive"][group].mean(), abs=0.03)


def test_every_start_leads_to_the_same_maximum(population: dict[str, Numbers]) -> None:
    x, t_x, T = (population[name][:5000] for name in ("x", "t_x", "T"))
    people = np.ones(len(x))
    r, alpha, a, b = model.fit_purchases(x, t_x, T, people)
    for start in np.random.default_rng(3).normal(0, 2, (5, 4)):
        arguments = (x, t_x / 365, T / 365, people)
        found = minimize(model.purchase_objective, start, arguments, "L-BFGS-B", True, tol=1e-14)
        assert np.exp(found.x) == pytest.approx((r, alpha / 365, a, b), rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_gradients_are_those_of_the_objectives(population: dict[str, Numbers], seed: int) -> None:
    rng = np.random.default_rng(seed)
    bought = [population["x"][:200], population["t_x"][:200] / 365, population["T"][:200] / 365, np.ones(200)]
    spent = [rng.integers(2, 6, 30).astype(float), rng.lognormal(0, 1, 30), np.ones(30)]
    for objective, size, columns in ((model.purchase_objective, 4, bought), (model.spend_objective, 3, spent)):

        def part(point: Numbers, which: int, objective: Any = objective, columns: Any = columns) -> Any:
            return objective(point, *columns)[which]

        point = rng.normal(0, 1.5, size)
        assert check_grad(lambda p, part=part: part(p, 0), lambda p, part=part: part(p, 1), point) < 1e-5


@given(PARAMETERS, histories(), st.integers(1, 365))
def test_expected_purchases_are_those_of_the_closed_form(
    parameters: tuple[float, ...], history: tuple[int, int, int], horizon: int
) -> None:
    a = parameters[2]
    # Where the closed form has lost its digits, nothing is compared.
    if abs(a - 1) > 0.01 and a < 5:
        expected = model.expected_purchases(parameters, *history, horizon)
        assert expected == pytest.approx(closed_form(parameters, *history, horizon), rel=1e-4, abs=1e-6)


def test_nothing_happens_where_the_closed_form_divides_by_zero() -> None:
    below, at, above = (
        model.expected_purchases((0.5, 60.0, a, 1.5), 3, 200, 300, 180) for a in (0.999999, 1.0, 1.000001)
    )
    assert at == pytest.approx((below + above) / 2, rel=1e-9)


@given(PARAMETERS, histories(), st.integers(1, 1000))
def test_probability_falls_with_silence_and_nobody_is_surely_there(
    parameters: tuple[float, ...], history: tuple[int, int, int], silence: int
) -> None:
    x, t_x, T = history
    now, later = (model.probability_alive(parameters, x, t_x, age) for age in (T, T + silence))
    assert 0 <= later <= now < 1
    assert model.probability_alive(parameters, x + 1, T + silence, T + silence) >= later


@given(PARAMETERS, histories(), st.integers(1, 365), st.integers(1, 365))
def test_expected_purchases_grow_with_the_horizon_and_stay_below_the_rate(
    parameters: tuple[float, ...], history: tuple[int, int, int], horizon: int, longer: int
) -> None:
    r, alpha, _, _ = parameters
    x, _, T = history
    short, long = (model.expected_purchases(parameters, *history, days) for days in (horizon, horizon + longer))
    assert 0 <= short <= long * (1 + 1e-6)
    without_leaving = (r + x) / (alpha + T) * horizon
    assert short <= model.probability_alive(parameters, *history) * without_leaving * (1 + 1e-6)


@pytest.mark.slow
@given(st.lists(st.tuples(histories(), st.integers(1, 1000)), min_size=1, max_size=12), st.randoms())
@settings(deadline=None, max_examples=50)
def test_small_shops_are_fitted_and_the_order_of_rows_does_not_matter(
    rows: list[tuple[tuple[int, int, int], int]], random: Any
) -> None:
    shuffled = random.sample(rows, len(rows))
    one, other = (
        model.fit_purchases(*np.array([history for history, _ in people]).T, np.array([count for _, count in people]))
        for people in (rows, shuffled)
    )
    assert one == other
    assert np.isfinite(np.log(one)).all()
    expected = model.expected_purchases(one, *np.array([history for history, _ in rows]).T, 180)
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


def test_equal_histories_may_be_counted_or_repeated(population: dict[str, Numbers]) -> None:
    columns = [np.minimum(np.floor(population[name][:3000] / scale), 9) for name, scale in (("x", 1), ("T", 100))]
    rows = np.array([columns[0], columns[1] * 60 * (columns[0] > 0), columns[1] * 100])
    distinct, counts = np.unique(rows, axis=1, return_counts=True)
    assert len(counts) < 100
    assert model.fit_purchases(*distinct, counts) == pytest.approx(
        model.fit_purchases(*rows, np.ones(3000)), rel=1e-4
    )


def test_where_nobody_came_back_little_is_expected_and_less_of_more_people() -> None:
    ages = np.array([100.0, 200.0, 300.0])
    each = []
    for people in (1, 4, 1000, 100_000):
        parameters = model.fit_purchases(np.zeros(3), np.zeros(3), ages, np.full(3, people))
        each.append(model.expected_purchases(parameters, np.zeros(3), np.zeros(3), ages, 180))
        assert (each[-1] > 0).all()
        assert 3 * people * each[-1].mean() < 1
    assert (np.diff(np.array(each), axis=0) < 0).all()


def test_without_anything_to_learn_from_the_prior_is_what_is_known() -> None:
    nobody = np.array([])
    usual = pytest.approx((1, 365, 1, 1))
    assert model.fit_purchases(nobody, nobody, nobody, nobody) == usual
    # They bought today: nobody had the time to come back, or to leave unseen.
    assert model.fit_purchases([0], [0], [0], np.array([12])) == usual
    assert model.fit_spend(nobody, nobody, nobody, 50.0) == pytest.approx((1, 1, 50))
    assert model.fit_spend([2], [0.0], [1], 0.0) == pytest.approx((1, 1, 0))


@pytest.mark.parametrize(
    ("x", "t_x", "T", "people"),
    [
        ([500], [500], [500], [1]),
        ([500], [500], [500], [1e6]),
        ([300], [300], [500], [1e5]),
        ([1], [1], [700], [1e6]),
        ([1], [700], [700], [1e6]),
        ([50, 0], [350, 0], [351, 351], [1e5, 1]),
        ([0, 1, 1], [0, 639, 1], [2864, 1826, 2], [9e5, 5, 28]),
        ([2, 2], [904, 1042], [1961, 1178], [1, 78_674]),
    ],
)
def test_people_who_are_all_alike_are_fitted(
    x: list[float], t_x: list[float], T: list[float], people: list[float]
) -> None:
    history = [np.array(column, dtype=float) for column in (x, t_x, T)]
    parameters = model.fit_purchases(*history, np.array(people))
    expected = model.expected_purchases(parameters, *history, 180)
    assert np.isfinite(expected).all()
    assert ((expected >= 0) & (expected < 181)).all()


def test_a_search_that_ends_nowhere_is_an_error() -> None:
    def nowhere(point: Numbers, column: Numbers) -> tuple[float, Numbers]:
        return 0.0, np.full(len(point), np.nan)

    with pytest.raises(RuntimeError, match="The fit of nowhere did not converge"):
        model.maximise(nowhere, 2, [1.0])


def test_planted_spend_is_recovered() -> None:
    rng = np.random.default_rng(11)
    occasions = rng.integers(2, 6, 20_000).astype(float)
    shape, surplus, mean = 2.0, 2.5, 120.0
    scale = mean * surplus / shape / rng.gamma(surplus + 1, 1, 20_000)
    values = rng.gamma(shape * occasions, scale) / occasions
    assert model.fit_spend(occasions, values, np.ones(20_000), values.mean()) == pytest.approx(
        (shape, surplus, mean), rel=0.1
    )


@given(SPEND, st.integers(1, 50), st.floats(0, 10_000), st.floats(0.01, 100))
def test_expected_value_lies_between_the_persons_and_the_populations(
    parameters: tuple[float, float, float], occasions: int, own: float, scale: float
) -> None:
    p, surplus, mean = parameters
    once, often = (model.expected_value(parameters, n, own) for n in (occasions, occasions + 1))
    assert min(own, mean) * (1 - 1e-9) <= once <= max(own, mean) * (1 + 1e-9)
    assert abs(often - own) <= abs(once - own) + 1e-9 * max(own, mean)
    scaled = model.expected_value((p, surplus, mean * scale), occasions, own * scale)
    assert scaled == pytest.approx(once * scale)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(2, 6), near(1, 1000), st.integers(1, 100)), min_size=1, max_size=10))
@settings(deadline=None, max_examples=50)
def test_the_fit_of_spend_follows_the_currency(rows: list[tuple[int, float, int]]) -> None:
    occasions, values, people = np.array(rows).T
    one = model.fit_spend(occasions, values, people, 80.0)
    other = model.fit_spend(occasions[::-1], values[::-1] * 4, people[::-1], 320.0)
    assert np.isfinite(np.log(one)).all()
    assert (other[0], other[1], other[2] / 4) == one


LINES = [
    ("ana", date(2018, 1, 1), Decimal("10.00")),
    ("ana", date(2018, 1, 1), Decimal("20.00")),
    ("ana", date(2018, 3, 2), Decimal("5.50")),
    ("bob", date(2018, 3, 31), Decimal("7.00")),
    ("eva", date(2017, 1, 1), Decimal("0.00")),
]
SCHEMA = "customer_unique_id string, purchase_date date, revenue decimal(18,2), reporting_date date"


def test_customer_value_on_the_engine(warehouse: Path) -> None:
    session = open_session("local", warehouse)
    lines = session.createDataFrame([(*line, date(2018, 3, 31)) for line in LINES], SCHEMA)
    people = model.purchase_histories(lines)
    assert {tuple(row) for row in people.collect()} == {
        ("ana", 1, 60, 89, 3550),
        ("bob", 0, 0, 0, 700),
        ("eva", 0, 0, 454, 0),
    }
    frame = model.customer_value(people)
    rows = {row["customer_unique_id"]: row.asDict() for row in frame.collect()}
    assert rows == {row["customer_unique_id"]: row.asDict() for row in frame.collect()}
    counts = [np.array(column) for column in ([1, 0, 0], [60, 0, 0], [89, 0, 454])]
    purchases = model.fit_purchases(*counts, np.ones(3))
    spend = model.fit_spend([2], [1775.0], [1], 4250 / 4)
    assert rows["ana"] == {
        "customer_unique_id": "ana",
        "repeat_occasions": 1,
        "days_first_to_last": 60,
        "age_days": 89,
        "revenue_cents": 3550,
        "probability_alive": round(float(model.probability_alive(purchases, 1, 60, 89)), 6),
        "expected_occasions": round(float(model.expected_purchases(purchases, 1, 60, 89, 180)), 6),
        "expected_occasion_cents": round(model.expected_value(spend, 2, 1775.0)),
    }
    assert rows["eva"]["probability_alive"] < rows["bob"]["probability_alive"] < 1
    assert 0 < rows["eva"]["expected_occasion_cents"] < spend[2]


def test_customer_value_of_nobody_is_empty(warehouse: Path) -> None:
    nobody = open_session("local", warehouse).createDataFrame([], SCHEMA)
    assert model.customer_value(model.purchase_histories(nobody)).collect() == []

"""What the churn study calls the best that can be known: right on average, better the more is known, blind to the
future."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from data_generation.parameters import Parameters
from data_generation.shop import block
from data_generation.world import World
from ml.churn import ranking
from tests.studies.churn import FURTHER_ORDERS, dearest, silver
from tests.studies.churn_oracles import Oracles

pytestmark = pytest.mark.slow

DAY, HORIZON = date(2018, 2, 21), 180


def shop(strength: float) -> tuple[World, pd.DataFrame]:
    world = World(7, 0.1, Parameters(repeat_strength=strength, further_orders=FURTHER_ORDERS))
    return world, dearest(silver(block(world, 0, world.people).files, world))


def known(placed: pd.DataFrame) -> pd.DataFrame:
    """A row a person: orders and days since the last before the day, and whether one came within the horizon."""
    days = placed.assign(day=placed["purchased_at"].dt.date)
    frame = days[days["day"] < DAY].groupby("customer_unique_id")["day"].agg(["size", "max"])
    after = days[(days["day"] >= DAY) & (days["day"] < DAY + timedelta(HORIZON))]["customer_unique_id"]
    absent = [(DAY - last).days for last in frame["max"]]
    return frame.assign(absent=absent, bought=frame.index.isin(set(after)).astype(float))


def rankings(oracles: Oracles, people: pd.DataFrame) -> dict[str, np.ndarray]:
    orders, absent = people["size"].to_numpy(float), people["absent"].to_numpy(float)
    return oracles.rankings(DAY, people.index.to_numpy(dtype=object), orders, absent, HORIZON)


def test_who_knows_more_ranks_better_and_all_are_right_on_average() -> None:
    world, placed = shop(1.5)
    people = known(placed)
    bought = people["bought"].to_numpy()
    found = rankings(Oracles(world, placed), people)
    auc = {name: ranking.measure(scores, bought)["auc"] for name, scores in found.items()}
    assert 0.7 < auc["observer"] < auc["oracle"] - 0.02 < auc["all_knowing"] - 0.04
    error = 3 * np.sqrt(bought.mean() / len(bought))
    assert {name: scores.mean() for name, scores in found.items()} == pytest.approx(
        dict.fromkeys(found, bought.mean()), abs=error
    )
    # Whoever takes one person for another knows nothing but the counts.
    mixed = people.set_axis(np.random.default_rng(0).permutation(people.index))
    lost = rankings(Oracles(world, placed), mixed)
    assert ranking.measure(lost["observer"], bought)["auc"] < auc["observer"] - 0.03


def test_without_propensity_there_is_nothing_to_know_of_people() -> None:
    world, placed = shop(0.0)
    found = rankings(Oracles(world, placed), known(placed))
    np.testing.assert_allclose(found["observer"], found["all_knowing"])
    np.testing.assert_allclose(found["oracle"], found["all_knowing"])


def test_the_observer_sees_nothing_of_the_day_and_after() -> None:
    world, placed = shop(1.5)
    people = known(placed)
    before = placed[placed["purchased_at"].dt.date < DAY]
    assert len(before) < len(placed)
    all_, early = (rankings(Oracles(world, seen), people)["observer"] for seen in (placed, before))
    np.testing.assert_array_equal(all_, early)

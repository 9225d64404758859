"""Catalogs and tastes: what is drawn is what was asked for, and taste shows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_generation.draws import Draws, numbered
from data_generation.tastes import PRICE_LEVELS, STYLES, Catalog, people_truth, pick_groups, price_levels, tastes_of

DRAWS = Draws(11)


def a_catalog(products: int = 600, categories: int = 4) -> Catalog:
    keys = numbered(0, products)
    return Catalog(
        DRAWS.ids("product", keys),
        DRAWS.integers("category", keys, 0, categories),
        DRAWS.integers("style", keys, 0, STYLES),
        DRAWS.integers("level", keys, 0, PRICE_LEVELS),
        np.exp(DRAWS.normal("popularity", keys)),
        categories,
    )


def test_a_product_of_the_group_is_drawn_in_proportion_to_its_popularity() -> None:
    popularity = np.array([1.0, 3.0, 5.0, 0.0])
    catalog = Catalog(
        pa.array(["a", "b", "c", "d"]), np.array([0, 0, 1, 0]), np.zeros(4, int), np.zeros(4, int), popularity, 2
    )
    uniform = DRAWS.uniform("u", numbered(0, 10_000))
    zero = np.zeros(len(uniform), int)
    counts = np.bincount(catalog.draw(uniform, zero, zero, zero), minlength=4)
    assert counts[[2, 3]].tolist() == [0, 0]
    assert counts[1] / counts[0] == pytest.approx(3, rel=0.1)
    assert catalog.category_weights.tolist() == [4.0, 5.0]


def test_an_empty_group_falls_back_to_its_category_and_then_to_the_shop() -> None:
    catalog = Catalog(
        pa.array(["a", "b"]), np.array([0, 2]), np.array([1, 1]), np.array([0, 0]), np.array([1.0, 1.0]), 3
    )
    uniform = np.linspace(0, 0.999, 50)
    ask = np.ones(50, int)
    assert set(catalog.draw(uniform, 0 * ask, 5 * ask, 2 * ask)) == {0}
    assert set(catalog.draw(uniform, ask, ask, 0 * ask)) == {0, 1}


@given(st.integers(0, 3), st.integers(0, STYLES - 1), st.integers(0, PRICE_LEVELS - 1), st.floats(0, 0.9999))
def test_what_is_drawn_is_of_the_category(category: int, style: int, level: int, uniform: float) -> None:
    catalog = a_catalog()
    (product,) = catalog.draw(np.array([uniform]), np.array([category]), np.array([style]), np.array([level]))
    assert DRAWS.integers("category", numbered(0, 600), 0, 4)[product] == category


def test_tastes_belong_to_the_person_and_their_shares_sum_to_one() -> None:
    people, weights = numbered(0, 5_000), np.array([5.0, 3.0, 2.0])
    whole = tastes_of(DRAWS, people, weights, 0.75)
    part = tastes_of(DRAWS, people[1_000:1_010], weights, 0.75)
    for all_of, some in zip(whole, part, strict=True):
        assert (all_of[1_000:1_010] == some).all()
    assert whole.styles.sum(axis=1) == pytest.approx(1.0)
    assert np.bincount(whole.favourites[:, 0]) / len(people) == pytest.approx(weights / 10, abs=0.03)


@pytest.mark.parametrize(("strength", "share"), [(0.0, 1 / STYLES), (0.75, 0.25 / STYLES + 0.6), (1.0, 0.8)])
def test_the_first_style_is_picked_as_often_as_the_strength_says(strength: float, share: float) -> None:
    people = numbered(0, 20_000)
    tastes = tastes_of(DRAWS, people, np.ones(3), strength)
    _, style, level = pick_groups(DRAWS, "p", people, tastes, np.arange(len(people)), strength)
    assert (style == tastes.styles.argmax(axis=1)).mean() == pytest.approx(share, abs=0.02)
    own = strength + (1 - strength) / PRICE_LEVELS
    assert (level == tastes.price_level).mean() == pytest.approx(own, abs=0.02)


def test_price_levels_sell_a_third_of_each_category() -> None:
    keys = numbered(0, 4_000)
    category, price = DRAWS.integers("c", keys, 0, 3), DRAWS.uniform("price", keys)
    popularity = np.exp(DRAWS.normal("pop", keys))
    level = price_levels(category, price, popularity)
    for group in range(3):
        inside = category == group
        sold = np.bincount(level[inside], popularity[inside])
        assert sold / sold.sum() == pytest.approx(1 / 3, abs=0.05)
        assert price[inside & (level == 0)].max() <= price[inside & (level == 2)].min()


def test_products_that_nobody_buys_have_a_level_too() -> None:
    level = price_levels(np.array([0, 0, 1]), np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0]))
    assert set(level) <= {0, 1, 2}


@pytest.mark.parametrize("nameless", [None, ""])
def test_the_truth_names_favourites_as_the_products_file_does(nameless: str | None) -> None:
    people, names = numbered(0, 500), ["moveis", "livros", nameless]
    tastes = tastes_of(DRAWS, people, np.ones(3), 0.75)
    truth = people_truth(DRAWS.ids("p", people), np.ones(500), tastes, pa.array(names, pa.string()))
    for rank in range(3):
        expected = [names[category] or None for category in tastes.favourites[:, rank]]
        assert truth[f"favourite_{rank + 1}"].to_pylist() == expected
    assert set(truth["favourite_1"].to_pylist()) == {"moveis", "livros", None}
    assert len({truth.column_names.index(f"style_{number}") for number in range(STYLES)}) == STYLES
    assert truth["price_level"].to_pylist() == tastes.price_level.tolist()

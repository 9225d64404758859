"""The made-up shop beside the real one, and a large one beside a small one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_generation.generate import generate
from data_generation.measure import measure, read_shop
from data_generation.profile import PROFILE
from data_generation.request import Request
from tests.calibration import BOUNDS, order_features, statistics, tell_apart

pytestmark = pytest.mark.slow
SHOP = ("customers", "orders", "order_items", "order_payments", "order_reviews", "products", "sellers", "geolocation")
CLASSIFIER_BOUND = 0.75
"""How much of the area under its ROC curve a classifier may reach; 0.5 is a coin."""


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration") / "shop"
    generate(Request(folder, only=(*SHOP, "product_category_translations")))
    return folder


@pytest.mark.olist
def test_the_made_up_shop_is_like_the_real_one(olist_archive: Path, made_up: Path) -> None:
    compared = statistics(read_shop(olist_archive), read_shop(made_up))
    assert len(compared) >= 20
    assert [row for row in compared if not row.distance <= BOUNDS[row.name]] == []


@pytest.mark.olist
def test_a_classifier_hardly_tells_the_orders_apart(olist_archive: Path, made_up: Path) -> None:
    area, columns = tell_apart(read_shop(olist_archive), read_shop(made_up))
    assert 0.5 < area <= CLASSIFIER_BOUND, columns.head(10)


@pytest.mark.olist
def test_the_profile_can_be_measured_again(olist_archive: Path, tmp_path: Path) -> None:
    again = json.loads(json.dumps(measure(olist_archive)))
    kept = json.loads(PROFILE.read_text())
    assert again.keys() == kept.keys()
    for name, part in kept.items():
        if name != "trees":
            assert again[name] == part, name


@pytest.mark.olist
def test_no_id_town_or_comment_of_the_real_shop_is_in_the_profile(olist_archive: Path) -> None:
    said = set(texts(json.loads(PROFILE.read_text())))
    assert "SP" in said
    private = {
        str(value)
        for table in read_shop(olist_archive).values()
        for column in table.columns
        if column.endswith(("_id", "_city", "_title", "_message"))
        for value in table[column].dropna().unique()
        # Towns are called "flores" and "sales" too.
        if len(str(value)) > 6
    }
    assert len(private) > 300_000
    assert not said & private
    assert not re.findall("[0-9a-f]{32}", PROFILE.read_text())


def texts(part: object) -> Iterator[str]:
    """All texts in something read from JSON, names and values."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        yield from part
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)


def test_the_classifier_does_notice_what_is_wrong(made_up: Path) -> None:
    shop = read_shop(made_up)
    orders = shop["orders"]
    late = orders.assign(
        order_approved_at=orders["order_approved_at"]
        + (orders["order_approved_at"] - orders["order_purchase_timestamp"])
    )
    area, columns = tell_apart(shop, {**shop, "orders": late})
    assert area > 0.6
    assert "approval_hours" in columns.head(3).index
    assert order_features(shop).shape[1] >= 30


def test_the_size_of_the_shop_changes_no_distribution(made_up: Path, tmp_path: Path) -> None:
    generate(Request(tmp_path / "small", scale=0.2, only=(*SHOP, "product_category_translations")))
    compared = statistics(read_shop(made_up), read_shop(tmp_path / "small"))
    assert [row for row in compared if not row.distance <= BOUNDS[row.name]] == []

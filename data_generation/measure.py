"""Measure the real shop: ``python -m data_generation.measure archive.zip`` writes ``profile.json``.

The profile holds shares, quantiles, correlations and trees of them only; no row of the archive and no id is in it.
The made-up shop is drawn from it, so whoever has the archive can make the profile again and see where each figure
comes from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from data_generation.measured_trees import (
    answer_trees,
    freight_tree,
    known_of_orders,
    quantiles,
    size_trees,
    traits_of_products,
    way_trees,
)
from data_generation.profile import DELAYS, PRODUCT_TRAITS, PROFILE, VALUES
from lakehouse.delivery import Delivery
from lakehouse.errors import LakehouseError

RARE = 200
"""Cells with fewer cases share the quantiles of all."""
SPECIAL_DAY = 1.6
"""A day with this many times the orders of such weekdays around it stands apart."""
PRICE_POINTS = 2_000
"""Evenly spaced quantiles of all prices: shops like 49.90 better than 47.13."""
TITLES_FROM = "2018-04-24"
"""Before, reviews had no titles."""
MOST_INSTALMENTS = 24


def measure(archive: Path) -> dict[str, Any]:
    """The profile of an archive in Olist's form.

    Raises:
        LakehouseError: the archive cannot be read or lacks a file.
    """
    shop = read_shop(archive)
    orders, items, products = shop["orders"], shop["order_items"], shop["products"]
    items = items.merge(products, on="product_id").merge(shop["sellers"], on="seller_id")
    orders = orders.merge(shop["customers"], on="customer_id")
    lines = items.merge(orders, on="order_id")
    states, categories = _by_distance(orders), _by_weight(items)
    told = known_of_orders(orders, lines, shop["order_payments"], states)
    return {
        "state_order": states,
        **_calendar(orders),
        **_places(orders, lines, shop["sellers"]),
        **_products(items, products, shop["product_category_translations"], categories),
        **_baskets(items),
        "free_freight": _free_freight(lines),
        **_statuses(orders, items),
        **_payments(shop["order_payments"]),
        **_reviews(orders, items, shop["order_reviews"]),
        "arrival_weekdays": _shares(told["arrived_weekday"]),
        "shipping_limit_shift": quantiles(
            (told["limit_at"] - told["approved_at"]).mod(86_400).add(43_200).mod(86_400) - 43_200, 0
        ),
        "trees": {
            **size_trees(items, categories),
            "freight": freight_tree(lines, states),
            **way_trees(told),
            **answer_trees(told, shop["order_reviews"]),
        },
    }


def read_shop(archive: Path) -> dict[str, pd.DataFrame]:
    """The nine files by Bronze table, times parsed, zip prefixes as text.

    Raises:
        LakehouseError: the archive cannot be read or lacks a file.
    """
    delivery = Delivery(archive)
    prefixes = dict.fromkeys(
        ("customer_zip_code_prefix", "seller_zip_code_prefix", "geolocation_zip_code_prefix"), str
    )
    shop = {}
    for table, file in (
        ("orders", "olist_orders_dataset.csv"),
        ("order_items", "olist_order_items_dataset.csv"),
        ("customers", "olist_customers_dataset.csv"),
        ("order_payments", "olist_order_payments_dataset.csv"),
        ("order_reviews", "olist_order_reviews_dataset.csv"),
        ("products", "olist_products_dataset.csv"),
        ("sellers", "olist_sellers_dataset.csv"),
        ("product_category_translations", "product_category_name_translation.csv"),
        ("geolocation", "olist_geolocation_dataset.csv"),
    ):
        with delivery.open(file) as stream:
            frame = pd.read_csv(stream, dtype=prefixes, encoding="utf-8-sig")
        for column in frame.columns:
            if column.endswith(("_timestamp", "_date", "_at")):
                frame[column] = pd.to_datetime(frame[column])
        shop[table] = frame
    return shop


def _shares(values: pd.Series, digits: int = 5) -> dict[str, float]:
    shares = values.value_counts(normalize=True).round(digits)
    return {str(key): float(share) for key, share in sorted(shares.items()) if share > 0}


def _calendar(orders: pd.DataFrame) -> dict[str, Any]:
    day = orders["order_purchase_timestamp"].dt.normalize()
    month = day.dt.strftime("%Y-%m")
    daily = day.value_counts().sort_index()
    # Before and after them there are hardly any orders a day.
    regular = daily.loc[pd.Timestamp("2017-02-01") : pd.Timestamp("2018-08-20")]
    level = regular.rolling(29, center=True, min_periods=15).median()
    weekday = (regular / level).groupby(regular.index.day_of_week).median()
    expected = level * weekday.reindex(regular.index.day_of_week).to_numpy()
    ratio = regular / expected
    special = ratio[ratio > SPECIAL_DAY]
    hour = orders["order_purchase_timestamp"].dt.hour
    weekend = orders["order_purchase_timestamp"].dt.day_of_week >= 5
    hours = pd.crosstab(weekend, hour, normalize="index")
    return {
        "months": {name: [len(days), int(days.min().day), int(days.max().day)] for name, days in day.groupby(month)},
        "weekday": (weekday / weekday.mean()).round(4).tolist(),
        "special_days": {str(date.date()): round(float(times), 2) for date, times in special.items()},
        "day_noise": round(float(np.log(ratio[ratio <= SPECIAL_DAY]).abs().median() / norm.ppf(0.75)), 3),
        "hours": hours.round(5).to_numpy().tolist(),
    }


def _places(orders: pd.DataFrame, lines: pd.DataFrame, sellers: pd.DataFrame) -> dict[str, Any]:
    states = _shares(orders["customer_state"])
    person = orders.groupby("customer_unique_id")
    moved = person["customer_zip_code_prefix"].nunique() > 1
    abroad = (person["customer_state"].nunique() > 1)[moved].mean()
    return {
        "states": states,
        # Whoever may go anywhere goes back to the same state as often as two people are of one.
        "moves_anywhere": round(float(abroad / (1 - sum(share**2 for share in states.values()))), 3),
        "seller_states": _shares(sellers["seller_state"]),
        "sales_by_seller_state": _shares(lines["seller_state"]),
    }


def _by_distance(orders: pd.DataFrame) -> list[str]:
    """The states, those first whose parcels arrive soonest: an order that trees can split."""
    days = orders["order_delivered_customer_date"] - orders["order_purchase_timestamp"]
    return days.groupby(orders["customer_state"]).mean().sort_values().index.to_list()


def _by_weight(items: pd.DataFrame) -> list[str]:
    """The categories, light ones first; no category as an empty text."""
    names = items["product_category_name"].fillna("")
    return items["product_weight_g"].groupby(names).median().sort_values(kind="stable").index.to_list()


def _products(
    items: pd.DataFrame, products: pd.DataFrame, translations: pd.DataFrame, names: list[str]
) -> dict[str, Any]:
    english = dict(translations.itertuples(index=False))
    traits = traits_of_products(items)
    by_category = dict(list(traits.groupby(items["product_category_name"].fillna(""))))
    categories = []
    for name in names:
        group = by_category[name]
        first = items.loc[group.index].drop_duplicates("product_id").index
        usual = {trait: quantiles(group[trait]) for trait in ("price", "weight_g") if len(group) >= RARE}
        categories.append(
            {
                "name": name,
                "english": english.get(name),
                "sales": round(len(group) / len(traits), 5),
                "products": round(len(first) / len(products), 5),
                **usual,
            }
        )
    by_product = traits.loc[items.drop_duplicates("product_id").index]
    within = items.loc[by_product.index, "product_category_name"].fillna("")
    scores = by_product.groupby(within).rank(pct=True, method="average").clip(0.001, 0.999)
    correlation = pd.DataFrame(norm.ppf(scores), columns=PRODUCT_TRAITS).corr().round(2)
    return {
        "categories": categories,
        "product_traits": {trait: quantiles(traits[trait]) for trait in PRODUCT_TRAITS},
        "product_correlation": correlation.to_numpy().tolist(),
        "price_points": quantiles(items["price"], at=np.linspace(0, 1, PRICE_POINTS)),
        "round_weights": round(float((products["product_weight_g"] % 50 == 0).mean()), 3),
    }


def _baskets(items: pd.DataFrame) -> dict[str, Any]:
    distinct = items.groupby("order_id")["product_id"].nunique().clip(upper=6)
    copies = items.groupby(["order_id", "product_id"]).size().clip(upper=8)
    sold_by = items.groupby(["product_id", "seller_id"]).size().groupby("product_id")
    sold, most, several = sold_by.sum(), sold_by.max(), sold_by.size() > 1
    together = items[items["order_id"].isin(distinct[distinct > 1].index)].groupby("order_id")
    return {
        "products_per_order": _shares(distinct),
        "copies": _shares(copies),
        # Of a product that was sold once nobody knows who else sells it.
        "second_seller": round(float(several[sold > 1].mean()), 3),
        "by_second_seller": round(float(1 - most[several].sum() / sold[several].sum()), 3),
        "same_category": round(float((together["product_category_name"].nunique() == 1).mean()), 3),
        "same_seller": round(float((together["seller_id"].nunique() == 1).mean()), 3),
    }


def _free_freight(lines: pd.DataFrame) -> dict[str, float]:
    """The share of items whose way costs nothing, by month."""
    free = (lines["freight_value"] == 0).groupby(lines["order_purchase_timestamp"].dt.strftime("%Y-%m")).mean()
    return {str(month): round(float(share), 5) for month, share in free[free > 0].items()}


def _statuses(orders: pd.DataFrame, items: pd.DataFrame) -> dict[str, Any]:
    late = orders["order_purchase_timestamp"] >= "2018-09-01"
    no_items = ~orders["order_id"].isin(items["order_id"])
    handed, came = orders["order_delivered_carrier_date"], orders["order_delivered_customer_date"]
    return {
        "status": _shares(orders["order_status"][~late]),
        "status_at_the_end": _shares(orders["order_status"][late]),
        "no_items": {
            status: round(float(share), 3)
            for status, share in no_items.groupby(orders["order_status"]).mean().items()
        },
        "reached": {
            status: [
                round(float(group[column].notna().mean()), 3)
                for column in ("order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date")
            ]
            for status, group in orders.groupby("order_status")
        },
        "delivered_before_handed_over": round(float((came < handed)[came.notna()].mean()), 5),
    }


def _payments(payments: pd.DataFrame) -> dict[str, Any]:
    payments = payments[payments["payment_type"] != "not_defined"]
    first = payments[payments["payment_sequential"] == 1]
    cards = first[first["payment_type"] == "credit_card"]
    band = np.digitize(cards["payment_value"], VALUES)
    instalments = pd.crosstab(band, cards["payment_installments"].clip(1, MOST_INSTALMENTS), normalize="index")
    instalments = instalments.reindex(columns=range(1, MOST_INSTALMENTS + 1), fill_value=0)
    parts = payments.groupby("order_id").size().clip(upper=5)
    first_share = first.set_index("order_id")["payment_value"] / payments.groupby("order_id")["payment_value"].sum()
    return {
        "payment_type": _shares(first["payment_type"]),
        "instalments": instalments.round(4).to_numpy().tolist(),
        "payments_per_order": _shares(parts),
        "first_payment_share": quantiles(first_share[parts.reindex(first_share.index) > 1], 3),
    }


def _reviews(orders: pd.DataFrame, items: pd.DataFrame, reviews: pd.DataFrame) -> dict[str, Any]:
    lines = items.groupby("order_id").size()
    told = reviews.merge(orders, on="order_id")
    several = (told["order_id"].map(lines).fillna(1) > 1).astype(int)
    delivered = told["order_delivered_customer_date"].notna()
    delay = (told["order_delivered_customer_date"].dt.normalize() - told["order_estimated_delivery_date"]).dt.days
    score = told["review_score"]
    by_delay = pd.crosstab(
        [several[delivered], np.digitize(delay[delivered], DELAYS, right=True)], score[delivered], normalize="index"
    )
    undelivered = pd.crosstab(told["order_status"][~delivered], score[~delivered], normalize="index")
    created = told["review_creation_date"]
    after = (created - told["order_delivered_customer_date"].dt.normalize()).dt.days
    in_time = delivered & (delay <= 1)
    overdue = (created - told["order_estimated_delivery_date"]).dt.days
    return {
        "reviewed": round(float(orders["order_id"].isin(reviews["order_id"]).mean()), 4),
        "reviewed_twice": round(float((reviews.groupby("order_id").size() > 1).mean()), 4),
        "score_by_delay": [by_delay.loc[number].round(4).to_numpy().tolist() for number in (0, 1)],
        "score_undelivered": {
            str(status): [round(float(value), 3) for value in row]
            for status, row in zip(undelivered.index, undelivered.to_numpy(), strict=True)
        },
        "review_after_delivery": _shares(after[in_time & after.between(-10, 10)], 4),
        "review_after_promise": _shares(overdue[~in_time & overdue.between(-10, 10)], 4),
        "review_titles_from": TITLES_FROM,
        "review_titles": told.loc[created >= TITLES_FROM, "review_comment_title"]
        .notna()
        .groupby(score)
        .mean()
        .round(3)
        .to_list(),
        "review_messages": told["review_comment_message"].notna().groupby(score).mean().round(3).to_list(),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m data_generation.measure ARCHIVE")
    try:
        measured = measure(Path(sys.argv[1]))
    except LakehouseError as error:
        sys.exit(f"Error: {error}")
    PROFILE.write_text(json.dumps(measured, ensure_ascii=False, separators=(",", ":")) + "\n")

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
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from sklearn.tree import DecisionTreeClassifier

from data_generation.profile import DELAYS, GRID, LEAF_GRID, PRODUCT_TRAITS, PROFILE, SIZES, VALUES
from lakehouse.delivery import Delivery

RARE = 200
"""Cells with fewer cases share the quantiles of all."""
SPECIAL_DAY = 1.6
"""A day with this many times the orders of such weekdays around it stands apart."""
PRICE_POINTS = 2_000
"""Evenly spaced quantiles of all prices: shops like 49.90 better than 47.13."""
TITLES_FROM = "2018-04-24"
"""Before, reviews had no titles."""
MOST_INSTALMENTS = 24
CLASSES = 24
"""Into how many classes of about the same size trees sort what they explain."""


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
    told = _given(orders, lines, shop["order_payments"], states)
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
        "shipping_limit_shift": _quantiles(
            (told["limit_at"] - told["approved_at"]).mod(86_400).add(43_200).mod(86_400) - 43_200, 0
        ),
        "trees": {
            **_size_trees(items, categories),
            "freight": _freight_tree(lines, states),
            **_way_trees(told),
            **_answer_trees(told, shop["order_reviews"]),
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


def _quantiles(values: pd.Series, digits: int = 2, at: npt.ArrayLike = GRID) -> list[float]:
    return np.round(np.quantile(values.dropna(), np.clip(at, 0.001, 0.999), method="nearest"), digits).tolist()


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
    traits = _traits(items)
    by_category = dict(list(traits.groupby(items["product_category_name"].fillna(""))))
    categories = []
    for name in names:
        group = by_category[name]
        first = items.loc[group.index].drop_duplicates("product_id").index
        usual = {trait: _quantiles(group[trait]) for trait in ("price", "weight_g") if len(group) >= RARE}
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
        "product_traits": {trait: _quantiles(traits[trait]) for trait in PRODUCT_TRAITS},
        "product_correlation": correlation.to_numpy().tolist(),
        "price_points": _quantiles(items["price"], at=np.linspace(0, 1, PRICE_POINTS)),
        "round_weights": round(float((products["product_weight_g"] % 50 == 0).mean()), 3),
    }


def _size_trees(items: pd.DataFrame, categories: list[str]) -> dict[str, Any]:
    """Boxes: each size given what is in it and the sizes before."""
    sold = items.dropna(subset=["product_weight_g"]).groupby("product_id").head(20)
    given = pd.DataFrame(
        {
            "weight_g": sold["product_weight_g"],
            "category": sold["product_category_name"].fillna("").map(_positions(categories)),
            "price": sold["price"],
        }
    )
    trees = {}
    for size in SIZES:
        trees[size] = _grow(given, sold[f"product_{size}"], 120, least=60, digits=0)
        given[size] = sold[f"product_{size}"]
    return trees


def _positions(names: list[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}


def _grow(given: pd.DataFrame, explained: pd.Series, leaves: int, digits: int, least: int = 150) -> dict[str, Any]:
    """A tree over what is given, with quantiles of what is explained in its leaves of ``least`` cases or more."""
    bounds = np.unique(np.quantile(explained, np.arange(1, CLASSES) / CLASSES))
    tree = DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=leaves, min_samples_leaf=least, random_state=0
    ).fit(given, np.searchsorted(bounds, explained))
    inner = tree.tree_.children_left >= 0
    number = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(~inner))
    leaf = tree.apply(given)
    cases = explained.groupby(leaf)
    return {
        "names": list(given.columns),
        "name": tree.tree_.feature[inner].tolist(),
        "bound": [float(f"{bound:.6g}") for bound in tree.tree_.threshold[inner]],
        "left": number[tree.tree_.children_left[inner]].tolist(),
        "right": number[tree.tree_.children_right[inner]].tolist(),
        "values": [_quantiles(cases.get_group(each), digits, LEAF_GRID) for each in np.flatnonzero(~inner)],
    }


def _traits(items: pd.DataFrame) -> pd.DataFrame:
    renamed = {
        "product_photos_qty": "photos_qty",
        "product_description_lenght": "description_length",
        "product_name_lenght": "name_length",
        **{f"product_{size}": size for size in ("weight_g", "length_cm", "height_cm", "width_cm")},
    }
    return items.rename(columns=renamed)[list(PRODUCT_TRAITS)].astype(float)


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


def _given(orders: pd.DataFrame, lines: pd.DataFrame, payments: pd.DataFrame, states: list[str]) -> pd.DataFrame:
    """What the trees of an order's way are grown over, a row an order with items that went all the way.

    Days are whole calendar days; times of day are hours; moments are seconds since the epoch.
    """
    first = payments[payments["payment_sequential"] == 1].set_index("order_id")["payment_type"]
    lead = lines.drop_duplicates("order_id").set_index("order_id")
    orders = orders.set_index("order_id").join(first)
    orders = orders.join(lead[["seller_state", "product_weight_g", "shipping_limit_date"]])
    orders = orders.join(lines.groupby("order_id")[["price", "freight_value"]].sum())
    orders = orders[orders["order_status"].eq("delivered")].dropna()
    times = {
        "purchased": orders["order_purchase_timestamp"],
        "approved": orders["order_approved_at"],
        "limit": orders["shipping_limit_date"],
        "handed": orders["order_delivered_carrier_date"],
        "arrived": orders["order_delivered_customer_date"],
        "promised": orders["order_estimated_delivery_date"],
    }
    given = pd.DataFrame(index=orders.index)
    for name, moment in times.items():
        given[f"{name}_at"] = (moment - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
        given[f"{name}_day"] = given[f"{name}_at"] // 86_400
        given[f"{name}_weekday"] = moment.dt.day_of_week
        given[f"{name}_hour"] = given[f"{name}_at"] % 86_400 / 3600
    given["month"] = (times["purchased"].dt.year - 1970) * 12 + times["purchased"].dt.month - 1
    given["payment_type"] = orders["payment_type"].map(_positions(sorted(payments["payment_type"].unique())))
    given["buyer_state"] = orders["customer_state"].map(_positions(states))
    given["seller_state"] = orders["seller_state"].map(_positions(states))
    given["same_state"] = given["buyer_state"] == given["seller_state"]
    given["weight_g"] = orders["product_weight_g"]
    given["price"], given["freight"] = orders["price"], orders["freight_value"]
    return given


def _way_trees(told: pd.DataFrame) -> dict[str, Any]:
    """Each step of an order's way given the steps before."""
    told = told.assign(
        limit_days=((told["limit_at"] - told["approved_at"]) / 86_400).round(),
        promised_days=told["promised_day"] - told["purchased_day"],
        handling_days=told["handed_day"] - told["approved_day"],
        transit_days=told["arrived_day"] - told["handed_day"],
    )
    told["to_limit"] = told["approved_day"] - told["purchased_day"] + told["limit_days"]
    told["days_left"] = told["promised_day"] - told["handed_day"]
    route = ["buyer_state", "seller_state", "same_state", "month", "weight_g", "freight"]
    bought, approved = ["purchased_weekday", "purchased_hour"], ["approved_weekday", "approved_hour"]
    return {
        name: _grow(told[given], explained, leaves, digits)
        for name, explained, given, leaves, digits in (
            (
                "approval_hours",
                (told["approved_at"] - told["purchased_at"]) / 3600,
                ["payment_type", "month", *bought],
                160,
                3,
            ),
            ("limit_days", told["limit_days"], ["month", *approved, "seller_state", "weight_g", "price"], 80, 0),
            ("promised_days", told["promised_days"], [*route, *bought, "to_limit", "price"], 300, 0),
            (
                "handling_days",
                told["handling_days"],
                ["limit_days", "promised_days", *approved, "month", "seller_state", "same_state", "weight_g"],
                200,
                0,
            ),
            (
                "handed_hour",
                told["handed_hour"],
                ["handling_days", *approved, "month", "seller_state"],
                120,
                2,
            ),
            ("transit_days", told["transit_days"], [*route, "days_left", "handed_weekday", "handed_hour"], 300, 0),
            (
                "arrived_hour",
                told["arrived_hour"],
                ["buyer_state", "arrived_weekday", "month", "transit_days"],
                100,
                2,
            ),
        )
    }


def _answer_trees(told: pd.DataFrame, reviews: pd.DataFrame) -> dict[str, Any]:
    """When people answer who were asked about a parcel that came."""
    created, answered = reviews["review_creation_date"], reviews["review_answer_timestamp"]
    reviews = reviews.assign(
        asked_day=(created - pd.Timestamp(0)).dt.days,
        asked_weekday=created.dt.day_of_week,
        answer_days=(answered.dt.normalize() - created).dt.days,
        answer_hour=(answered - answered.dt.normalize()) / pd.Timedelta(hours=1),
        written=reviews["review_comment_message"].notna(),
    )
    both = told.merge(reviews, on="order_id").dropna(subset=["asked_day", "answer_days"])
    both["asked_after"] = both["asked_day"] - both["arrived_day"]
    given = ["arrived_hour", "asked_after", "asked_weekday", "review_score", "written", "month"]
    return {
        "answer_days": _grow(both[given], both["answer_days"], 150, 0),
        "answer_hour": _grow(both[[*given, "answer_days"]], both["answer_hour"], 150, 2),
    }


def _freight_tree(lines: pd.DataFrame, states: list[str]) -> dict[str, Any]:
    known = lines[lines["freight_value"] > 0].dropna(subset=["product_weight_g"])
    purchase = known["order_purchase_timestamp"]
    given = pd.DataFrame(
        {
            "month": (purchase.dt.year - 1970) * 12 + purchase.dt.month - 1,
            "buyer_state": known["customer_state"].map(_positions(states)),
            "seller_state": known["seller_state"].map(_positions(states)),
            "same_state": known["customer_state"] == known["seller_state"],
            "weight_g": known["product_weight_g"],
            "volume": known["product_length_cm"] * known["product_height_cm"] * known["product_width_cm"],
            "price": known["price"],
        }
    )
    return _grow(given, known["freight_value"], 500, 2, least=80)


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
        "first_payment_share": _quantiles(first_share[parts.reindex(first_share.index) > 1], 3),
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
    PROFILE.write_text(json.dumps(measure(Path(sys.argv[1])), ensure_ascii=False, separators=(",", ":")) + "\n")

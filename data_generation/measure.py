"""Measure the real shop: ``python -m data_generation.measure archive.zip`` writes ``profile.json``.

The profile holds shares, quantiles and correlations only; no row of the archive and no id is in it. The made-up shop
is drawn from it, so whoever has the archive can make the profile again and see where each figure comes from.
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

from lakehouse.delivery import Delivery

PROFILE = Path(__file__).parent / "profile.json"
RARE = 200
"""Cells with fewer cases share the quantiles of all."""
GRID = (0.0, 0.002, 0.005, 0.01, *(number / 40 for number in range(1, 40)), 0.99, 0.995, 0.998, 1.0)
"""At which the quantiles are taken: closer at the ends, where distributions are long. The very ends are taken at
0.001 and 0.999, so that no single value of the real shop is in the profile."""
SPECIAL_DAY = 1.6
"""A day with this many times the orders of such weekdays around it stands apart."""
USUAL_BOXES = 60
PRICE_POINTS = 2_000
"""Evenly spaced quantiles of all prices: shops like 49.90 better than 47.13."""
WEIGHT_BANDS = (300, 600, 1200, 3000, 9000)
REGIONS = {
    "N": ("AC", "AP", "AM", "PA", "RO", "RR", "TO"),
    "NE": ("AL", "BA", "CE", "MA", "PB", "PE", "PI", "RN", "SE"),
    "CO": ("DF", "GO", "MT", "MS"),
    "SE": ("ES", "MG", "RJ", "SP"),
    "S": ("PR", "RS", "SC"),
}
TARIFFS = ("2017-05", "2018-03")
"""From these months on freight follows another tariff."""
DISTANCES = ("same state", *REGIONS)
DELAYS = (-20, -12, -6, -2, 0, 3, 7, 15)
"""Bounds of the classes of days between promised and actual delivery."""
VALUES = (30, 50, 80, 120, 180, 300, 600)
"""Bounds of the classes of what an order costs, for the choice of instalments."""
MOST_DAYS_TO_ANSWER = 30
TITLES_FROM = "2018-04-24"
"""Before, reviews had no titles."""
SLOW_APPROVAL = 1.0
"""In hours: what is not approved by then waits for the bank, which has hours of its own."""
MOST_DAYS_TO_APPROVE = 10
MOST_INSTALMENTS = 24
PRODUCT_TRAITS = ("price", "weight_g", "length_cm", "height_cm", "width_cm", "photos_qty", "description_length", "name_length")
LEGS = ("limit", "handling", "transit", "promise")


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
    return {
        **_calendar(orders),
        **_places(orders, lines, shop["sellers"]),
        **_products(items, products, shop["product_category_translations"]),
        **_baskets(items),
        **_statuses(orders, items),
        **_approvals(orders, shop["order_payments"]),
        **_legs(orders, lines, shop["order_payments"]),
        "freight": _freight(lines),
        **_freight_scores(lines),
        **_payments(shop["order_payments"]),
        **_reviews(orders, items, shop["order_reviews"]),
    }


def read_shop(archive: Path) -> dict[str, pd.DataFrame]:
    """Eight of the nine files (all but geolocation) by Bronze table, times parsed, zip prefixes as text.

    Raises:
        LakehouseError: the archive cannot be read or lacks a file.
    """
    delivery = Delivery(archive)
    prefixes = {
        name: str
        for name in ("customer_zip_code_prefix", "seller_zip_code_prefix", "geolocation_zip_code_prefix")
    }
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
    regular = daily["2017-02-01":"2018-08-20"]  # Before and after them, hardly any orders a day.
    level = regular.rolling(29, center=True, min_periods=15).median()
    weekday = (regular / level).groupby(regular.index.day_of_week).median()
    expected = level * weekday.reindex(regular.index.day_of_week).to_numpy()
    ratio = regular / expected
    special = ratio[ratio > SPECIAL_DAY]
    hour = orders["order_purchase_timestamp"].dt.hour
    weekend = orders["order_purchase_timestamp"].dt.day_of_week >= 5
    hours = pd.crosstab(weekend, hour, normalize="index")
    return {
        "months": {
            name: [len(days), int(days.min().day), int(days.max().day)] for name, days in day.groupby(month)
        },
        "weekday": (weekday / weekday.mean()).round(4).tolist(),
        "special_days": {str(date.date()): round(float(times), 2) for date, times in special.items()},
        "day_noise": round(float(np.log(ratio[ratio <= SPECIAL_DAY]).abs().median() / norm.ppf(0.75)), 3),
        "hours": hours.round(5).to_numpy().tolist(),
    }


def _places(orders: pd.DataFrame, lines: pd.DataFrame, sellers: pd.DataFrame) -> dict[str, Any]:
    return {
        "states": _shares(orders["customer_state"]),
        "seller_states": _shares(sellers["seller_state"]),
        "sales_by_seller_state": _shares(lines["seller_state"]),
    }


def _products(items: pd.DataFrame, products: pd.DataFrame, translations: pd.DataFrame) -> dict[str, Any]:
    english = dict(translations.itertuples(index=False))
    traits = _traits(items)
    categories = []
    for name, group in traits.groupby(items["product_category_name"].fillna("")):
        first = items.loc[group.index].drop_duplicates("product_id").index
        usual = {
            trait: _quantiles(group[trait])
            for trait in ("price", "weight_g", "length_cm", "height_cm", "width_cm")
            if len(group) >= RARE
        }
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
    return {
        "categories": categories,
        "product_traits": {
            trait: _quantiles(traits[trait]) for trait in PRODUCT_TRAITS
        },
        "product_correlation": pd.DataFrame(norm.ppf(scores), columns=PRODUCT_TRAITS).corr().round(2).to_numpy().tolist(),
        "price_points": _quantiles(items["price"], at=np.linspace(0, 1, PRICE_POINTS)),
        "boxes": _boxes(by_product),
        "round_weights": round(float((products["product_weight_g"] % 50 == 0).mean()), 3),
    }


def _boxes(by_product: pd.DataFrame) -> list[list[float]]:
    """The sizes that many products share, light ones first: share of products, length, height, width."""
    sizes = ["length_cm", "height_cm", "width_cm"]
    boxes = by_product.groupby(sizes)["weight_g"].agg(["size", "median"]).reset_index()
    usual = boxes.nlargest(USUAL_BOXES, "size").sort_values("median")
    usual["share"] = (usual["size"] / len(by_product)).round(5)
    return usual[["share", *sizes]].to_numpy().tolist()


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
    together = items[items["order_id"].isin(distinct[distinct > 1].index)].groupby("order_id")
    return {
        "products_per_order": _shares(distinct),
        "copies": _shares(copies),
        "same_category": round(float((together["product_category_name"].nunique() == 1).mean()), 3),
        "same_seller": round(float((together["seller_id"].nunique() == 1).mean()), 3),
    }


def _statuses(orders: pd.DataFrame, items: pd.DataFrame) -> dict[str, Any]:
    late = orders["order_purchase_timestamp"] >= "2018-09-01"
    no_items = ~orders["order_id"].isin(items["order_id"])
    return {
        "status": _shares(orders["order_status"][~late]),
        "status_at_the_end": _shares(orders["order_status"][late]),
        "no_items": {status: round(float(share), 3) for status, share in no_items.groupby(orders["order_status"]).mean().items()},
        "reached": {
            status: [round(float(group[column].notna().mean()), 3) for column in ("order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date")]
            for status, group in orders.groupby("order_status")
        },
    }


def _legs(orders: pd.DataFrame, lines: pd.DataFrame, payments: pd.DataFrame) -> dict[str, Any]:
    """How long each leg of an order takes: calendar days (transit) and working days (the others)."""
    first = payments[payments["payment_sequential"] == 1].set_index("order_id")["payment_type"]
    lines = lines.drop_duplicates("order_id").set_index("order_id")
    orders = orders.set_index("order_id").join(lines[["seller_state"]]).join(first)
    whole = ["order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date", "seller_state", "payment_type"]
    orders = orders[orders["order_status"].eq("delivered")].dropna(subset=whole)
    purchase, approved, handed, arrived, promised = (
        orders[column]
        for column in (
            "order_purchase_timestamp",
            "order_approved_at",
            "order_delivered_carrier_date",
            "order_delivered_customer_date",
            "order_estimated_delivery_date",
        )
    )

    def calendar_days(start: pd.Series, end: pd.Series) -> pd.Series:
        return (end.dt.normalize() - start.dt.normalize()).dt.days

    limit = lines["shipping_limit_date"].reindex(orders.index)

    def working_days(start: pd.Series, end: pd.Series) -> npt.NDArray[np.int64]:
        counted_from = np.busday_offset(start.to_numpy().astype("datetime64[D]"), 0, roll="backward")
        return np.busday_count(counted_from, end.to_numpy().astype("datetime64[D]"))

    shift = ((limit - approved).dt.total_seconds() + 43_200) % 86_400 - 43_200
    legs = pd.DataFrame(
        {
            "limit": np.clip(working_days(approved, limit), 1, 20),
            "handling": working_days(approved, handed),
            "transit": calendar_days(handed, arrived),
            "promise": working_days(limit, promised),
        }
    )
    month = purchase.dt.strftime("%Y-%m")
    route = np.where(orders["seller_state"] == orders["customer_state"], "near ", "far ") + orders["customer_state"]
    groups = {
        "limit": month,
        "handling": _handling_cells(legs["limit"], purchase),
        "transit": pd.Series(route, index=orders.index),
        "promise": month,
    }
    factors = {
        "handling": _relative(legs["handling"], month),
        "transit": _relative(legs["transit"], month),
        "promise": _relative(legs["promise"], groups["transit"]),
    }
    legs["handling"] /= month.map(factors["handling"]).fillna(1.0)
    legs["transit"] /= month.map(factors["transit"]).fillna(1.0)
    legs["promise"] /= groups["transit"].map(factors["promise"]).fillna(1.0)
    scores = pd.DataFrame(
        {leg: norm.ppf(legs[leg].groupby(groups[leg]).rank(pct=True).clip(0.001, 0.999)) for leg in LEGS}
    )
    return {
        "leg_factors": {
            leg: {str(name): round(float(value), 3) for name, value in factor.items()} for leg, factor in factors.items()
        },
        "legs": {
            leg: {
                str(name): _quantiles(group, 4)
                for name, group in [("", legs[leg]), *legs[leg].groupby(groups[leg])]
                if len(group) >= RARE or not name
            }
            for leg in LEGS
        },
        "leg_correlation": scores.corr().round(2).to_numpy().tolist(),
        "shipping_limit_shift": _quantiles(shift, 0),
        "arrival_weekdays": _shares(arrived.dt.day_of_week),
        "hand_over_hours": _hours_by(month, handed),
        "arrival_hours": _hours_by(month, arrived),
    }


def _handling_cells(limit: pd.Series, purchase: pd.Series) -> pd.Series:
    """Handling goes with the seller's time limit, in each of the periods of the freight tariffs."""
    period = np.searchsorted(TARIFFS, purchase.dt.strftime("%Y-%m"), side="right")
    return pd.Series(np.char.add(period.astype(str), " "), index=limit.index) + limit.clip(2, 9).astype(int).astype(str)


def _approvals(orders: pd.DataFrame, payments: pd.DataFrame) -> dict[str, Any]:
    """At once, or when the bank gets round to it: by type of payment."""
    first = payments[payments["payment_sequential"] == 1].set_index("order_id")["payment_type"]
    orders = orders.set_index("order_id").join(first).dropna(subset=["order_approved_at", "payment_type"])
    purchase, approved = orders["order_purchase_timestamp"], orders["order_approved_at"]
    hours = (approved - purchase) / pd.Timedelta(hours=1)
    slow = hours > SLOW_APPROVAL
    kind = orders["payment_type"]
    month = purchase.dt.strftime("%Y-%m")
    days = (approved.dt.normalize() - purchase.dt.normalize()).dt.days.clip(upper=MOST_DAYS_TO_APPROVE)
    cell = kind + " " + purchase.dt.day_of_week.astype(str)

    def tables(values: pd.Series, names: pd.Series, size: int) -> dict[str, list[float]]:
        shares = pd.crosstab(names, values, normalize="index").reindex(columns=range(size), fill_value=0.0)
        return {str(name): row.round(4).to_list() for name, row in shares.iterrows()}

    fast = kind[~slow] + " " + month[~slow]
    return {
        "slow_approvals": {str(name): round(float(share), 4) for name, share in slow.groupby(cell).mean().items()},
        "slow_approval_days": tables(days[slow], cell[slow], MOST_DAYS_TO_APPROVE + 1),
        "slow_approval_hours": tables(approved[slow].dt.hour, kind[slow], 24),
        "fast_approval_hours": {
            str(name): _quantiles(group, 3)
            for name, group in [("", hours[~slow]), *hours[~slow].groupby(fast)]
            if len(group) >= RARE or not name
        },
    }


def _relative(days: pd.Series, group: pd.Series) -> pd.Series:
    """The mean of each group that is no rare one, beside the mean of all."""
    common = group.map(group.value_counts()) >= RARE
    return days[common].groupby(group[common]).mean() / days.mean()


def _hours_by(month: pd.Series, moment: pd.Series) -> dict[str, list[float]]:
    hours = pd.crosstab(month, moment.dt.hour, normalize="index").reindex(columns=range(24), fill_value=0.0)
    hours.loc[""] = moment.dt.hour.value_counts(normalize=True).reindex(range(24), fill_value=0.0)
    common = month.value_counts()
    return {
        name: row.round(4).to_list() for name, row in hours.iterrows() if name == "" or common[name] >= RARE
    }


def _freight(lines: pd.DataFrame) -> list[list[list[list[float]]]]:
    """Quantiles by tariff, distance and weight."""
    tariff = np.searchsorted(TARIFFS, lines["order_purchase_timestamp"].dt.strftime("%Y-%m"), side="right")
    region = lines["customer_state"].map({state: name for name, states in REGIONS.items() for state in states})
    distance = region.where(lines["seller_state"] != lines["customer_state"], "same state")
    band = np.digitize(lines["product_weight_g"].fillna(500), WEIGHT_BANDS)
    return [
        [
            [
                _quantiles(lines["freight_value"][(tariff == period) & (distance == name) & (band == number)])
                for number in range(len(WEIGHT_BANDS) + 1)
            ]
            for name in DISTANCES
        ]
        for period in range(len(TARIFFS) + 1)
    ]


def _freight_scores(lines: pd.DataFrame) -> dict[str, Any]:
    """What freight follows beside tariff, distance and weight: the price, and the state it goes to."""
    delivered = lines.dropna(subset=["product_weight_g"])
    away = delivered["seller_state"] != delivered["customer_state"]
    band = np.digitize(delivered["product_weight_g"], WEIGHT_BANDS)
    period = np.searchsorted(TARIFFS, delivered["order_purchase_timestamp"].dt.strftime("%Y-%m"), side="right")
    region = delivered["customer_state"].map({state: name for name, states in REGIONS.items() for state in states})
    rank = delivered.groupby([period, band, region.where(away, "")])["freight_value"].rank(pct=True)
    score = pd.Series(norm.ppf(rank.clip(0.001, 0.999)), index=delivered.index)
    price = norm.ppf(delivered["price"].rank(pct=True).clip(0.001, 0.999))
    return {
        "freight_by_price": round(float(np.polyfit(price, score, 1)[0]), 3),
        "freight_by_state": {
            state: round(float(scores.mean()), 3)
            for state, scores in score[away].groupby(delivered["customer_state"][away])
            if len(scores) >= RARE
        },
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
        "first_payment_share": _quantiles(first_share[parts.reindex(first_share.index) > 1], 3),
    }


def _reviews(orders: pd.DataFrame, items: pd.DataFrame, reviews: pd.DataFrame) -> dict[str, Any]:
    lines = items.groupby("order_id").size()
    told = reviews.merge(orders, on="order_id")
    several = (told["order_id"].map(lines).fillna(1) > 1).astype(int)
    delivered = told["order_delivered_customer_date"].notna()
    delay = (told["order_delivered_customer_date"].dt.normalize() - told["order_estimated_delivery_date"]).dt.days
    score = told["review_score"]
    by_delay = pd.crosstab([several[delivered], np.digitize(delay[delivered], DELAYS, right=True)], score[delivered], normalize="index")
    undelivered = pd.crosstab(told["order_status"][~delivered], score[~delivered], normalize="index")
    created = told["review_creation_date"]
    after = (created - told["order_delivered_customer_date"].dt.normalize()).dt.days
    in_time = delivered & (delay <= 1)
    overdue = (created - told["order_estimated_delivery_date"]).dt.days
    answer = (told["review_answer_timestamp"] - created) / pd.Timedelta(days=1)
    waited = answer.clip(upper=MOST_DAYS_TO_ANSWER).floordiv(1)
    arrival = told["order_delivered_customer_date"].dt.hour
    answer_hour = told["review_answer_timestamp"].dt.hour
    return {
        "reviewed": round(float(orders["order_id"].isin(reviews["order_id"]).mean()), 4),
        "reviewed_twice": round(float((reviews.groupby("order_id").size() > 1).mean()), 4),
        "score_by_delay": [by_delay.loc[number].round(4).to_numpy().tolist() for number in (0, 1)],
        "score_undelivered": {str(status): [round(float(value), 3) for value in row] for status, row in zip(undelivered.index, undelivered.to_numpy(), strict=True)},
        "review_after_delivery": _shares(after[in_time & after.between(-10, 10)], 4),
        "review_after_promise": _shares(overdue[~in_time & overdue.between(-10, 10)], 4),
        "answer_days": [
            days.value_counts(normalize=True).reindex(range(MOST_DAYS_TO_ANSWER + 1), fill_value=0.0).round(4).to_list()
            for days in (waited[arrival == hour] for hour in range(24))
        ],
        "answer_hours": [
            hours.value_counts(normalize=True).reindex(range(24), fill_value=0.0).round(4).to_list()
            for hours in (answer_hour[answer.floordiv(1).clip(upper=3) == days] for days in range(4))
        ],
        "review_titles_from": TITLES_FROM,
        "review_titles": told.loc[created >= TITLES_FROM, "review_comment_title"].notna().groupby(score).mean().round(3).to_list(),
        "review_messages": told["review_comment_message"].notna().groupby(score).mean().round(3).to_list(),
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m data_generation.measure ARCHIVE")
    PROFILE.write_text(json.dumps(measure(Path(sys.argv[1])), ensure_ascii=False, separators=(",", ":")) + "\n")

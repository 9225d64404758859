"""The tables of the schema ``ml``: what models write and everything after them reads.

They exist, empty, from the first ingest on, so that no dbt model needs a trained one.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

MONEY = pa.decimal128(18, 2)
ORIGIN = (
    pa.field("model_name", pa.string(), nullable=False),
    pa.field("model_version", pa.int32(), nullable=False),
    pa.field("as_of_date", pa.date32(), nullable=False),
    pa.field("scored_at", pa.timestamp("us", tz="UTC"), nullable=False),
)
"""The last columns of every table: which version of which model wrote the row, for which day, and when."""


class Contract(NamedTuple):
    """What a table holds.

    Attributes:
        key: the columns that tell its rows apart; in a table that keeps its history, those of one writing.
        columns: all but those of :data:`ORIGIN`.
        replaced: the columns of the origin that say which rows the newest ones replace, where others stay; without
            any, they replace all.
    """

    key: tuple[str, ...]
    columns: tuple[pa.Field, ...]
    replaced: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """All columns, those of :data:`ORIGIN` last."""
        return pa.schema([*self.columns, *ORIGIN])


def _text(name: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, pa.string(), nullable=nullable)


def _whole(name: str) -> pa.Field:
    return pa.field(name, pa.int32(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, pa.float64(), nullable=nullable)


def _money(name: str) -> pa.Field:
    return pa.field(name, MONEY, nullable=False)


def _day(name: str) -> pa.Field:
    return pa.field(name, pa.date32(), nullable=False)


CONTRACTS = {
    # method: the model itself, or what stood in for it where it knew nothing of the person (cold start).
    "product_recommendations": Contract(
        ("customer_unique_id", "product_id"),
        (_text("customer_unique_id"), _text("product_id"), _whole("rank"), _number("score"), _text("method")),
    ),
    "similar_products": Contract(
        ("product_id", "similar_product_id"),
        (_text("product_id"), _text("similar_product_id"), _whole("rank"), _number("score"), _text("method")),
    ),
    "buy_again": Contract(
        ("customer_unique_id", "product_id"),
        (_text("customer_unique_id"), _text("product_id"), _whole("rank"), _number("score")),
    ),
    # method: the model, or rfm_risk if no model passed the gate. Decile 1 has the highest churn probability. What is
    # previous is by the same model, as of the reference date before; null for who had not ordered by then.
    "churn_scores": Contract(
        ("customer_unique_id",),
        (
            _text("customer_unique_id"),
            _number("churn_probability"),
            _number("repurchase_probability"),
            _number("previous_repurchase_probability", nullable=True),
            _whole("decile"),
            _text("method"),
            *(_text(f"reason_{place}", nullable=True) for place in (1, 2, 3)),
        ),
    ),
    # level: total, category or state. series is total for the shop, else the category or state. Revenue.
    "revenue_forecast": Contract(
        ("level", "series", "week_start"),
        (
            _text("level"),
            _text("series"),
            _day("week_start"),
            _whole("horizon"),
            _money("forecast"),
            _money("lower_80"),
            _money("upper_80"),
            _text("method"),
        ),
    ),
    # Units. What begins with cumulative is about the sum of the weeks up to this one: its band is no sum of bands.
    "demand_forecast": Contract(
        ("level", "series", "week_start"),
        (
            _text("level"),
            _text("series"),
            _day("week_start"),
            _whole("horizon"),
            _number("forecast"),
            _number("lower_80"),
            _number("upper_80"),
            _number("cumulative_forecast"),
            _number("cumulative_lower_80"),
            _number("cumulative_upper_80"),
            _text("method"),
        ),
    ),
    # origin_week is the last complete week that the forecast knew. Revenue.
    "forecast_backtest": Contract(
        ("series", "model", "origin_week", "horizon"),
        (
            _text("series"),
            _text("model"),
            pa.field("is_champion", pa.bool_(), nullable=False),
            _day("origin_week"),
            _day("week_start"),
            _whole("horizon"),
            _money("forecast"),
            pa.field("lower_80", MONEY),
            pa.field("upper_80", MONEY),
            _money("actual"),
        ),
    ),
    # subject: candidate, champion (the one before, on the same days), or a baseline by its name.
    "model_metrics": Contract(
        ("subject", "metric"),
        (
            _text("subject"),
            _text("metric"),
            _number("value", nullable=True),
            _number("value_low", nullable=True),
            _number("value_high", nullable=True),
            pa.field("is_promoted", pa.bool_(), nullable=False),
        ),
        replaced=("model_name", "model_version"),
    ),
    # kind: feature or score. psi: the population stability index between training and scoring.
    "drift": Contract(
        ("kind", "feature"),
        (_text("kind"), _text("feature"), _number("psi"), _text("level")),
        replaced=("model_name", "model_version", "as_of_date"),
    ),
}
"""By table."""

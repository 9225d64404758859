"""Gold tables as series: revenue of the shop, of categories and of states; units of categories."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ml.forecast.backtest import judged
from ml.forecast.panel import FEWEST_WEEKS, Panel, panel

READS: Mapping[str, tuple[str, ...]] = {
    "weekly_revenue": ("week_start", "revenue", "orders", "is_complete"),
    "fct_order_items": (
        "order_id",
        "order_item_id",
        "customer_unique_id",
        "product_id",
        "is_revenue_order",
        "week_start",
        "revenue",
    ),
    "dim_product": ("product_id", "category"),
    "dim_customer": ("customer_unique_id", "state"),
}
FEWEST_UNITS = 10
"""A week, on average: smaller categories and states are forecast together, as their rest."""
REST = "rest"
UNKNOWN = "unknown"

Frames = Mapping[str, pd.DataFrame]


def total(frames: Frames) -> Panel:
    """Revenue of the shop and the orders behind it.

    Raises:
        BadInput: it cannot be forecast; see :func:`ml.forecast.panel.panel`.
    """
    weeks = frames["weekly_revenue"]
    return panel(
        pd.DataFrame(
            {
                "series": "total",
                "week_start": weeks["week_start"],
                "value": weeks["revenue"],
                "volume": weeks["orders"],
                "is_complete": weeks["is_complete"],
            }
        )
    )


def revenue(frames: Frames) -> Panel:
    """Revenue of the shop, of each category and of each state (of the customer), and the orders behind each."""
    shop, lines = total(frames), _lines(frames)
    parts = [_summed(_pooled(lines, level, shop), level, shop) for level in ("category", "state")]
    weeks = frames["weekly_revenue"].assign(level="total", series="total")
    whole = weeks.rename(columns={"revenue": "value", "orders": "volume"})
    columns = ["level", "series", "week_start", "value", "volume", "is_complete"]
    return panel(pd.concat([whole[columns], *(part[columns] for part in parts)], ignore_index=True))


def units(frames: Frames) -> Panel:
    """Units of each category; the small ones together at the level ``rest``."""
    shop, lines = total(frames), _lines(frames)
    found = _summed(_pooled(lines, "category", shop), "category", shop).assign(level="category")
    found.loc[found["series"] == REST, "level"] = REST
    return panel(found.assign(value=found["units"]).drop(columns="volume"))


def _lines(frames: Frames) -> pd.DataFrame:
    lines = frames["fct_order_items"]
    lines = lines[lines["is_revenue_order"].astype(bool)]
    lines = lines.merge(frames["dim_product"][["product_id", "category"]], on="product_id", how="left")
    lines = lines.merge(frames["dim_customer"][["customer_unique_id", "state"]], on="customer_unique_id", how="left")
    weeks = frames["weekly_revenue"]
    complete = set(pd.to_datetime(weeks.loc[weeks["is_complete"].astype(bool), "week_start"]).dt.date)
    # A category that sold in an incomplete week only would be a series of zeros.
    lines = lines[pd.to_datetime(lines["week_start"]).dt.date.isin(complete)]
    return lines.assign(
        week_start=pd.to_datetime(lines["week_start"]).dt.date,
        category=lines["category"].fillna(UNKNOWN).astype(str),
        state=lines["state"].fillna(UNKNOWN).astype(str),
    )


def _pooled(lines: pd.DataFrame, level: str, shop: Panel) -> pd.DataFrame:
    """Lines with their series: what sold enough in the half year before the first judged origin, or the rest.

    What came later must not say which series there are: those that grew would be known to grow.
    """
    known = judged(shop.weeks).start
    start, end = shop.week(max(0, known - FEWEST_WEEKS)), shop.week(known - 1)
    then = lines[(lines["week_start"] >= start) & (lines["week_start"] <= end)]
    often = then[level].value_counts() / min(known, FEWEST_WEEKS)
    large = set(often.index[often >= FEWEST_UNITS])
    return lines.assign(series=lines[level].where(lines[level].isin(large), REST))


def _summed(lines: pd.DataFrame, level: str, shop: Panel) -> pd.DataFrame:
    """A row per series and complete week, weeks without a sale included."""
    weeks = [shop.week(week) for week in range(shop.weeks)]
    grid = pd.MultiIndex.from_product([sorted(lines["series"].unique()), weeks], names=["series", "week_start"])
    summed = lines.groupby(["series", "week_start"]).agg(
        value=("revenue", "sum"), volume=("order_id", "nunique"), units=("order_item_id", "size")
    )
    return summed.reindex(grid, fill_value=0).reset_index().assign(level=level, is_complete=True)

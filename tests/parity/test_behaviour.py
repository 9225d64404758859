"""The real shop with a made-up clickstream beside it, and without: no figure about orders differs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakehouse import catalog
from lakehouse.catalog import TableName
from tests.delta import content, differences, query

pytestmark = [pytest.mark.parity, pytest.mark.olist, pytest.mark.slow]

BEHAVIOUR_TABLES = {"fct_sessions", "conversion_funnel", "channel_attribution"}
BEHAVIOUR_COLUMNS = {
    *(
        "sessions",
        "views",
        "carts",
        "sessions_with_cart",
        "carts_left",
        "value_left",
        "last_visit_at",
        "last_seen_at",
    ),
    *("behaviour_provenance", "active_days", "days_since_last_visit"),
    *("sessions_together", "sessions_with_product", "sessions_with_other"),
    *("view_confidence", "view_lift", "behaviour_provenance"),
    *("interaction_strength", "last_interaction_at"),
    # Contacts are made up beside the visits.
    *("full_name", "email", "phone", "has_consent"),
    *("is_reachable", "is_within_cap", "reachable_people", "callable_people", "is_compared"),
}


def without_behaviour(warehouse: Path) -> dict[TableName, pa.Table]:
    """What Gold says about orders."""
    tables = {}
    for table in catalog.tables(warehouse, ("gold",)):
        if table.name in BEHAVIOUR_TABLES or table.name.startswith("int_"):
            continue
        rows = content(warehouse, table)
        for bought in ("purchases", "orders_together"):
            if bought in rows.column_names:
                rows = rows.filter(pc.field(bought) > 0)
        rows = rows.drop_columns(sorted(BEHAVIOUR_COLUMNS & set(rows.column_names)))
        tables[table] = rows.sort_by([(name, "ascending") for name in rows.column_names])
    return tables


def test_generated_behaviour_changes_no_figure_of_the_real_shop(
    olist_behaviour_warehouse: Path, olist_warehouse: Path
) -> None:
    real, with_behaviour = without_behaviour(olist_warehouse), without_behaviour(olist_behaviour_warehouse)
    assert len(real) > 12
    assert differences(real, with_behaviour) == []
    seen = query(
        olist_behaviour_warehouse, "select sum(views) as views, sum(carts) as carts from gold__interaction_matrix"
    )
    assert seen[0]["views"] > 30_000
    assert seen[0]["carts"] > 20_000

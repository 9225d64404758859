"""The lineage page: columns traced to tables, and the graph that runs on through the models."""

from __future__ import annotations

from typing import Any

from bi.dashboards import lineage

MANIFEST: dict[str, Any] = {
    "sources": {
        "source.bronze.orders": {
            "resource_type": "source",
            "source_name": "bronze",
            "schema": "bronze",
            "name": "orders",
            "identifier": "orders",
            "relation_name": "bronze.orders",
            "description": "Orders.",
            "columns": {"id": {"description": ""}, "paid": {"description": ""}},
        },
        "source.ml.scores": {
            "resource_type": "source",
            "source_name": "ml",
            "schema": "ml",
            "name": "scores",
            "identifier": "scores",
            "relation_name": "ml.scores",
            "description": "Scores.",
            "columns": {"id": {"description": ""}, "score": {"description": ""}},
            "config": {"meta": {"produced_by": ["brain"]}},
        },
    },
    "nodes": {
        "model.totals": {
            "resource_type": "model",
            "schema": "gold",
            "name": "totals",
            "alias": "totals",
            "relation_name": "gold.totals",
            "description": "Totals.",
            "original_file_path": "models/gold/totals.sql",
            "language": "sql",
            "depends_on": {"nodes": ["source.bronze.orders"]},
            "columns": {name: {"description": ""} for name in ("id", "total", "kind", "orders")},
            "compiled_code": """with paid as (select id, paid * 2 as twice from bronze.orders),
                both as (select id, twice, 'a' as kind from paid union all select id, paid, 'b' from bronze.orders)
                select id, sum(twice) as total, max(kind) as kind, count(*) as orders from both group by id""",
        },
        "model.mart": {
            "resource_type": "model",
            "schema": "gold",
            "name": "mart",
            "alias": "mart",
            "relation_name": "gold.mart",
            "description": "Mart.",
            "original_file_path": "models/marts/mart.sql",
            "language": "sql",
            "depends_on": {"nodes": ["model.totals", "source.ml.scores"]},
            "columns": {"worth": {"description": "What it is worth."}},
            "compiled_code": """select t.total * s.score as worth from gold.totals as t
                left join (select * from ml.scores) as s on t.id = s.id""",
        },
    },
    "exposures": {
        "exposure.brain": {
            "name": "brain",
            "label": "Brain",
            "type": "ml",
            "description": "Learns.",
            "depends_on": {"nodes": ["model.totals"]},
        },
        "exposure.page": {
            "name": "page",
            "label": "",
            "type": "dashboard",
            "description": "Shows.",
            "depends_on": {"nodes": ["model.mart"]},
        },
    },
}


def test_columns_are_traced_to_the_tables_that_their_value_hangs_on() -> None:
    """Through a common table, a union by place, a star and an alias; what rows are joined by is no part of it."""
    traced = lineage.trace([*MANIFEST["sources"].values(), *MANIFEST["nodes"].values()])
    assert traced["gold.totals"] == {
        "id": [("bronze.orders", "id")],
        "total": [("bronze.orders", "paid")],
        "kind": [],
        "orders": [],
    }
    assert traced["gold.mart"] == {"worth": [("gold.totals", "total"), ("ml.scores", "score")]}


def test_the_graph_runs_on_through_the_models() -> None:
    stages, edges, about = lineage.graph(MANIFEST)
    for edge in (
        ("olist_orders_dataset.csv", "bronze.orders"),
        ("bronze.orders", "gold.totals"),
        ("gold.totals", "model: brain"),
        ("model: brain", "ml.scores"),
        ("ml.scores", "gold.mart"),
        ("gold.mart", "reader: page"),
    ):
        assert edge in edges
    assert [node["name"] for node in stages["Gold marts"]] == ["gold.mart"]
    assert about["model: brain"] == "Learns."
    columns = lineage.context(MANIFEST)["lineage"]["columns"]
    assert columns["gold.mart"] == [["worth", ["gold.totals.total", "ml.scores.score"], "What it is worth."]]

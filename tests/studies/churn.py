"""Does the gate of the churn model decide right? A power curve on made-up shops, whose people's propensity is known.

Run it with ``python -m tests.studies.churn``; it is a quarter of an hour's work of one processor. Five strengths of
propensity, ten shops each. The model sees ``gold.churn_examples`` as dbt compiles it, without visits. What could be
known at all, tests/studies/churn_oracles.py knows.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_generation.parameters import Parameters
from data_generation.shop import block
from data_generation.world import World
from lakehouse import session
from lakehouse.settings import ROOT
from ml import threads
from ml.churn import evaluation, learning, ranking
from ml.churn import windows as time
from ml.churn.baselines import SORT
from ml.churn.examples import Examples
from ml.churn.settings import Settings
from tests.runs import DBT, PROJECT
from tests.studies.churn_oracles import Oracles

STRENGTHS = (0.0, 0.75, 1.5, 2.25, 3.0)
"""Standard deviations of the logarithm of propensity."""
SEEDS = range(10)
SCALE = 0.5
"""A shop of 48,000 people: half as many as the real Olist has, who buy again four times as often."""
FURTHER_ORDERS = 0.2
"""Four times those of the real Olist."""
FIRST_WEEK, REPORTING_DATE = date(2017, 1, 2), date(2018, 8, 19)
DRAWS = 200
CLEAR = 0.08
"""A gain in AUC over the sort that the gate should see."""
TABLES = ("as_of", "customer_ids", "orders", "order_items", "order_payments", "order_reviews", "products")


class Outcome(NamedTuple):
    """One shop: whether the model was admitted, and mean AUC and lift over the test dates."""

    strength: float
    seed: int
    admitted: bool
    base_rate: float
    sort: float
    model: float
    observer: float
    oracle: float
    all_knowing: float
    sort_lift: float
    model_lift: float


def silver(files: dict[str, pa.Table], world: World) -> dict[str, pa.Table]:
    """The columns of Silver that churn examples are made of, typed as there."""

    def moment(column: pa.ChunkedArray) -> pa.Array:
        text = pc.if_else(pc.equal(column, ""), None, column)
        return pc.assume_timezone(pc.strptime(text, "%Y-%m-%d %H:%M:%S", "us"), "UTC")

    def money(column: pa.ChunkedArray) -> pa.Array:
        return column.cast(pa.decimal128(18, 2))

    customers, orders, items = files["customers"], files["orders"], files["order_items"]
    payments, reviews = files["order_payments"], files["order_reviews"]
    ids = pa.table(
        {
            "customer_id": customers["customer_id"],
            "customer_unique_id": customers["customer_unique_id"],
            "state": customers["customer_state"],
        }
    )
    known = orders.join(ids, "customer_id")
    products = world.product_file(0, world.products)
    return {
        "as_of": pa.table({"reporting_date": [REPORTING_DATE], "first_complete_week": [FIRST_WEEK]}),
        "customer_ids": ids,
        "orders": pa.table(
            {
                "order_id": known["order_id"],
                "customer_id": known["customer_id"],
                "customer_unique_id": known["customer_unique_id"],
                "is_revenue_order": pc.invert(pc.is_in(known["order_status"], pa.array(["canceled", "unavailable"]))),
                "purchased_at": moment(known["order_purchase_timestamp"]),
                "delivered_to_customer_at": moment(known["order_delivered_customer_date"]),
                "estimated_delivery_at": moment(known["order_estimated_delivery_date"]),
            }
        ),
        "order_items": pa.table(
            {
                "order_id": items["order_id"],
                "order_item_id": items["order_item_id"].cast(pa.int32()),
                "product_id": items["product_id"],
                "seller_id": items["seller_id"],
                "price": money(items["price"]),
                "freight_value": money(items["freight_value"]),
            }
        ),
        "order_payments": pa.table(
            {
                "order_id": payments["order_id"],
                "payment_type": payments["payment_type"],
                "payment_installments": payments["payment_installments"].cast(pa.int32()),
            }
        ),
        "order_reviews": pa.table(
            {
                "order_id": reviews["order_id"],
                "review_score": reviews["review_score"].cast(pa.int32()),
                "answered_at": moment(reviews["review_answer_timestamp"]),
            }
        ),
        "products": pa.table(
            {
                "product_id": products["product_id"],
                "category": pc.if_else(
                    pc.equal(pc.fill_null(products["product_category_name"], ""), ""),
                    "unknown",
                    products["product_category_name"],
                ),
            }
        ),
    }


def compiled(folder: Path) -> str:
    """The model as dbt compiles it, reading temporary views; nobody visits these shops."""
    words = ["--quiet", "compile", "--no-introspect", "--select", "churn_examples", *PROJECT]
    subprocess.run(
        [DBT, *words, "--target-path", str(folder), "--log-path", str(folder)],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    sql = (folder / "compiled/lakehouse/models/gold/churn_examples.sql").read_text()
    for table in (*TABLES, "clickstream_events", "sessions"):
        sql = sql.replace(f"silver.{table}", f"shop_{table}").replace(f"`silver`.`{table}`", f"shop_{table}")
    return sql


def dearest(tables: dict[str, pa.Table]) -> pd.DataFrame:
    """A row an order: its person, moment and state, and the product of its dearest line, null without lines."""
    lines = tables["order_items"].to_pandas()
    lines = lines.sort_values(["order_id", "price", "order_item_id"], ascending=[True, False, True])
    orders = tables["orders"].join(tables["customer_ids"].select(["customer_id", "state"]), "customer_id").to_pandas()
    return orders.merge(lines.drop_duplicates("order_id")[["order_id", "product_id"]], "left", "order_id")


def run(engine: Any, sql: str, scale: float, strength: float, seed: int) -> Outcome:
    """Make a shop, learn, test, and ask those who know."""
    world = World(seed + 100, scale, Parameters(repeat_strength=strength, further_orders=FURTHER_ORDERS))
    tables = silver(block(world, 0, world.people).files, world)
    for name, table in tables.items():
        engine.createDataFrame(table.combine_chunks()).createOrReplaceTempView(f"shop_{name}")
    frame = engine.sql(sql).toArrow()
    names = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in frame.schema]
    examples = Examples.of(frame.cast(pa.schema(names)).to_pandas(), "generated")
    settings = Settings(REPORTING_DATE, draws=DRAWS)
    short, full = settings.label_days, settings.horizon_days
    days = time.test_dates(examples.dates, max(examples.dates), short, full, settings.test_dates)
    learnt = {}
    for day in days:
        windows = time.windows(examples.dates, day, short, full)
        assert windows is not None
        learnt[day] = learning.learn(examples, windows, settings, seed, rivals=False)
    lines = pd.DataFrame(
        {"customer_unique_id": [], "purchased_at": pd.to_datetime([]), "revenue": [], "is_revenue_order": []}
    )
    tested = evaluation.evaluate(examples, learnt, lines, settings, seed)
    oracles = Oracles(world, dearest(tables))
    best = []
    for day in days:
        rows = examples.rows([day])
        ids = examples.frame["customer_unique_id"].to_numpy(dtype=object)[rows]
        orders, absent = (examples.column(name, rows) for name in ("orders", "days_since_last_order"))
        labels = examples.labels(rows, full)
        found = oracles.rankings(day, ids, orders, absent, full)
        best.append({name: ranking.measure(scores, labels)["auc"] for name, scores in found.items()})
    metrics = tested.comparison.metrics
    return Outcome(
        strength=strength,
        seed=seed,
        admitted=tested.verdict.admitted,
        base_rate=tested.base_rate,
        sort=metrics[SORT]["auc"].value,
        model=metrics[evaluation.MODEL]["auc"].value,
        **pd.DataFrame(best).mean().to_dict(),
        sort_lift=metrics[SORT]["top_decile_lift"].value,
        model_lift=metrics[evaluation.MODEL]["top_decile_lift"].value,
    )


def table(outcomes: list[Outcome]) -> str:
    """Means by strength, in Markdown; recovered is what the model has of the gain over the sort."""
    lines = [
        "| strength | shops | admitted | buy again | sort | model | observer | oracle | all-knowing "
        "| of the observer's gain | of the oracle's | lift: sort | model |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for strength in sorted({one.strength for one in outcomes}):
        found = pd.DataFrame([one for one in outcomes if one.strength == strength], columns=Outcome._fields)
        mean = found.mean()
        gained = mean["model"] - mean["sort"]
        cells = [
            f"{strength}",
            f"{len(found)}",
            f"{found['admitted'].sum()}",
            f"{100 * mean['base_rate']:.1f} %",
            *(f"{mean[name]:.3f}" for name in ("sort", "model", "observer", "oracle", "all_knowing")),
            *(f"{100 * gained / (mean[name] - mean['sort']):.0f} %" for name in ("observer", "oracle")),
            *(f"{mean[name]:.2f}" for name in ("sort_lift", "model_lift")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for who in ("oracle", "observer"):
        clear = [one for one in outcomes if getattr(one, who) - one.sort >= CLEAR]
        admitted = sum(one.admitted for one in clear)
        lines.append(f"Where the {who} beats the sort by {CLEAR} in AUC: {admitted} of {len(clear)} admitted.")
    return "\n".join(lines)


def main() -> None:
    """All shops, one after the other; the table so far after each seed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--strengths", type=float, nargs="+", default=STRENGTHS)
    asked.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    asked.add_argument("--scale", type=float, default=SCALE, help="1: as many people as the real Olist")
    given = asked.parse_args()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder, threads.fixed():
        sql = compiled(Path(folder))
        engine = session.open_session("local", Path(folder) / "warehouse")
        for name, columns in {
            "clickstream_events": "event_id string, visitor_id string, session_id string, customer_unique_id string, "
            "event_type string, event_at timestamp, received_at timestamp, provenance string",
            "sessions": "session_id string, visitor_id string, started_at timestamp, ended_at timestamp, "
            "is_bot boolean",
        }.items():
            engine.createDataFrame([], columns).createOrReplaceTempView(f"shop_{name}")
        for seed in given.seeds:
            for strength in given.strengths:
                outcomes.append(run(engine, sql, given.scale, strength, seed))
                print(outcomes[-1], flush=True)
            print(table(outcomes), flush=True)


if __name__ == "__main__":
    main()

"""Does the gate of the churn model decide right? A power curve on made-up shops, whose people's propensity is known.

Run it with ``python -m tests.studies.churn``; it takes half an hour. Five strengths of propensity, ten shops each.
The model sees ``gold.churn_examples`` as dbt compiles it, without visits. Two oracles know how the shop's people
decide to come back. One knows each person's propensity; a third of its logarithm's variance is in no column of any
file. The other knows each person's favourite category, price level and state, which are what the rest follows from,
and the propensities that the shop's categories and states were given.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import poisson

from data_generation.parameters import Parameters
from data_generation.people import DAYS_AFTER, PROPENSITY, SAME_DAY, people
from data_generation.shop import block
from data_generation.world import World
from lakehouse import session
from lakehouse.settings import ROOT
from ml import threads
from ml.churn import evaluation, ranking
from ml.churn.baselines import SORT
from ml.churn.examples import Examples
from ml.churn.settings import Settings
from tests.runs import DBT, PROJECT

STRENGTHS = (0.0, 0.75, 1.5, 2.25, 3.0)
"""Standard deviations of the logarithm of propensity."""
SEEDS = range(10)
SCALE = 0.15
"""A shop of about 14,000 people."""
FURTHER_ORDERS = 0.2
"""Four times those of the real Olist: a shop in which three people in a hundred buy within the horizon."""
FIRST_WEEK, REPORTING_DATE = date(2017, 1, 2), date(2018, 8, 19)
DRAWS = 200
Floats = NDArray[np.float64]
TABLES = ("as_of", "customer_ids", "orders", "order_items", "order_payments", "order_reviews", "products")


class Outcome(NamedTuple):
    """One shop: whether the model was admitted, and mean AUC and lift over the test dates."""

    strength: float
    seed: int
    admitted: bool
    base_rate: float
    sort: float
    model: float
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
    subprocess.run([DBT, *words, "--target-path", str(folder), "--log-path", str(folder)], check=True, cwd=ROOT)
    sql = (folder / "compiled/lakehouse/models/gold/churn_examples.sql").read_text()
    for table in (*TABLES, "clickstream_events", "sessions"):
        sql = sql.replace(f"silver.{table}", f"shop_{table}").replace(f"`silver`.`{table}`", f"shop_{table}")
    return sql


def oracle(orders: Floats, days: Floats, propensity: Floats, weights: Floats, horizon_days: int) -> Floats:
    """The probability of an order within the horizon, of who has placed so many and been away so many days, shape
    (n,).

    Further orders are Poisson distributed; each comes within hours or after an exponential wait
    (data_generation/people.py).

    Args:
        propensity: what a person's may be, shape (n, k).
        weights: how likely each of the k is, before it is known how many orders were placed, shape (k,).
    """
    mean = FURTHER_ORDERS * propensity
    reached = poisson.sf(orders[:, None] - 2, mean)
    further = poisson.sf(orders[:, None] - 1, mean)
    still = (1 - SAME_DAY) * further * np.exp(-days[:, None] / DAYS_AFTER)
    within = still * -np.expm1(-horizon_days / DAYS_AFTER)
    return np.asarray((within @ weights) / ((reached - further + still) @ weights))


def propensities(world: World, strength: float) -> pd.DataFrame:
    """By person: the propensity (``planted``), and without what nobody can see (``visible``, up to a factor)."""
    who = people(world, 0, world.people)
    unseen = PROPENSITY["nothing seen"] * world.draws.normal("loyalty", who.key)
    frame = {"planted": who.propensity, "visible": who.propensity / np.exp(strength * unseen)}
    return pd.DataFrame(frame, index=who.customer_unique_id.to_pylist())


def run(engine: Any, sql: str, strength: float, seed: int) -> Outcome:
    """Make a shop, learn, test, and ask the oracle."""
    world = World(seed + 100, SCALE, Parameters(repeat_strength=strength, further_orders=FURTHER_ORDERS))
    made = block(world, 0, world.people)
    for name, table in silver(made.files, world).items():
        engine.createDataFrame(table.combine_chunks()).createOrReplaceTempView(f"shop_{name}")
    frame = engine.sql(sql).toArrow()
    names = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in frame.schema]
    examples = Examples.of(frame.cast(pa.schema(names)).to_pandas(), "generated")
    settings = Settings(REPORTING_DATE, draws=DRAWS)
    learnt = evaluation.learn_all(examples, max(examples.dates), settings, seed)
    learnt.pop(max(examples.dates))
    lines = pd.DataFrame(
        {"customer_unique_id": [], "purchased_at": pd.to_datetime([]), "revenue": [], "is_revenue_order": []}
    )
    tested = evaluation.evaluate(examples, learnt, lines, settings, seed)
    planted = propensities(world, strength)
    # Gauss-Hermite: what is unseen may be anything, as likely as its normal distribution says.
    points, weights = np.polynomial.hermite_e.hermegauss(31)
    noise = np.exp(strength * PROPENSITY["nothing seen"] * points)
    best: dict[str, list[float]] = {"visible": [], "planted": []}
    for day in tested.dates:
        rows = examples.rows([day])
        known = planted.loc[examples.frame["customer_unique_id"].to_numpy()[rows]]
        orders, days = (examples.column(name, rows) for name in ("orders", "days_since_last_order"))
        labels = examples.labels(rows, settings.horizon_days)
        for kind, factors, shares in (("visible", noise, weights), ("planted", np.ones(1), np.ones(1))):
            scores = oracle(orders, days, np.outer(known[kind], factors), shares, settings.horizon_days)
            best[kind].append(ranking.measure(scores, labels)["auc"])
    metrics = tested.comparison.metrics
    return Outcome(
        strength,
        seed,
        tested.verdict.admitted,
        tested.base_rate,
        metrics[SORT]["auc"].value,
        metrics[evaluation.MODEL]["auc"].value,
        float(np.mean(best["visible"])),
        float(np.mean(best["planted"])),
        metrics[SORT]["top_decile_lift"].value,
        metrics[evaluation.MODEL]["top_decile_lift"].value,
    )


def table(outcomes: list[Outcome]) -> str:
    """Means by strength, in Markdown."""
    lines = [
        "| strength | shops | admitted | buy again | sort AUC | model AUC | oracle AUC | gain recovered "
        "| all-knowing AUC | lift: sort | model |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for strength in sorted({one.strength for one in outcomes}):
        found = pd.DataFrame([one for one in outcomes if one.strength == strength], columns=Outcome._fields)
        mean = found.mean()
        recovered = (mean["model"] - mean["sort"]) / (mean["oracle"] - mean["sort"])
        cells = [
            f"{strength}",
            f"{len(found)}",
            f"{found['admitted'].sum()}",
            f"{100 * mean['base_rate']:.1f} %",
            *(f"{mean[name]:.3f}" for name in ("sort", "model", "oracle")),
            f"{100 * recovered:.0f} %",
            f"{mean['all_knowing']:.3f}",
            *(f"{mean[name]:.2f}" for name in ("sort_lift", "model_lift")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    clear = [one for one in outcomes if one.oracle - one.sort >= 0.08]
    lines.append("")
    lines.append(
        f"Where the oracle beats the sort by 0.08: {sum(one.admitted for one in clear)} of {len(clear)} admitted."
    )
    return "\n".join(lines)


def main() -> None:
    """All shops, one after the other; the table so far after each seed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--strengths", type=float, nargs="+", default=STRENGTHS)
    asked.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
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
                outcomes.append(run(engine, sql, strength, seed))
                print(outcomes[-1], flush=True)
            print(table(outcomes), flush=True)


if __name__ == "__main__":
    main()

"""What the recommender's card claims beyond the tests: Spark, time, memory, the oracle, a dense frame, fresh data.

Run it with ``python -m tests.studies.recommender [--gold FOLDER] [part ...]``; FOLDER holds the Gold tables of
a built warehouse. Parts: spark, dense, tastes, clickstream, people, weekly. Each prints its figures.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from deltalake import DeltaTable

import ml.recommender
from data_generation.generate import generate
from data_generation.request import Request
from ml.recommender import AlsParams, baselines, complements, evaluation, model, scoring, splits, uses
from ml.recommender.als import factorise
from ml.recommender.interactions import Interactions
from ml.recommender.rankers import Histories, Scores
from ml.recommender.recommender import Recommender
from ml.recommender.shop import Settings, open_shop
from ml.recommender.spark import factorise_on_spark
from ml.resampling import difference_interval
from tests.ml.recommender_tastes import draw

SETTINGS = Settings(reporting_date=date(2018, 8, 19))
STARTS = 3
"""How many starting points a training is done from: NDCG is their mean, and the quickest counts."""
TRIED = {
    "dense": (
        *((True, *pair) for pair in ((1, 15), (1, 25), (3, 40), (3, 60), (10, 90), (10, 110), (20, 150))),
        *((False, *pair) for pair in ((1, 0.2), (1, 0.3), (3, 0.4), (3, 0.7), (10, 1.0), (10, 1.5), (30, 3.0))),
    ),
    "olist baskets": (
        *((True, *pair) for pair in ((40, 0.1), (100, 0.1), (200, 1))),
        *((False, *pair) for pair in ((40, 0.1), (100, 0.1), (200, 0.1))),
    ),
}
"""By frame: whether here or on Spark, alpha, and lambda, which Spark multiplies by a row's number of interactions."""
FOLD_IN_RIDGES = (0.1, 1, 10, 30)


def timed(call: Callable[[], object]) -> tuple[object, float]:
    """What a call gives, and its seconds."""
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def show(title: str, found: ml.recommender.Evaluation) -> None:
    """NDCG of returning users by method."""
    rows = found.table[found.table["metric"].str.startswith("ndcg") & (found.table["group"] == "returning")]
    print(f"\n{title}\n{rows.set_index('method')[['value', 'low', 'high', 'cases']].round(4)}")
    print(found.params, "promoted" if found.decision.promote else "not promoted")


def dense_frame(seed: int = 0) -> pd.DataFrame:
    """As many users, items and ratings as MovieLens-100k (943, 1,682, about 100,000), of 12 latent tastes.

    It is made up: MovieLens itself may not be at hand. A user takes 20 items or more, drawn by popularity and taste.
    """
    random = np.random.default_rng(seed)
    users, items, factors = 943, 1_682, 12
    taste, trait = random.normal(size=(users, factors)), random.normal(size=(items, factors))
    popular = 1.5 * random.normal(size=items)
    parts = []
    for user in range(users):
        size = int(np.clip(random.lognormal(4.2, 1), 20, 700))
        liking = 0.5 * trait @ taste[user] + popular + random.gumbel(size=items)
        parts.append(pd.DataFrame({"user": user, "item": np.argsort(-liking)[:size], "weight": 1.0}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(timestamp=random.integers(10**7, size=len(frame)))


def three_quarters(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test: 75 and 25 % of each user's rows, at random."""
    test = frame.groupby("user").sample(frac=0.25, random_state=0)
    return frame.drop(test.index), test


def dense() -> None:
    """The public function on a frame as dense as MovieLens-100k."""
    train, test = three_quarters(dense_frame())
    show("A made-up frame as dense as MovieLens-100k, 75/25 per user", ml.recommender.evaluate(train, test=test))


def tastes() -> None:
    """NDCG as a share of the oracle's, by the strength of taste."""
    for strength in (0.0, 0.5, 0.75, 0.9):
        shop = draw(people=2_000, products=500, views=30, strength=strength, seed=4)
        found = ml.recommender.evaluate(shop.frame, categories=shop.category)
        parts = splits.split_at(shop.frame, 0.8)
        person = np.array([int(user[1:]) for user in parts.test.users])
        item = np.array([int(name[1:]) for name in parts.train.items])
        queries = evaluation.people(parts, repeats=False, segment=person).known

        def oracle(who: Histories, chance: np.ndarray = shop.chance, item: np.ndarray = item) -> Scores:
            return chance[who.segment][:, item]

        best = evaluation.measure(queries, {"oracle": oracle}, 10)["oracle"].ndcg().mean()
        show(f"Planted taste of strength {strength}; oracle {best:.4f}", found)
        for method in ("als", "item_knn", "popular_in_own_categories", "recently_seen"):
            print(f"  {method}: {found.value(method, 'ndcg_at_10') / best:.2f} of the oracle")


def clickstream() -> None:
    """The generator's own visits, all tracked: few products a person."""
    with tempfile.TemporaryDirectory() as folder:
        only = ("clickstream_events", "products")
        request = Request(
            Path(folder),
            scale=0.2,
            events=2_000_000,
            tracking_coverage=1.0,
            file_format="parquet",
            only=only,
            workers=1,
        )
        generate(request)
        events = pd.read_parquet(Path(folder) / "clickstream_events.parquet").dropna(
            subset=["customer_unique_id", "product_id"]
        )
        products = pd.read_parquet(Path(folder) / "olist_products_dataset.parquet").set_index("product_id")
    frame = pd.DataFrame(
        {
            "user": events["customer_unique_id"],
            "item": events["product_id"],
            "weight": events["event_type"].map({"product_view": 1.0, "add_to_cart": 3.0, "purchase": 5.0}),
            "timestamp": pd.to_datetime(events["event_timestamp"]),
        }
    ).dropna()
    print(f"{len(frame):,} events of {frame['user'].nunique():,} people, {frame['item'].nunique():,} products")
    category = products["product_category_name"]
    show("Generated clickstream, split by time", ml.recommender.evaluate(frame, categories=category))
    first = frame.sort_values(["timestamp", "item"]).drop_duplicates(["user", "item"])
    size, place = first.groupby("user")["item"].transform("size"), first.groupby("user").cumcount()
    late = first[place >= size - size // 4]
    pairs = pd.MultiIndex.from_frame(frame[["user", "item"]])
    early = frame[~pairs.isin(pd.MultiIndex.from_frame(late[["user", "item"]]))]
    found = ml.recommender.evaluate(early, test=late, categories=category)
    show("The same, the last quarter of each person's products to be found", found)


def spark(gold: Path | None) -> None:
    """The same data, rank, iterations and confidence: NDCG and seconds, here and by Spark MLlib on two cores."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.extraJavaOptions", "-Xss16m")  # Fifteen iterations make a long lineage.
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    frames = {"dense": three_quarters(dense_frame())}
    if gold is not None:
        shop = open_shop(read_gold(gold), SETTINGS)
        start = SETTINGS.test_start
        frames["olist baskets"] = (shop.baskets(None, start), shop.baskets(start, SETTINGS.end))
    for name, pair in frames.items():
        parts = splits.split_pair(*pair)
        queries = uses.basket_queries(parts)[0] if name != "dense" else evaluation.people(parts, repeats=False).known
        train = parts.train
        best: dict[str, evaluation.Floats] = {}
        for ours, alpha, ridge in TRIED[name]:
            params = AlsParams(32, ridge, alpha)
            found: list[evaluation.Floats] = []
            seconds: list[float] = []
            for seed in range(STARTS):
                here = partial(factorise, train.strengths(), params, seed, 2)
                factors, took = timed(here if ours else partial(factorise_on_spark, session, train, params, seed))
                # Users are folded in by the same rule, with the ridge that suits the factors best here.
                ridges = (AlsParams(32, other, alpha) for other in FOLD_IN_RIDGES)
                found.append(max((ndcg_of(train, np.asarray(factors), one, queries) for one in ridges), key=np.mean))
                seconds.append(took)
            where = "here" if ours else "Spark"
            mean: evaluation.Floats = np.mean(found, axis=0)
            best[where] = max(best.get(where, mean), mean, key=np.mean)
            each = ", ".join(f"{one.mean():.4f}" for one in found)
            print(
                f"{name}, {where}: alpha {alpha}, lambda {ridge}: NDCG@10 {mean.mean():.4f} ({each}) "
                f"in {min(seconds):.2f} s",
                flush=True,
            )
        gain, low, high = difference_interval(best["here"], best["Spark"], seed=0)
        print(f"{name}, the best of each: {gain:+.4f} here ({low:+.4f} to {high:+.4f}), case by case", flush=True)
    session.stop()


def ndcg_of(
    train: Interactions, factors: np.ndarray, params: AlsParams, queries: evaluation.Queries
) -> evaluation.Floats:
    """NDCG of item factors, whoever made them, a value a query."""
    made = Recommender(params, train.users, train.items, train.strengths(), factors.astype(np.float32))
    return evaluation.measure(queries, {"als": made.score}, 10)["als"].ndcg()


def read_gold(gold: Path) -> dict[str, pd.DataFrame]:
    """The tables that the recommender reads."""
    return {
        name: DeltaTable(gold / name).to_pyarrow_table(columns=list(columns)).to_pandas()
        for name, columns in model.READS.items()
    }


def everybody(gold: Path) -> None:
    """Seconds and memory of recommendations for all people, by each method."""
    shop = open_shop(read_gold(gold), SETTINGS)
    made = ml.recommender.fit(shop.purchases(None, SETTINGS.end), AlsParams(64, 10, 1))
    weights = uses.weights_before(shop, SETTINGS.test_start, SETTINGS, 0)
    recipe = uses.Recipe(made.params, made.params, weights)
    for method in ("popular_in_category_and_state", uses.ALS, uses.COMPLEMENTS):
        cpu = time.process_time()
        rows, seconds = timed(partial(scoring.product_recommendations, shop, made, recipe, method, SETTINGS))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        assert isinstance(rows, pd.DataFrame)
        print(
            f"{method}: {len(rows):,} rows for {rows['customer_unique_id'].nunique():,} people, {seconds:.1f} s "
            f"({time.process_time() - cpu:.1f} s of one processor), at most {memory:.1f} GB so far"
        )


def weekly(gold: Path) -> None:
    """Baskets of the test window, what is known brought up to date every week; the weights stay."""
    shop = open_shop(read_gold(gold), SETTINGS)
    weights = uses.weights_before(shop, SETTINGS.test_start, SETTINGS, 0)
    found: dict[str, list[np.ndarray]] = {}
    for start in pd.date_range(SETTINGS.test_start, SETTINGS.end, freq="7D", inclusive="left"):
        later = shop.baskets(start, min(start + pd.Timedelta(days=7), SETTINGS.end))
        parts = splits.split_pair(shop.baskets(None, start), later)
        queries, basket = uses.basket_queries(parts)
        past, category = parts.train, shop.products["category"]
        rankers = {
            uses.COMPLEMENTS: complements.Catalogue(past, shop.traits(start)).ranker(weights),
            "bought_together": baselines.bought_together(past),
            "popular_in_category": baselines.popular_in_categories(past, category, recent=False),
            "recently_popular_in_category": baselines.popular_in_categories(past, category),
            "recent_popularity": baselines.recent_popularity(past),
        }
        for name, lists in evaluation.measure(queries, rankers, SETTINGS.k).items():
            found.setdefault(name, []).append(evaluation.per_case(lists.ndcg(), basket))
    for name, values in found.items():
        mean, low, high = evaluation.mean_interval(np.concatenate(values), 0, draws=evaluation.DRAWS)
        print(f"{name}: NDCG@10 {mean:.4f} ({low:.4f} to {high:.4f}), {sum(map(len, values)):,} baskets")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gold", type=Path)
    parser.add_argument("parts", nargs="*")
    asked = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {"dense": dense, "tastes": tastes, "clickstream": clickstream}
    parts["spark"] = lambda: spark(asked.gold)
    if asked.gold is not None:
        gold = asked.gold
        parts |= {"people": lambda: everybody(gold), "weekly": lambda: weekly(gold)}
    for name in asked.parts or parts:
        print(f"== {name}")
        parts[name]()


if __name__ == "__main__":
    main()

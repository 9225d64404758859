"""How fast `lakehouse serve` answers, and how the notebook project's way compares:
`python -m benchmarks.serving WAREHOUSE [--seconds 30] [--rate 200] [--spark]`.

Locust sends the requests over loopback to one worker. The notebook project's ``score.py`` held a Spark session and
called ``recommendForUserSubset`` for each request; ``--spark`` does that with the factors of the champion. Nothing
else should run meanwhile; where something does, only the ratio says something.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder

from lakehouse.settings import ROOT
from ml.recommender.model import FACTORS
from ml.recommender.recommender import Recommender
from ml.registry import Registry

USERS = 20
"""How many clients send requests at the same time."""
SAMPLE = 2_000
COLD = 6
"""How many requests are sent one after the other to compare with Spark."""


def keys(warehouse: Path) -> dict[str, list[str]]:
    """People and products to ask for, a seeded sample."""
    wanted = {
        "people": ("gold", "dim_customer", "customer_unique_id"),
        "products": ("ml", "similar_products", "product_id"),
        "at_risk": ("ml", "churn_scores", "customer_unique_id"),
    }
    found = {}
    for name, (schema, table, column) in wanted.items():
        rows = QueryBuilder().register("t", DeltaTable(warehouse / schema / table))
        values = pa.table(rows.execute(f"select distinct {column} as it from t order by it").read_all())["it"]
        every = values.to_pylist()
        found[name] = random.Random(0).sample(every, min(SAMPLE, len(every)))  # noqa: S311
    return found


def fetch(address: str) -> bytes:
    """The body of an answer; raises HTTPError for any status but 200."""
    with urlopen(address) as reply:  # noqa: S310
        body: bytes = reply.read()
        return body


@contextmanager
def served(warehouse: Path) -> Iterator[tuple[str, float, int]]:
    """`lakehouse serve` in a process of its own: where, the seconds until it answered, and its process id."""
    environment = os.environ | {"LAKEHOUSE_WAREHOUSE": str(warehouse), "LAKEHOUSE_API_KEY": ""}
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "lakehouse", "serve", "--port", "0"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        fetch(f"{address}/health")
        yield address, time.perf_counter() - begun, process.pid
        process.terminate()


def peak_memory(process: int) -> float:
    """The most memory that a process has had resident, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def processor_seconds(process: int) -> float:
    """How long a process has had a processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(address: str, rate: float, seconds: int, there: dict[str, list[str]]) -> list[dict[str, str]]:
    """Locust's table, a row per kind of request and one for all."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "keys.json").write_text(json.dumps(there))
        environment = os.environ | {
            "SERVING_KEYS": str(Path(folder) / "keys.json"),
            "SERVING_RATE_OF_EACH": str(rate / USERS),
        }
        words = ["--headless", "--users", USERS, "--spawn-rate", USERS, "--run-time", f"{seconds}s", "--only-summary"]
        words += ["--host", address, "--csv", f"{folder}/locust", "--reset-stats", "--stop-timeout", "5"]
        done = subprocess.run(  # noqa: S603
            [
                sys.executable,
                "-m",
                "locust",
                "--locustfile",
                str(ROOT / "benchmarks" / "serving_load.py"),
                *map(str, words),
            ],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        with (Path(folder) / "locust_stats.csv").open() as table:
            return list(csv.DictReader(table))


def milliseconds(ask: Callable[[str], object], people: Sequence[str]) -> list[float]:
    """How long each answer took, one after the other."""
    found = []
    for person in people:
        begun = time.perf_counter()
        ask(person)
        found.append(1000 * (time.perf_counter() - begun))
    return found


def on_spark(model: Recommender, people: Sequence[str], folder: Path) -> tuple[float, list[float]]:
    """The notebook project's way: seconds until the first answer, and milliseconds of those after it."""
    from pyspark.ml.recommendation import ALSModel
    from pyspark.sql import SparkSession

    _save_for_spark(model, folder)
    number = {name: place for place, name in enumerate(model.users)}
    begun = time.perf_counter()
    settings: dict[str, bool | float | int | str | None] = {"spark.ui.enabled": "false"}
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    loaded = ALSModel.load(str(folder))

    def ask(person: str) -> object:
        rows = spark.createDataFrame([(number[person],)], "user int")
        return loaded.recommendForUserSubset(rows, 10).collect()

    ask(people[0])
    first = time.perf_counter() - begun
    found = milliseconds(ask, people[1:])
    spark.stop()
    return first, found


def _save_for_spark(model: Recommender, folder: Path) -> None:
    """The factors in the layout of ``ALSModel.save``."""
    from ml.recommender.als import fold_in

    told = {
        "class": "org.apache.spark.ml.recommendation.ALSModel",
        "timestamp": 0,
        "sparkVersion": "4.1.0",
        "uid": "als",
        "paramMap": {"userCol": "user", "itemCol": "item"},
        "defaultParamMap": {"predictionCol": "prediction", "coldStartStrategy": "nan", "blockSize": 4096},
        "rank": model.params.factors,
    }
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "part-00000").write_text(json.dumps(told) + "\n")
    (folder / "metadata" / "_SUCCESS").touch()
    users = fold_in(model.item_factors, model.strengths, model.params)
    for name, factors in (("userFactors", users), ("itemFactors", model.item_factors)):
        (folder / name).mkdir()
        rows = {
            "id": pa.array(range(len(factors)), pa.int32()),
            "features": pa.array(factors.tolist(), pa.list_(pa.float32())),
        }
        pq.write_table(pa.table(rows), folder / name / "part-00000.parquet")


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--spark", action="store_true")
    told = parser.parse_args()
    warehouse = told.warehouse.resolve()
    there = keys(warehouse)
    registry = Registry(warehouse)
    champion = registry.champion("recommender")
    assert champion is not None
    with served(warehouse) as (address, ready, process):
        print(f"ready after {ready:.2f} s, with {peak_memory(process):.0f} MB")
        before = processor_seconds(process)
        rows = load(address, told.rate, told.seconds, there)
        spent = 1000 * (processor_seconds(process) - before)
        for row in rows:
            print(
                f"{row['Name']:>18}: {float(row['Requests/s']):6.1f} a second, {row['Failure Count']} failed, "
                f"50 % within {row['50%']} ms, 99 % within {row['99%']} ms, all within {row['100%']} ms"
            )
        print(f"{spent / int(rows[-1]['Request Count']):.2f} ms of a processor each, whatever else runs")
        print(f"{peak_memory(process):.0f} MB at most")
        if told.spark:
            with registry.folder(champion) as folder, tempfile.TemporaryDirectory() as temporary:
                model = Recommender.load(folder / FACTORS)
                people = [str(name) for name in model.users[:: max(1, len(model.users) // COLD)]][:COLD]
                first, theirs = on_spark(model, people, Path(temporary) / "als")
                ours = milliseconds(lambda person: fetch(f"{address}/recommendations/{person}"), people)
                same = milliseconds(lambda person: model.recommend([person]), people)
            slow, quick = statistics.median(theirs), statistics.median(ours)
            print(f"Spark: the first answer after {first:.1f} s, then {slow:.0f} ms each")
            print(f"the same factors without Spark: {statistics.median(same):.1f} ms each")
            print(f"lakehouse serve, over HTTP: {quick:.1f} ms each, {slow / quick:.0f} times as fast")


if __name__ == "__main__":
    main()

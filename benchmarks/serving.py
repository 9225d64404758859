"""How fast `lakehouse serve` answers, and how the notebook project's way compares:
`python -m benchmarks.serving WAREHOUSE [--seconds 30] [--rate 200] [--spark]`.

Vegeta sends the requests over loopback to one worker, at a steady rate whatever the answers take (a load generator in
Python takes longer for a request than the server does). The notebook project's ``score.py`` held a Spark session and
called ``recommendForUserSubset`` for each request; ``--spark`` does that with the factors of the champion. Nothing
else should run meanwhile; where something does, only the ratio says something.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import os
import random
import re
import shutil
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

from benchmarks import results
from lakehouse.settings import ROOT
from ml.recommender.model import FACTORS
from ml.recommender.recommender import Recommender
from ml.registry import Registry

VEGETA = os.environ.get("VEGETA") or "vegeta"
KINDS = {"a customer": 10, "somebody unknown": 3, "a product": 3, "a basket": 2, "views": 1, "a risk": 1}
"""What is asked, and how often in twenty requests."""
SAMPLE = 2_000
KEY = ("what",)
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
        try:
            address = process.stdout.readline().strip()
            fetch(f"{address}/health")
            yield address, time.perf_counter() - begun, process.pid
        finally:
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


def requests(address: str, count: int, there: dict[str, list[str]]) -> list[tuple[str, str, object]]:
    """What to send, drawn with a seed: the kind, the address, and the body or None."""
    draw = random.Random(0)  # noqa: S311
    found: list[tuple[str, str, object]] = []
    for kind in draw.choices(list(KINDS), list(KINDS.values()), k=count):
        body: object = None
        path = "recommendations"
        if kind == "a customer":
            path += f"/{draw.choice(there['people'])}"
        elif kind == "somebody unknown":
            path += f"/new-{draw.random()}"
        elif kind == "a product":
            path = f"similar/{draw.choice(there['products'])}"
        elif kind == "a risk":
            path = f"risks/{draw.choice(there['at_risk'])}"
        elif kind == "a basket":
            body = {"basket": draw.sample(there["products"], draw.choice((1, 1, 1, 2, 3)))}
        else:
            body = {"views": draw.sample(there["products"], 5), "state": "SP"}
        found.append((kind, f"{address}/{path}", body))
    return found


def load(asked: list[tuple[str, str, object]], rate: int, seconds: int) -> list[tuple[str, int, float]]:
    """Send them: kind, status and milliseconds of each."""
    header = {"Content-Type": ["application/json"]}
    lines = [
        json.dumps(
            {"method": "GET", "url": url}
            if body is None
            else {
                "method": "POST",
                "url": url,
                "header": header,
                "body": base64.b64encode(json.dumps(body).encode()).decode(),
            }
        )
        for _, url, body in asked
    ]
    with tempfile.TemporaryDirectory() as folder:
        targets, hits = Path(folder) / "targets.json", Path(folder) / "hits.bin"
        targets.write_text("\n".join(lines) + "\n")
        words = ["-format=json", f"-targets={targets}", f"-rate={rate}", f"-duration={seconds}s", f"-output={hits}"]
        subprocess.run([VEGETA, "attack", *words], check=True)  # noqa: S603
        told = subprocess.run(  # noqa: S603
            [VEGETA, "encode", "-to=csv", str(hits)], check=True, capture_output=True, text=True
        )
    rows = list(csv.reader(told.stdout.splitlines()))
    return [(asked[int(row[8]) % len(asked)][0], int(row[1]), int(row[2]) / 1e6) for row in rows]


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
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--spark", action="store_true")
    told = parser.parse_args()
    warehouse = told.warehouse.resolve()
    if not shutil.which(VEGETA):
        parser.error(f"{VEGETA} is not there; `make bench-serving` fetches it.")
    registry = Registry(warehouse)
    champion = registry.champion("recommender")
    if champion is None:
        parser.error(
            f"{warehouse} has no recommender that serves: `lakehouse train all`, then `lakehouse score all`."
        )
    about = results.here()
    there = keys(warehouse)
    with served(warehouse) as (address, ready, process):
        print(f"ready after {ready:.2f} s, with {peak_memory(process):.0f} MB")
        before = processor_seconds(process)
        hits = load(requests(address, told.rate * told.seconds, there), told.rate, told.seconds)
        spent = 1000 * (processor_seconds(process) - before)
        for kind in (*KINDS, "all"):
            of_kind = [hit for hit in hits if kind in (hit[0], "all")]
            took = statistics.quantiles((hit[2] for hit in of_kind), n=100)
            failed = sum(hit[1] != 200 for hit in of_kind)
            print(
                f"{kind:>18}: {len(of_kind) / told.seconds:6.1f} a second, {failed} failed, 50 % within "
                f"{took[49]:.1f} ms, 99 % within {took[98]:.1f} ms, all {max(hit[2] for hit in of_kind):.1f} ms"
            )
            told_of = {"per_second": len(of_kind) / told.seconds, "median_ms": took[49], "ms_99_percent": took[98]}
            results.add("serving", KEY, [{"what": kind, "failed": failed, **results.rounded(told_of)}], about)
        print(f"{spent / len(hits):.2f} ms of a processor each, whatever else runs")
        print(f"{peak_memory(process):.0f} MB at most")
        whole = {"seconds": ready, "peak_mb": peak_memory(process), "cpu_ms": spent / len(hits)}
        results.add("serving", KEY, [{"what": "lakehouse serve", **results.rounded(whole)}], about)
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
            print(f"lakehouse serve, over HTTP: {quick:.1f} ms each, whatever serves")
            ways = {
                "one after the other, Spark": slow,
                "one after the other, the same factors in our process": statistics.median(same),
                "one after the other, ours over HTTP": quick,
            }
            lines = [{"what": what, **results.rounded({"median_ms": value})} for what, value in ways.items()]
            results.add("serving", KEY, lines, about)


if __name__ == "__main__":
    main()

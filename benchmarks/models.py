"""What learning and scoring cost: `python -m benchmarks.models WAREHOUSE [--spark]`, over a built warehouse.

Each model trains and scores as `lakehouse train` and `lakehouse score` do, start and reading among it, on a copy of
the warehouse; the recommender scores for all people. ``--spark``: the factorisation alone, by `implicit` and by Spark
MLlib, side by side (Java 17). What answers over HTTP take, `python -m benchmarks.serving` measures.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import commands, original, results
from benchmarks.commands import Place
from benchmarks.measured import Failed
from benchmarks.results import Result
from ml.models import MODULES
from ml.recommender import AlsParams
from ml.recommender.als import factorise
from ml.recommender.interactions import read
from ml.recommender.shop import open_shop
from ml.recommender.spark import factorise_on_spark
from tests.studies.recommender import SETTINGS, read_gold, timed

KEY = ("what",)
PARAMS = AlsParams()
THREADS = 2


def pipeline(place: Place) -> Iterator[Result]:
    """Training and scoring of each model."""
    for name in MODULES:
        for verb in ("train", "score"):
            try:
                used = commands.lakehouse(place, verb, name)
            except Failed as failed:  # too young a shop, or no champion yet
                yield {"what": f"{verb} {name}", "not": str(failed).strip().splitlines()[-1]}
            else:
                yield {"what": f"{verb} {name}", **results.rounded(used._asdict())}


def factorisations(warehouse: Path) -> Iterator[Result]:
    """Implicit ALS of all purchases, by both libraries: the quicker of two runs, the session started before."""
    past = read(open_shop(read_gold(warehouse / "gold"), SETTINGS).purchases(None, SETTINGS.end))
    size = {"users": len(past.users), "items": len(past.items), "pairs": int(past.strengths().nnz)}
    here = quickest(partial(factorise, past.strengths(), PARAMS, 0, THREADS))
    yield {"what": "ALS by implicit", **size, **results.rounded({"seconds": here})}
    session = original.started(spark_driver_extraJavaOptions="-Xss16m")  # many iterations make a long lineage
    there = quickest(partial(factorise_on_spark, session, past, PARAMS, 0))
    session.stop()
    yield {"what": "ALS by Spark MLlib", **size, **results.rounded({"seconds": there})}


def quickest(call: Callable[[], object]) -> float:
    """Seconds of the quicker of two calls: the first of a process may wait for what is loaded."""
    return min(timed(call)[1] for _ in range(2))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--spark", action="store_true")
    told = parser.parse_args()
    about = results.here()
    with tempfile.TemporaryDirectory() as temporary:
        place = Place(Path(temporary))
        shutil.copytree(told.warehouse, place.warehouse)
        size = commands.size(place.warehouse)
        for line in (*pipeline(place), *(factorisations(place.warehouse) if told.spark else ())):
            results.add("models", KEY, [{**size, **line}], about)
            print(line, flush=True)


if __name__ == "__main__":
    main()

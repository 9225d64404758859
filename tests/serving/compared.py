"""What single requests are answered, beside the tables: `python -m tests.serving.compared WAREHOUSE 1000`."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml.serving.core import NotKnown, Service
from ml.serving.risks import NUMBERS, WORDS
from tests.delta import query

LISTS = ("rank", "score", "method")


class Compared(NamedTuple):
    """Attributes:
    asked: how many questions, by table.
    different: keys that were answered otherwise than the table has it.
    """

    asked: dict[str, int]
    different: list[str]


def compare(warehouse: Path, service: Service, most: int | None = None) -> Compared:
    """Ask for people and products, a seeded sample of each or all, and compare with ``ml``."""
    people = [
        row["customer_unique_id"] for row in query(warehouse, "select customer_unique_id from gold__dim_customer")
    ]
    products = [row["product_id"] for row in query(warehouse, "select product_id from gold__dim_product")]
    found = Compared({}, [])
    tables = {
        "product_recommendations": (
            "customer_unique_id",
            people,
            "product_id",
            _asked(service, "customer", "recommendations"),
        ),
        "buy_again": ("customer_unique_id", people, "product_id", _asked(service, "customer", "buy_again")),
        "similar_products": ("product_id", products, "similar_product_id", _asked(service, "product", "similar")),
    }
    for table, (key, keys, product, ask) in tables.items():
        rows = _by_key(query(warehouse, f"select * from ml__{table} order by {key}, rank"), key)
        columns = (product, *(name for name in LISTS if name != "method" or table != "buy_again"))
        for name in _some(keys, most):
            listed = [tuple(row[column] for column in columns) for row in rows.get(name, [])]
            told = [tuple(offer.values())[: len(columns)] for offer in ask(name)]
            if told != listed:
                found.different.append(f"{table} {name}")
        found.asked[table] = min(len(keys), most or len(keys))
    rows = _by_key(query(warehouse, "select * from ml__churn_scores"), "customer_unique_id")
    for name in _some(people, most):
        expected = [{column: row[column] for column in (*NUMBERS, *WORDS)} for row in rows.get(name, [])]
        try:
            answer = service.score({"risk_of": name})
            told_risk = [{column: answer[column] for column in (*NUMBERS, *WORDS)}]
        except NotKnown:
            told_risk = []
        if told_risk != expected:
            found.different.append(f"churn_scores {name}")
    found.asked["churn_scores"] = min(len(people), most or len(people))
    return found


def _asked(service: Service, subject: str, part: str) -> Any:
    def ask(key: str) -> list[dict[str, Any]]:
        try:
            answer: list[dict[str, Any]] = service.score({subject: key})[part]
        except NotKnown:
            return []
        return answer

    return ask


def _by_key(rows: Sequence[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _some(keys: Sequence[str], most: int | None) -> Iterator[str]:
    yield from sorted(keys) if most is None or most >= len(keys) else random.Random(0).sample(sorted(keys), most)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    result = compare(folder, Service.open(folder / "serving"), int(sys.argv[2]) if len(sys.argv) > 2 else None)
    print(", ".join(f"{table}: {count:,} asked" for table, count in result.asked.items()))
    print(f"{len(result.different)} different", *result.different[:10], sep="\n")
    sys.exit(bool(result.different))

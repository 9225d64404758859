"""Checks and models' tables through a session alone, as on Databricks: other schemas, and no folder is seen.

``python -m tests.databricks.through_session WAREHOUSE LANDING OUT`` does on plain Spark what the test then compares.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
from deltalake import DeltaTable

from expectations import results
from lakehouse import acceptance, auto_loader, catalog, pipeline, session, tables, unity
from lakehouse.catalog import TableName
from lakehouse.errors import LakehouseError
from lakehouse.unity import Unity
from ml import data
from ml.contracts import CONTRACTS
from ml.data import Origin

READS = {"weekly_revenue": ("week_start", "revenue", "is_complete"), "customer_360": ("customer_unique_id",)}
NOWHERE = Path("/nowhere/at/all")
TABLE = TableName("ml", "similar_products")
KEPT = TableName("ml", "drift")
NEW = TableName("ml", "buy_again")


def main() -> None:
    """See the module."""
    warehouse, landing, out = map(Path, sys.argv[1:])
    spark = session.open_session("spark", warehouse)
    for table in catalog.tables(warehouse, ("bronze", "silver", "gold")):
        spark.sql(f"create schema if not exists dev_{table.schema}")
        spark.sql(f"create table dev_{table.schema}.{table.name} using delta location '{table.path(warehouse)}'")
        spark.sql(f"drop table {table.quoted}")
    place = Unity(spark, lambda layer: f"dev_{layer}")
    with mock.patch.object(unity, "opened", return_value=place):
        told = {"checks": checks(), **models(place), **put_back(place, warehouse / "dev_ml.db" / TABLE.name)}
    told["bronze"] = bronze(Unity(spark, lambda layer: f"auto_{layer}"), landing, out.parent)
    told["again"] = again(Unity(spark, lambda layer: f"again_{layer}"), landing, out.parent)
    out.write_text(json.dumps(told, default=str))
    spark.stop()


def checks() -> list[tuple[str, ...]]:
    """Great Expectations' verdicts on Silver, as they can be read back."""
    pipeline.validate(["silver"], "databricks", NOWHERE, lambda *_: None)
    rows = results.newest(unity.opened())
    return sorted((row["check_name"], row["table_name"], row["status"], row["observed"]) for row in rows)


def bronze(place: Unity, landing: Path, folder: Path) -> dict[str, Any]:
    """What is taken in by the stream that Auto Loader would feed, here by Spark's own source for whole files."""
    checked = acceptance.check("olist", [landing])
    told: dict[str, Any] = {}
    for time in ("first", "second"):
        reports = auto_loader.take_in(place, checked, folder / f"checkpoints of the {time} stream", "binaryFile", {})
        told[time] = sorted((one.file, one.rows, one.rejected, one.already_there) for one in reports)
    for table in place.tables(["bronze"]):
        told[table.name] = place.table(table.quoted).drop("_ingested_at").toArrow().to_pylist()
    return told


def again(place: Unity, landing: Path, folder: Path) -> dict[str, Any]:
    """What one stream, which does not forget what it has seen, makes of a file that comes again and changes."""
    current = folder / "current"
    current.mkdir()
    file = current / "clickstream_events.csv"
    header, *lines = (landing / file.name).read_text().splitlines(keepends=True)
    told: dict[str, Any] = {}

    def take(day: date | None = None) -> list[tuple[int, int, bool]]:
        checked = acceptance.check("olist", [current], day)
        reports = auto_loader.take_in(place, checked, folder / "checkpoints that stay", "binaryFile", {})
        return [(one.rows, one.rejected, one.already_there) for one in reports]

    file.write_text("".join([header, *lines[:3]]))
    try:
        with tables.writing(place, ["bronze"]):
            take()
            raise RuntimeError
    except RuntimeError:
        told["put back"] = [table.name for table in place.tables(["bronze"])]
    told["after a failed gate"] = take()
    file.write_text("".join([header, *lines[3:5]]))
    told["under the same name"] = take()
    dated = folder / "dated"
    dated.mkdir()
    (dated / file.name).write_text("".join([header, *lines[5:6]]))
    other = acceptance.check("olist", [dated], date(2018, 9, 1))
    auto_loader.take_in(place, other, folder / "checkpoints that stay", "binaryFile", {})
    told["unchanged, without a day"] = take()
    for name, content in (("changed, without a day", lines[6]), ("unreadable", "torn\n")):
        file.write_text(header + content)
        try:
            take(date(2018, 9, 2) if name == "unreadable" else None)
        except LakehouseError as error:
            told[name] = error.what
    return told


def models(place: Unity) -> dict[str, Any]:
    """What a model reads, and what becomes of what it writes."""
    data.prepare(place)
    data.prepare(place)
    inputs = data.read(session.open_session("databricks", NOWHERE), place, READS)
    for version, day, value in ((1, 1, "a"), (1, 1, "b"), (1, 2, "c"), (2, 2, "d")):
        origin = Origin("forecast", version, date(2018, 8, day), datetime(2018, 9, 1, tzinfo=UTC))
        data.write(place, {KEPT.name: drift(value), TABLE.name: similar(value)}, origin)
    return {
        "frames": {name: json.loads(frame.to_json(date_format="iso")) for name, frame in inputs.frames.items()},
        "versions": inputs.versions,
        "invocations": inputs.dbt_invocations,
        "reporting_date": inputs.reporting_date,
        "kept": sorted(row["feature"] for row in place.table(KEPT.quoted).collect()),
        "replaced": sorted(row["product_id"] for row in place.table(TABLE.quoted).collect()),
        "measured": [data.is_measured(place, "forecast", 1)],
    }


def put_back(place: Unity, folder: Path) -> dict[str, Any]:
    """What is left of a step that failed; read without Spark, which cannot (docs/databricks.md)."""
    before = place.version(TABLE)
    place.sql(f"drop table {NEW.quoted}")
    place.sql("create view ml.seen as select 1 as one")
    try:
        with tables.writing(place, ["ml"]):
            origin = Origin("forecast", 3, date(2018, 8, 3), datetime(2018, 9, 1, tzinfo=UTC))
            data.write(place, {TABLE.name: similar("broken")}, origin)
            place.create(NEW, CONTRACTS[NEW.name].schema)
            place.sql("create table ml.of_somebody_else (id int) using delta")
            raise RuntimeError
    except RuntimeError:
        pass
    return {
        "after": DeltaTable(folder).to_pyarrow_table()["product_id"].to_pylist(),
        "new_is_gone": NEW not in place.tables(["ml"]),
        "strange_is_there": TableName("ml", "of_somebody_else") in place.tables(["ml"]),
        "newer": DeltaTable(folder).version() > before,
    }


def similar(product: str) -> pd.DataFrame:
    """A row of ``ml.similar_products``."""
    row = {"product_id": product, "similar_product_id": "x", "rank": 1, "score": 0.5, "method": "m"}
    return pd.DataFrame([row])


def drift(feature: str) -> pd.DataFrame:
    """A row of ``ml.drift``."""
    return pd.DataFrame([{"kind": "feature", "feature": feature, "psi": 0.1, "level": "none"}])


if __name__ == "__main__":
    main()

"""How well the churn model ranks as of four days of the real Olist, each with all that was known by then.

``python -m tests.studies.churn_out_of_time WAREHOUSE`` takes some minutes; the warehouse is one in which the real
Olist was built, and is copied first. Reference dates go back from the reporting date, so for each day the reporting
date is moved to where the day's label ends. Everything the model may choose it chooses from labels that had ended by
that day.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable

from lakehouse.catalog import TableName
from ml import threads
from ml.churn import baselines, evaluation, gate, learning, ranking
from ml.churn import windows as time
from ml.churn.cells import METHOD as CELLS
from ml.churn.evaluation import MODEL
from ml.churn.examples import Examples
from ml.churn.ranking import Comparison, Day
from ml.churn.settings import Settings
from tests.runs import dbt

DAYS = (date(2017, 12, 1), date(2018, 1, 1), date(2018, 2, 1), date(2018, 3, 1))
DRAWS, SEED = 1000, 20180819


def examples_as_of(warehouse: Path, day: date, horizon_days: int) -> pd.DataFrame:
    """``gold.churn_examples`` with the day among its reference dates, and its labels known."""
    reporting_date = day + timedelta(horizon_days - 1)
    DeltaTable(TableName("silver", "as_of").path(warehouse)).update({"reporting_date": f"date '{reporting_date}'"})
    run = dbt(warehouse, "run", "--select", "churn_examples")
    assert run.returncode == 0, run.stdout
    table = pa.table(DeltaTable(TableName("gold", "churn_examples").path(warehouse)).to_pyarrow_table())
    plain = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in table.schema]
    return table.cast(pa.schema(plain)).to_pandas()


def rankings_of(frame: pd.DataFrame, day: date, codes: dict[str, int]) -> tuple[Day, str]:
    """The rankings of one day, and which candidate was chosen; people get the same code on every day."""
    settings = Settings(day)
    examples = Examples.of(frame, "generated")
    windows = time.windows(examples.dates, day, settings.label_days, settings.horizon_days)
    assert windows is not None
    learnt = learning.learn(examples, windows, settings, SEED, rivals=True)
    rows = examples.rows([day])
    found = learnt.rankings(examples.matrix.iloc[rows])
    ids = examples.frame["customer_unique_id"].to_numpy()[rows]
    scores = {
        MODEL: found[learnt.fitted.method],
        **{name: found[name] for name in learning.CANDIDATES},
        CELLS: evaluation.cell_probabilities(learnt, examples, rows),
        **baselines.rankings(examples, rows),
    }
    person = np.array([codes.setdefault(one, len(codes)) for one in ids])
    return Day(person, examples.labels(rows, settings.horizon_days), scores), learnt.fitted.method


def report(title: str, comparison: Comparison) -> str:
    """Metrics and the verdict of the gate."""
    lines = [f"{title}", *gate.judge(comparison).reasons]
    for name, found in comparison.metrics.items():
        cells = (f"{metric} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for metric, one in found.items())
        lines.append(f"  {name}: {', '.join(cells)}")
    return "\n".join(lines)


def main() -> None:
    """Day by day, then all four together."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("warehouse", type=Path)
    days: list[Day] = []
    codes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder, threads.fixed():
        warehouse = Path(shutil.copytree(asked.parse_args().warehouse, Path(folder) / "warehouse"))
        for day in DAYS:
            found, method = rankings_of(examples_as_of(warehouse, day, Settings(day).horizon_days), day, codes)
            days.append(found)
            print(report(f"{day}, chosen: {method}", ranking.compare([found], MODEL, SEED, DRAWS)), flush=True)
    print(report("all four", ranking.compare(days, MODEL, SEED, DRAWS)))


if __name__ == "__main__":
    main()

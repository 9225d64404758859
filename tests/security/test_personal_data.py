"""Names, e-mail addresses and phone numbers are where they have to be, and nowhere else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.catalog import TableName
from tests.scored import scored_warehouse as scored_warehouse
from tests.security.personal import PERSONAL, columns_with, files_with, values

MAY_HOLD = {
    f"{table}.{column}"
    for table in (
        *("bronze.customer_contacts", "silver.stg_customer_contacts", "silver.quarantined_customer_contacts"),
        *("silver.customer_contacts", "gold.whale_call_list"),
    )
    for column in PERSONAL
} | {"bronze.rejected_rows.raw_line"}
"""As delivered, as read, as refused, as cleaned, and for those who call. All are tagged in dbt."""


@pytest.mark.slow
def test_no_table_holds_them_but_those_that_have_to(scored_warehouse: Path, tmp_path: Path) -> None:
    personal = values(scored_warehouse)
    assert len(personal) > 100
    assert columns_with(scored_warehouse, personal) <= MAY_HOLD
    leaky = Path(shutil.copytree(scored_warehouse / "gold", tmp_path / "leaky" / "gold")).parent
    risk = DeltaTable(TableName("gold", "customer_risk").path(leaky))
    rows = risk.to_pyarrow_table().slice(0, 1)
    at = rows.column_names.index("reason_1")
    told = pa.array([f"write to {next(iter(personal))}"], rows.schema.field(at).type)
    write_deltalake(risk, rows.set_column(at, rows.schema.field(at), told), mode="append")
    assert columns_with(leaky, personal) - MAY_HOLD == {"gold.customer_risk.reason_1"}


@pytest.mark.slow
def test_they_are_in_no_delta_log_and_in_no_file_of_dbt(scored_warehouse: Path) -> None:
    """A log keeps the least and greatest value of each column; those of these tables therefore hold some."""
    personal = values(scored_warehouse)
    logs = [
        path
        for path in scored_warehouse.rglob("_delta_log/*")
        if f"{path.parent.parent.parent.name}.{path.parent.parent.name}.email" not in MAY_HOLD
    ]
    assert len(logs) > 50
    assert files_with(logs, personal) == []
    assert files_with(scored_warehouse.parent.glob("dbt_target/**/*"), personal) == []


def in_parquet(path: Path, value: str) -> None:
    pq.write_table(pa.table({"id": ["a"], "why": [f"call {value}"]}), path)


def in_numpy(path: Path, value: str) -> None:
    np.savez(path, keys=np.array(["a", value]))


def in_a_page(path: Path, value: str) -> None:
    path.write_text(f"<p>{value.replace('@', '&#64;')}</p>")


@pytest.mark.parametrize(("name", "plant"), [("a.parquet", in_parquet), ("a.npz", in_numpy), ("a.html", in_a_page)])
def test_a_value_in_a_file_is_found(name: str, plant: Callable[[Path, str], None], tmp_path: Path) -> None:
    plant(tmp_path / name, "ana@example.com")
    assert files_with(tmp_path.iterdir(), {"ana@example.com"}) == [tmp_path / name]
    assert files_with(tmp_path.iterdir(), {"eva@example.com"}) == []

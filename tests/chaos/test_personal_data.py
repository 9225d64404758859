"""What a trained shop leaves beside its tables holds nobody's name, address or number."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakehouse.settings import DBT_PROJECT, ROOT
from tests.chaos.lab import Lab
from tests.security.personal import columns_with, files_with, values
from tests.security.test_personal_data import MAY_HOLD

pytestmark = pytest.mark.chaos


def test_no_page_no_model_no_log_and_nothing_that_is_served_holds_them(lab: Lab) -> None:
    step = lab.step("again", "site")
    lab.stand(step.after)
    personal = values(lab.warehouse)
    assert columns_with(lab.warehouse, personal) <= MAY_HOLD
    for place in (
        lab.site,
        lab.warehouse / "serving",
        lab.warehouse / "mlartifacts",
        lab.home / "dbt_target",
        DBT_PROJECT / "logs",
    ):
        files = [path for path in place.rglob("*") if path.is_file()]
        assert files, place
        assert files_with(files, personal) == []
    assert files_with([lab.warehouse / "mlflow.db"], personal) == []
    said = subprocess.run(
        [sys.executable, "-m", "lakehouse", "validate"],
        env=lab.environment(),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert not any(value in said.stdout + said.stderr for value in personal)

"""Checkov, which knows hundreds of rules of Azure. It wants other versions of many packages: make check-deploy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import need
from tests.deploy.bicep import AZURE
from tests.deploy.broken import replace


def report(folder: Path) -> dict[str, Any]:
    """What checkov says of a folder: how many checks passed, failed and were skipped, and which failed."""
    checkov = os.environ.get("CHECKOV", "")
    need(bool(checkov), "REQUIRE_CHECKOV", "CHECKOV names no program; `make check-deploy` installs it and runs this")
    words = ["--directory", str(folder), "--framework", "bicep", "--skip-download", "--quiet", "--output", "json"]
    run = subprocess.run([checkov, *words], capture_output=True, text=True, check=False)
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def failed(told: dict[str, Any]) -> set[str]:
    return {check["check_id"] for check in told["results"]["failed_checks"]}


def test_no_rule_is_broken_that_we_do_not_answer_for() -> None:
    told = report(AZURE)
    assert told["summary"]["parsing_errors"] == 0
    assert told["summary"]["passed"] >= 9
    assert failed(told) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("modules/lake.bicep", "publicAccess: 'None'", "publicAccess: 'Container'", "CKV_AZURE_34"),
        ("modules/lake.bicep", "minimumTlsVersion: 'TLS1_2'", "minimumTlsVersion: 'TLS1_0'", "CKV_AZURE_44"),
        ("modules/vault.bicep", "enablePurgeProtection: true", "enablePurgeProtection: false", "CKV_AZURE_110"),
    ],
)
def test_a_broken_rule_is_found(tmp_path: Path, file: str, old: str, new: str, rule: str) -> None:
    copy = Path(shutil.copytree(AZURE, tmp_path / "azure"))
    replace(copy, file, old, new)
    assert rule in failed(report(copy))

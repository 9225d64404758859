"""No file of the repository holds a secret."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lakehouse.settings import ROOT
from tests.deploy.secrets import secrets

EXCUSED = {
    "ml/serving/server.py": "the name of the variable that holds a key",
    "tests/deploy/test_bundle.py": "plants one",
    "tests/deploy/test_secrets.py": "plants one of each",
    "tests/pages/test_pages.py": "a variable of that name",
}
"""Files with a line that looks like a secret, and why it is none; one line each, but for this file."""
PLANTED = [
    ("a token of Databricks", "x: dapi" + "0123456789abcdef" * 2),
    ("a key of a storage account", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + "A" * 86 + "=="),
    ("a key of a storage account", "spark_conf: {fs.azure.account.key.x.dfs.core.windows.net: k}"),
    ("a shared access signature", "https://x.blob.core.windows.net/bronze?sv=2024&sig=" + "a1B2" * 10 + "%3D"),
    ("a secret of an application", "abc8Q~" + "d" * 34),
    ("a private key", "-----BEGIN RSA PRIVATE KEY-----"),
    ("a token of GitHub", "ghp_" + "a" * 36),
    ("a password or the like in clear text", 'password: "hunter2hunter2"'),
    ("a password or the like in clear text", "export CLIENT_SECRET=correcthorsebattery"),
]


def texts() -> list[str]:
    """The files of the repository that are text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file() and b"\0" not in (ROOT / name).read_bytes()[:8_000]]


def test_no_file_holds_a_secret() -> None:
    names = texts()
    assert len(names) > 500
    found = {name: secrets([ROOT / name]) for name in names}
    suspected = {name: len(lines) for name, lines in found.items() if lines}
    assert suspected.pop("tests/deploy/test_secrets.py") >= 2
    assert suspected == dict.fromkeys(EXCUSED.keys() - {"tests/deploy/test_secrets.py"}, 1)


@pytest.mark.parametrize(("what", "line"), PLANTED)
def test_a_secret_in_a_file_is_caught(tmp_path: Path, what: str, line: str) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(f"first: line\n{line}\n")
    assert secrets([file]) == [f"settings.yml:2: {what}"]


@pytest.mark.parametrize(
    "line", ["token: \"{{ env_var('DATABRICKS_TOKEN', 'not-set') }}\"", "client-id: ${{ vars.AZURE_CLIENT_ID }}"]
)
def test_what_names_a_secret_without_holding_it_is_let_through(tmp_path: Path, line: str) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(line)
    assert secrets([file]) == []

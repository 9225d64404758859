"""Finding secrets in files that are meant to hold none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PATTERNS = {
    "a token of Databricks": r"\bdapi[0-9a-f]{32}",
    "a key of a storage account": r"AccountKey=[A-Za-z0-9+/=]{20,}|fs\.azure\.account\.key",
    "a shared access signature": r"[?&]sig=[A-Za-z0-9%+/=]{20,}",
    "a secret of an application": r"\b[A-Za-z0-9_-]{3}8Q~[A-Za-z0-9_.~-]{30,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    "a password or the like in clear text": (
        r"(?i)\b[\w-]*(?:password|passwd|secret|token|api_?key|access_?key)[\w-]*[\"']?\s*[:=]\s*[\"']?"
        r"(?!true|false|null|none|\$|\{|\[|<|@)[A-Za-z0-9+/_~.!-]{8,}"
    ),
}
HARMLESS = {
    "secretName": "the name of a secret in the vault, not its value",
    "secretKeepersGroupId": "a group of people",
    "id-token": "a right of a workflow",
    "keyVaultSecretsOfficer": "the id of a role",
    "keyVaultSecretsUser": "the id of a role",
}
"""Words that look like it, and why they are not."""


def secrets(files: Iterable[Path]) -> list[str]:
    """What looks like a secret, with file and line; the secret itself is not repeated."""
    found = []
    for path in files:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for what, pattern in PATTERNS.items():
                match = re.search(pattern, line)
                if match and not any(re.search(rf"\b{word}\b", match[0]) for word in HARMLESS):
                    found.append(f"{path.name}:{number}: {what}")
    return found

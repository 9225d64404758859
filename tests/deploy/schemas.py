"""Asking check-jsonschema, whose regular expressions are those of the schemas."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import check_jsonschema


def fit(files: Iterable[Path], *which: str) -> bool:
    """Whether all files fit a schema, named as on the command line: ``--schemafile`` or ``--builtin-schema``."""
    names = [str(path) for path in files]
    assert names
    try:
        check_jsonschema.main([*which, *names])
    except SystemExit as end:
        return end.code == 0
    raise AssertionError("check-jsonschema did not say how it ended")

"""The command line with two small models instead of the real ones: `python -m tests.ml.command train mean`."""

from __future__ import annotations

from lakehouse.cli import main
from ml.models import MODULES

SMALL = {"mean": "tests.ml.mean_model", "other": "tests.ml.mean_model"}

if __name__ == "__main__":
    MODULES.clear()
    MODULES.update(SMALL)
    main()

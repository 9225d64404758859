"""Runs scripts as they were handed in, in a plain Spark session with Delta, and without this repository's packages.

``python -m tests.databricks.run_scripts WAREHOUSE SCRIPTS`` with a JSON list of their texts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import cast

from lakehouse import session

OURS = ("data_generation", "dbt", "expectations", "lakehouse", "ml", "python_models", "tests")


def main() -> None:
    """See the module."""
    warehouse, scripts = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    spark = session.open_session("spark", warehouse)
    for name in list(sys.modules):
        if name.partition(".")[0] in OURS:
            del sys.modules[name]
    # None: an import of it fails, as on a cluster that has never heard of it.
    cast("dict[str, object]", sys.modules).update(dict.fromkeys(OURS))
    for script in scripts:
        exec(compile(script, "notebook", "exec"), {"__name__": "__main__", "spark": spark})
    spark.stop()


if __name__ == "__main__":
    main()

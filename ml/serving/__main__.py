"""``python -m ml.serving FOLDER``: the HTTP interface over a folder of models, where nothing else is installed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ml.serving import server
from ml.serving.core import Service


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m ml.serving", description=__doc__)
    parser.add_argument("folder", type=Path, help="what `lakehouse score` wrote: warehouse/serving")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    told = parser.parse_args()
    key = os.environ.get(server.API_KEY) or None
    try:
        server.run(Service.open(told.folder), told.host, told.port, key, lambda address: print(address, flush=True))
    except (OSError, OverflowError, ValueError, server.NotSafe) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

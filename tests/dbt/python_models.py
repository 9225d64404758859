"""Python models are no package: their functions are loaded by path, as dbt does."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from lakehouse.settings import ROOT


def load_model(name: str) -> ModuleType:
    """The module of a Python model, named ``<layer>/<model>``."""
    path = ROOT / "python_models" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

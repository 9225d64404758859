"""The whole project as files: three models, three reports, and what opens them."""

from __future__ import annotations

import shutil
from pathlib import Path

from bi.power_bi.model import contacts_model, shared_model
from bi.power_bi.report import report

HERE = Path(__file__).parent

MODELS = {
    "gold.SemanticModel": lambda: shared_model("databricks"),
    "gold_parquet.SemanticModel": lambda: shared_model("parquet"),
    "contacts.SemanticModel": contacts_model,
}
REPORTS = {"executive_control_tower": "gold", "customer_retention_center": "gold", "call_list": "contacts"}


def project() -> dict[str, str]:
    """Every generated file: text by path within ``bi/power_bi``."""
    files = {f"{folder}/{path}": text for folder, model in MODELS.items() for path, text in model().items()}
    for name, model in REPORTS.items():
        files |= report(name, model)
    return files


def write_project(folder: Path = HERE) -> list[Path]:
    """Write the project; models and reports that are there are removed first, so that nothing stale stays.

    Returns:
        The files written.
    """
    files = project()
    for top in {path.split("/")[0] for path in files}:
        if (folder / top).is_dir():
            shutil.rmtree(folder / top)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
    return [folder / path for path in files]

"""The entity-relationship diagram of Silver and Gold, drawn from dbt's tests: keys from ``grain``, lines from
``relationships``. What is not tested is not drawn.

    python -m bi.er_diagram        # writes docs/er_diagram.md
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from typing import Any

from lakehouse import settings
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "er_diagram.md"
HEAD = """# How the tables hang together

Made by `python -m bi.er_diagram` from dbt's tests; a test fails if it is not up to date. A line is a `relationships`
test: every value of the column at its many end is a key at its other end. `PK` are the columns of the `grain` test.
"""
TARGET = re.compile(r"ref\('(\w+)'\)")


def page(manifest: Mapping[str, Any]) -> str:
    """The page in Markdown, a diagram for Silver and one for Gold.

    Args:
        manifest: dbt's manifest as a dictionary.
    """
    nodes = manifest["nodes"]
    tests = [node for node in nodes.values() if node["resource_type"] == "test" and node.get("test_metadata")]
    parts = [HEAD]
    for schema in ("silver", "gold"):
        lines, foreign = _relations(schema, nodes, tests)
        entities = [line for name in sorted(foreign) for line in _entity(name, nodes, tests, foreign[name])]
        parts.append(f"\n## {schema.title()}\n\n```mermaid\nerDiagram\n" + "\n".join([*lines, *entities]) + "\n```\n")
    return "".join(parts)


def _relations(
    schema: str, nodes: Mapping[str, Any], tests: list[dict[str, Any]]
) -> tuple[list[str], dict[str, set[str]]]:
    """A line for each relationships test of a schema, and the foreign keys of each table that is drawn."""
    lines = set()
    foreign: dict[str, set[str]] = {}
    for test in tests:
        child = nodes.get(test.get("attached_node") or "")
        if test["test_metadata"]["name"] != "relationships" or child is None or child["schema"] != schema:
            continue
        told = test["test_metadata"]["kwargs"]
        found = TARGET.search(told["to"])
        if child["resource_type"] != "model" or found is None:
            continue
        parent, column = found.group(1), told["column_name"]
        lines.add(f'    {parent} ||--o{{ {child["name"]} : "{column}"')
        foreign.setdefault(parent, set())
        foreign.setdefault(child["name"], set()).add(column)
    return sorted(lines), foreign


def _entity(name: str, nodes: Mapping[str, Any], tests: list[dict[str, Any]], foreign: set[str]) -> list[str]:
    node = next(node for node in nodes.values() if node["name"] == name and node["resource_type"] == "model")
    grains = [
        test["test_metadata"]["kwargs"]["columns"]
        for test in tests
        if test["test_metadata"]["name"] == "grain" and test.get("attached_node") == node["unique_id"]
    ]
    keys = grains[0] if grains else []
    lines = [f"    {name} {{"]
    for column, told in node["columns"].items():
        if column in keys or column in foreign:
            # Silver has no contract, and so no types here.
            kind = re.sub(r"\W.*", "", told.get("data_type") or "key")
            marks = [mark for mark, is_so in (("PK", column in keys), ("FK", column in foreign)) if is_so]
            lines.append(f"        {kind} {column} {', '.join(marks)}")
    return [*lines, "    }"]


def main() -> None:
    """Read the project and write the page."""
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory() as folder:
        places = ["--project-dir", str(settings.DBT_PROJECT), "--profiles-dir", str(settings.PROFILES)]
        answer = dbtRunner().invoke(["--quiet", "parse", *places, "--target-path", folder, "--log-path", folder])
        if not answer.success:
            raise SystemExit(str(answer.exception))
    PAGE.write_text(page(answer.result.to_dict()), encoding="utf-8")  # type: ignore[union-attr]


if __name__ == "__main__":
    main()

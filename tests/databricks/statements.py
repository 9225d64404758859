"""What may be said to a Databricks warehouse, and what is said."""

from __future__ import annotations

import ast
import logging
import re
import sys
from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

NAME = r"`\w+`\.`\w+`\.`\w+`"
# sqlglot takes these for commands and looks no further, so their form is written down here.
COMMANDS = (
    rf"alter table {NAME} alter column `\w+` set tags \('\w+' = '\w+'\)",
    rf"show grants on {NAME}",
    rf"show tblproperties {NAME}",
    r"show schemas in `\w+`(?: like '\w+')?",
    rf"optimize {NAME}",
)
# What only Databricks understands, or what asks whether this is Databricks: for dbt_project.yml and macros alone.
DATABRICKS_WORDS = (
    r"liquid_clustered_by|auto_liquid_cluster|cluster by|zorder|tblproperties|databricks_\w+|submission_method|"
    r"job_cluster_config|cluster_id|http_path|query_tags|environment_key|grants|dbutils|target\.(?:type|name)|"
    r"adapter\.type|read_files|cloud_files|databricks"
)
RUNTIME_HAS = {"numpy", "pandas", "pyspark", "scipy"}
# What dbt-databricks itself tries to import, and does without.
TRIED = {"databricks"}


def refused(statements: Iterable[str]) -> list[str]:
    """Those that are not of the dialect, each with the reason."""
    found = []
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    for sql in statements:
        try:
            parsed = sqlglot.parse(sql, read="databricks")
        except SqlglotError as error:
            found.append(f"{_short(sql)}: {str(error).splitlines()[0]}")
            continue
        if any(isinstance(one, exp.Command) for one in parsed):
            bare = " ".join(sql.lower().split())
            if not any(re.fullmatch(form, bare) for form in COMMANDS):
                found.append(f"{_short(sql)}: a command of no known form")
    return found


def databricks_words(code: str) -> list[str]:
    """Words in a model, or in its YAML, that belong where targets are told apart."""
    bare = re.sub(r"\{#.*?#\}|--[^\n]*|(?m:^\s*#[^\n]*)", " ", code, flags=re.DOTALL)
    return sorted({word.lower() for word in re.findall(rf"\b(?:{DATABRICKS_WORDS})\b", bare, flags=re.IGNORECASE)})


def foreign_imports(script: str) -> list[str]:
    """Packages that a script imports anywhere in it, though no Databricks runtime has them."""
    named = set()
    for part in ast.walk(ast.parse(script)):
        if isinstance(part, ast.Import):
            named |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            named.add("." * part.level + (part.module or ""))
    packages = {name.partition(".")[0] for name in named}
    return sorted(packages - RUNTIME_HAS - TRIED - sys.stdlib_module_names)


def _short(sql: str) -> str:
    return " ".join(sql.split())[:120]

"""A workspace that is not there: it notes every statement and script, and knows what tables would be in it.

Only the cursor and the replies about metadata are replaced. Statements come from dbt and dbt-databricks as they are.
``python -m tests.databricks.workspace PROJECT TABLES OUT`` builds a project twice and writes what was said to OUT.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from unittest import mock

from lakehouse import settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

Row = tuple[Any, ...]
Columns = list[tuple[str, str]]
ADAPTER = "dbt.adapters.databricks"
API = "python_models.python_submissions.DatabricksApiClient"
BUILDS = ("first", "second")
HOST = {"DATABRICKS_HOST": "workspace.invalid", "DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/none"}
"""A name that resolves nowhere: whatever tried to reach it would fail."""


class Statement(NamedTuple):
    """What was sent to a warehouse: by which build, for which node, to which warehouse."""

    build: str
    node: str
    http_path: str
    sql: str


class Script(NamedTuple):
    """What was handed in as a notebook, and with which job."""

    build: str
    node: str
    code: str
    job: dict[str, Any]


class Answer(NamedTuple):
    """Columns and rows of a reply."""

    columns: Columns
    rows: list[Row]


class Workspace:
    """Statements in, replies about metadata out.

    Args:
        known: columns and types of each table, by its name: of the tables that there are to be.
    """

    def __init__(self, known: dict[str, Columns]) -> None:
        self.known = known
        self.there: set[str] = set()
        self.statements: list[Statement] = []
        self.scripts: list[Script] = []
        self.sessions: list[dict[str, Any]] = []
        self.build = BUILDS[0]
        self._guard = threading.Lock()

    def ask(self, sql: str, http_path: str) -> Answer:
        """Note a statement and answer it; every other than those about metadata has nothing to say."""
        with self._guard:
            self.statements.append(Statement(self.build, node(), http_path, sql))
            if made := re.match(r"\s*create (?:or replace )?table `\w+`\.`(\w+)`\.`(\w+)`", sql):
                self.there.add(f"{made[1]}.{made[2]}")
            bare = " ".join(sql.replace("`", "").lower().split())
            for pattern, reply in REPLIES:
                if found := re.search(pattern, bare):
                    return reply(self, found)
            return Answer([], [])

    def columns_of(self, table: str) -> Columns:
        """Of a table, or of what dbt makes on the way to it."""
        made = re.sub(r"__dbt_tmp$", "", table)
        extra = [("dbt_change_type", "string")] if made != table and made.endswith("_history") else []
        return self.known[made] + extra


def node() -> str:
    """The name of what dbt is working on; empty between nodes."""
    from dbt_common.events.contextvars import get_node_info

    return str(get_node_info().get("node_name", ""))


def _tables(workspace: Workspace, found: re.Match[str]) -> Answer:
    names = ("table_name", "table_type", "file_format", "table_owner", "databricks_table_type")
    there = sorted(name for name in workspace.there if name.startswith(f"{found[1]}."))
    rows = [(name.split(".")[1], "table", "delta", "owner", "managed") for name in there]
    return Answer([(name, "string") for name in names], rows)


def _json(workspace: Workspace, found: re.Match[str]) -> Answer:
    columns = []
    for name, kind in workspace.columns_of(found[1].split(".")[-1]):
        size = re.fullmatch(r"decimal\((\d+),(\d+)\)", kind)
        told = {"name": "decimal", "precision": int(size[1]), "scale": int(size[2])} if size else {"name": kind}
        columns.append({"name": name, "type": told, "nullable": True})
    return Answer([("json_metadata", "string")], [(json.dumps({"columns": columns}),)])


def _described(workspace: Workspace, found: re.Match[str]) -> Answer:
    rows: list[Row] = [(name, kind, None) for name, kind in workspace.columns_of(found[1].split(".")[-1])]
    rows += [
        ("", "", ""),
        ("# Detailed Table Information", "", ""),
        ("Provider", "delta", ""),
        ("Type", "MANAGED", ""),
    ]
    return Answer([("col_name", "string"), ("data_type", "string"), ("comment", "string")], rows)


def _contract(workspace: Workspace, found: re.Match[str]) -> Answer:
    """The types that a contract asks for; as the connector tells them, without the size of decimals."""
    casts = re.findall(r"cast\(null as ([a-z]+)(?:\([\d, ]+\))?\) as (\w+)", found[0])
    return Answer([(name, kind) for kind, name in casts], [])


def _query(workspace: Workspace, found: re.Match[str]) -> Answer:
    """The types that a model's query gives: those that the embedded engine gave the table."""
    return Answer([(name, kind.partition("(")[0]) for name, kind in workspace.known[node()]], [])


def _fixed(columns: str, *rows: Row) -> Callable[[Workspace, re.Match[str]], Answer]:
    return lambda workspace, found: Answer([(name, "string") for name in columns.split()], list(rows))


REPLIES: tuple[tuple[str, Callable[[Workspace, re.Match[str]], Answer]], ...] = (
    (r"^show schemas", _fixed("databaseName")),
    (r"from system\.information_schema\.tables where .*table_schema = '(\w+)'", _tables),
    (r"^describe table extended (\S+) as json", _json),
    (r"^describe (?:table )?(?:extended )?(\S+)$", _described),
    (r"^select current_catalog\(\)", _fixed("current_catalog", ("main",))),
    (r"^show tblproperties", _fixed("key value")),
    (r"^show grants", _fixed("Principal ActionType ObjectType ObjectKey", ("all", "OWN", "TABLE", "t"))),
    (r"information_schema\.table_tags", _fixed("tag_name tag_value")),
    (r"information_schema\.column_tags", _fixed("column_name tag_name tag_value")),
    (r"information_schema", _fixed("name value")),
    (r"^select cast\(null as .*(?:limit 0|where false)", _contract),
    (r"^select \* from \(.*where false", _query),
    (r"^select cast\(cast\(max\(.* as newest", _fixed("newest", ("2018-08-01",))),
    (r"^select cast\(max\(.* as newest", _fixed("newest", ("2018-08-01 00:00:00",))),
    (r"^select distinct cast\(\w+_month as string\) as month", _fixed("month", ("2018-08-01",), (None,))),
    (r"^select cast\(min\(.* as first", _fixed("first", ("2018-07-01 00:00:00",))),
)


class Cursor:
    """In place of the connector's."""

    query_id = "none"

    def __init__(self, workspace: Workspace, http_path: str) -> None:
        self._workspace, self._http_path = workspace, http_path
        self._answer = Answer([], [])
        self.connection = self

    def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> Cursor:
        """As the connector's."""
        self._answer = self._workspace.ask(sql, self._http_path)
        return self

    @property
    def description(self) -> list[tuple[str, str]]:
        """As the connector's."""
        return self._answer.columns

    def fetchall(self) -> list[Row]:
        """As the connector's."""
        return self._answer.rows

    def fetchone(self) -> Row | None:
        """As the connector's."""
        return next(iter(self._answer.rows), None)

    def fetchmany(self, size: int) -> list[Row]:
        """As the connector's."""
        return self._answer.rows[:size]

    def get_session_id_hex(self) -> str:
        """As the connection's."""
        return "none"

    def cursor(self) -> Cursor:
        """As the connection's."""
        return Cursor(self._workspace, self._http_path)

    def close(self) -> None:
        """As the connector's."""


def jobs_of(workspace: Workspace) -> mock.MagicMock:
    """In place of the client for jobs and notebooks; what is handed in is noted, and has succeeded."""
    api = mock.MagicMock()
    held = threading.local()

    def upload(path: str, code: str) -> None:
        held.code, held.path = code, path

    def submit(run: str, spec: dict[str, Any], /, **more: Any) -> str:
        workspace.scripts.append(Script(workspace.build, node(), held.code, {**spec, **more}))
        layer, table = held.path.strip("/").split("/")
        workspace.there.add(f"{layer}.{table}")
        return "1"

    api.workspace.create_python_model_dir.side_effect = lambda catalog, schema: f"/{schema}/"
    api.workspace.upload_notebook.side_effect = upload
    api.curr_user.get_username.return_value = "somebody"
    api.job_runs.submit.side_effect = submit
    return api


def build_twice(project: Path, known: dict[str, Columns], folder: Path) -> Workspace:
    """Build a project in a workspace where nothing is, and again where everything is.

    Raises:
        RuntimeError: dbt says that it failed.
    """
    from dbt.cli.main import dbtRunner

    workspace = Workspace(known)

    def connect(**arguments: Any) -> Cursor:
        workspace.sessions.append(arguments)
        return Cursor(workspace, arguments["http_path"])

    fixed = ["--project-dir", str(project), "--profiles-dir", str(settings.PROFILES), "--target", "databricks"]
    fixed += ["--target-path", str(folder), "--log-path", str(folder)]
    with (
        mock.patch(f"{ADAPTER}.connections.dbsql.connect", connect),
        mock.patch(f"{ADAPTER}.connections.check_spog_preconditions"),
        mock.patch(f"{ADAPTER}.{API}", return_value=jobs_of(workspace)),
    ):
        parsed = dbtRunner().invoke(["--quiet", "parse", *fixed])
        if not parsed.success:
            raise RuntimeError(f"dbt does not parse: {parsed.exception}")
        for workspace.build in BUILDS:
            kinds = [word for kind in ("test", "unit_test") for word in ("--exclude-resource-type", kind)]
            answer = dbtRunner(manifest=cast("Manifest", parsed.result)).invoke(["--quiet", "build", *kinds, *fixed])
            if not answer.success:
                said = [
                    f"{one.node.name}: {one.message}"
                    for one in getattr(answer.result, "results", None) or []
                    if one.status == "error"
                ]
                raise RuntimeError(f"the {workspace.build} build failed: {said or answer.exception}")
    return workspace


def known_tables(warehouse: Path) -> dict[str, Columns]:
    """Columns and types of all tables that were built in a warehouse, by name."""
    from deltalake import DeltaTable
    from pyspark.sql.types import StructType

    from lakehouse import catalog

    found = {}
    for table in catalog.tables(warehouse, ("silver", "gold")):
        schema = StructType.fromJson(json.loads(DeltaTable(table.path(warehouse)).schema().to_json()))
        found[table.name] = [(field.name, field.dataType.simpleString()) for field in schema.fields]
    return found


def main() -> None:
    """See the module."""
    project, warehouse, out = sys.argv[1:]
    workspace = build_twice(Path(project), known_tables(Path(warehouse)), Path(out).parent)
    told = {
        "statements": [statement._asdict() for statement in workspace.statements],
        "scripts": [script._asdict() for script in workspace.scripts],
        "sessions": [session["session_configuration"] for session in workspace.sessions],
    }
    Path(out).write_text(json.dumps(told))


if __name__ == "__main__":
    main()

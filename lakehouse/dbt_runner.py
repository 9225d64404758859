"""dbt in this process, on the session and under the lock that the rest of the program uses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from lakehouse import settings
from lakehouse.errors import LakehouseError, disk_error

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

MAX_FAILURES_SHOWN = 10
ANOTHER_TARGET = "point DBT_TARGET_PATH at another"


class Progress(NamedTuple):
    """How far a dbt command has come."""

    done: int
    total: int
    node: str


class DataTest(NamedTuple):
    """What a test is about.

    Attributes:
        kind: the generic test that it is one of.
        on: the unique id of the model, snapshot or source that it tests.
        severity: ``error`` or ``warn``.
        owner: the group of the model; empty for a source.
    """

    kind: str
    on: str
    severity: str
    owner: str


class NodeResult(NamedTuple):
    """What became of one model, test or snapshot; ``test`` is None for what is no test."""

    unique_id: str
    status: str
    seconds: float
    message: str
    test: DataTest | None = None

    @property
    def name(self) -> str:
        """The node's own name, without its kind and project."""
        return self.unique_id.split(".")[2]


class DbtFailed(LakehouseError):
    """A dbt command that did not succeed; ``what`` lists the nodes that failed, ``nodes`` has all that ran."""

    def __init__(self, what: str, mend: str, nodes: list[NodeResult]) -> None:
        super().__init__(what, mend)
        self.nodes = nodes


class Project:
    """The dbt project on a target, read at the first command; those that follow go on with what was read."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._manifest: Manifest | None = None

    def run(
        self,
        command: Sequence[str],
        progress: Callable[[Progress], None] = lambda _: None,
        *,
        artifacts: bool = False,
    ) -> list[NodeResult]:
        """Run a dbt command on the project.

        Args:
            command: the words after ``dbt``, for example ``["build", "--selector", "gold"]``.
            progress: called as nodes finish.
            artifacts: whether dbt writes its JSON files, which takes a second each time.

        Returns:
            A result per node that ran.

        Raises:
            DbtFailed: the project does not parse, or a node failed; the message says which and why.
        """
        writing = [] if artifacts else ["--no-write-json"]
        if self._manifest is None:
            read = self._invoke(["parse", *writing], lambda _: None)
            _results(["parse"], read)
            self._manifest = cast("Manifest", read.result)
        return _results(command, self._invoke([*command, *writing], progress))

    def _invoke(self, command: Sequence[str], progress: Callable[[Progress], None]) -> dbtRunnerResult:
        from dbt.cli.main import dbtRunner  # takes seconds to import: --help and bad input should not wait for it

        total = 0
        done = 0

        def on_event(event: Any) -> None:
            nonlocal total, done
            if event.info.name == "LogStartLine":
                total = event.data.total
            elif event.info.name == "NodeFinished":
                done += 1
                progress(Progress(done, total, event.data.node_info.node_name))

        arguments = [
            *command,
            *("--project-dir", str(settings.DBT_PROJECT), "--profiles-dir", str(settings.PROFILES)),
            *("--target", self.target, "--log-path", str(settings.DBT_PROJECT / "logs")),
            *("--log-level", "none", "--log-level-file", "info"),
        ]
        return dbtRunner(self._manifest, callbacks=[on_event]).invoke(arguments)


def _results(command: Sequence[str], answer: dbtRunnerResult) -> list[NodeResult]:
    if isinstance(answer.exception, KeyboardInterrupt):
        raise answer.exception
    if answer.exception and (refused := disk_error(answer.exception, _target_folder(), ANOTHER_TARGET)):
        raise refused
    results = [
        NodeResult(item.node.unique_id, str(item.status), item.execution_time, item.message or "", _test(item.node))
        for item in getattr(answer.result, "results", None) or []
        if item.node.resource_type != "operation"  # a hook is not of the project's data
    ]
    if not answer.success:
        what = _explain(command, answer.exception, results)
        raise DbtFailed(what, "The full log is dbt_project/logs/dbt.log.", results)
    return results


class Documentation(NamedTuple):
    """What dbt knows of the project: its manifest, and the one page that shows it."""

    manifest: dict[str, Any]
    page: Path


def document(target: str) -> Documentation:
    """Describe the project and its tables.

    Nothing is compiled for it, which would take longer than all the rest: the manifest holds the code that was
    compiled when a model was last built, and none for those that were never built here.

    Raises:
        DbtFailed: the project does not parse, or a table cannot be described.
    """
    # A project of its own: what was built leaves its code in the manifest, also that of each test.
    Project(target).run(["docs", "generate", "--static", "--no-compile"], artifacts=True)
    folder = _target_folder()
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for node in manifest["nodes"].values():
        compiled = folder / "compiled" / node["package_name"] / node["original_file_path"]
        if node["resource_type"] == "model" and compiled.suffix == ".sql" and compiled.exists():
            node["compiled_code"] = compiled.read_text(encoding="utf-8")
    return Documentation(manifest, folder / "static_index.html")


def _target_folder() -> Path:
    """Where dbt writes what it has read and compiled."""
    return settings.DBT_PROJECT / (os.environ.get("DBT_TARGET_PATH") or "target")


def _test(node: Any) -> DataTest | None:
    if node.resource_type != "test":
        return None
    on = getattr(node, "attached_node", None) or node.depends_on.nodes[0]
    kind = node.test_metadata.name if getattr(node, "test_metadata", None) else "singular"
    return DataTest(kind, on, node.config.severity.lower(), node.group or "")


def _explain(command: Sequence[str], exception: BaseException | None, results: list[NodeResult]) -> str:
    if exception is not None:
        return f"`dbt {' '.join(command)}` could not start: {str(exception).strip()}"
    failed = [result for result in results if result.status in ("error", "fail", "runtime error")]
    skipped = sum(result.status == "skipped" for result in results)
    lines = [f"  {result.name}: {_first_lines(result.message)}" for result in failed[:MAX_FAILURES_SHOWN]]
    if len(failed) > MAX_FAILURES_SHOWN:
        lines.append(f"  and {len(failed) - MAX_FAILURES_SHOWN} more")
    summary = f"{len(failed)} of {len(results)} models and tests failed, {skipped} were skipped because of it:"
    return "\n".join([summary, *lines])


def _first_lines(message: str, count: int = 12) -> str:
    lines = [line.rstrip() for line in message.strip().splitlines() if line.strip()]
    return "\n    ".join(lines[:count])

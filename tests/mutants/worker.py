"""A process that tries mutants one after the other, with dbt, the engine and the parsed project kept warm."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from data_generation.generate import generate
from data_generation.request import Request
from lakehouse import session
from lakehouse.ingest import ingest
from ml import data as scores
from tests.delta import contents, differences
from tests.mutants import operators_python, operators_sql
from tests.mutants.fault import Fault, Mutant, placed
from tests.mutants.project import Node, Project, copied, python_tests, run_pytest

FIRST_DAY, DAYS, BUILT_DAYS = date(2018, 3, 1), 20, 10
CAUGHT, SURVIVED, STILLBORN = "caught", "survived", "stillborn"
LAYERS = ("silver", "gold")
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


class Outcome(NamedTuple):
    """What became of a mutant.

    Attributes:
        status: caught by a test that failed; survived all; or stillborn: it broke the code, so no test judged it.
        stage: unit, data, increment or pytest, where it was caught or broke.
        by: names of the tests that failed, or the engine's message.
        differs: tables of the shop that are not what they are without the fault; only asked where it survived.
    """

    status: str
    stage: str = ""
    by: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


class Baseline(NamedTuple):
    """The project without faults.

    Attributes:
        places: every mutant, with the models to plant it in.
        unfit: models that cannot be printed from their tree, with the reason; they have no mutants.
    """

    places: dict[Mutant, tuple[str, ...]]
    unfit: dict[str, str]


class Shop:
    """Warehouses that all workers read: a made-up shop with damaged rows, delivered in drops."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.waiting = base / "waiting" / "warehouse"
        """Built from the first drops; the rest is in Bronze and waits."""
        self.built = base / "built" / "warehouse"
        """The same after an increment that took in the rest."""
        self.refreshed = base / "refreshed" / "warehouse"
        """The same after a full refresh."""


class Worker:
    """Tries mutants in a folder of its own."""

    def __init__(self, base: Path, number: int) -> None:
        self.shop = Shop(base)
        self.folder = base / f"worker_{number}"
        self.scratch = self.folder / "warehouse"
        self.folder.mkdir()
        self.project = Project(self.folder)
        self._references: dict[Path, dict[Any, Any]] = {}

    # --- before the first mutant

    def prepare(self) -> None:
        """Make the shop, and its warehouses with the project as it is.

        Raises:
            RuntimeError: a test of the project fails without any fault.
        """
        drops, warehouse = self.shop.base / "drops", self.folder / "made" / "warehouse"
        generate(Request(drops, scale=0.005, days=DAYS, start=FIRST_DAY, dirt=0.05, seed=11))
        days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]

        def take_in(some: Sequence[date]) -> None:
            for day in some:
                ingest("olist", [drops / str(day)], warehouse, delivered_on=day)
            scores.prepare(warehouse)
            session.close_session("local", warehouse)

        take_in(days[:BUILT_DAYS])
        self._must_pass(warehouse, "build", *NO_UNIT_TESTS)
        session.close_session("local", warehouse)
        take_in(days[BUILT_DAYS:])
        copied(warehouse, self.shop.waiting)
        self._must_pass(warehouse, "build", *NO_UNIT_TESTS)
        session.close_session("local", warehouse)
        copied(warehouse, self.shop.built)
        self._must_pass(warehouse, "build", "--full-refresh", *NO_UNIT_TESTS)
        session.close_session("local", warehouse)
        copied(warehouse, self.shop.refreshed)
        self._must_pass(self.shop.built, "test", "--select", "test_type:unit")

    def _must_pass(self, warehouse: Path, *words: str) -> None:
        broken = [node for node in self.project.run(warehouse, *words) if node.status in ("fail", "error", "skipped")]
        if broken:
            said = "\n".join(f"  {node.name}: {node.message[:500]}" for node in broken[:10])
            raise RuntimeError(f"Without any fault, dbt {' '.join(words)} does not pass:\n{said}")

    def baseline(self) -> Baseline:
        """Print each model from its tree, without a fault, see that nothing changes for it, and find its mutants."""
        languages = self.project.models()
        unfit: dict[str, str] = {}

        def printed(model: str, language: str, code: str) -> str:
            try:
                return operators_sql.text(operators_sql.parse(code)) if language == "sql" else _unparsed(code)
            except Exception as error:
                unfit[model] = f"cannot be parsed: {str(error).splitlines()[0]}"
                return code

        recorded: dict[str, set[str]] = {}
        self.project.recording(recorded)
        self.project.changing(printed)
        stages: tuple[tuple[Path, Path | None, tuple[str, ...]], ...] = (
            (self.shop.built, None, ("test", "--select", "test_type:unit")),
            (self.shop.built, self.shop.refreshed, ("build", "--full-refresh", *NO_UNIT_TESTS)),
            (self.shop.waiting, self.shop.built, ("build", *NO_UNIT_TESTS)),
        )
        for start, reference, words in stages:
            nodes = self.project.run(copied(start, self.scratch), *words)
            for node in nodes:
                if node.status in ("fail", "error") and node.model in languages:
                    unfit.setdefault(node.model, f"{node.name} fails: {node.message[:200]}")
            if reference is not None:
                for table in self._differing(reference):
                    if table in languages:
                        unfit.setdefault(table, "its table is another")
        self.project.recording(None)
        self.project.changing(None)
        faults: dict[str, list[Fault]] = {}
        for model in languages:
            if languages[model] == "python":
                source = self.project.source(model)
                if python_tests(model):
                    failed = [
                        node for node in run_pytest(model, _unparsed(source), self.folder) if node.status != "pass"
                    ]
                    if failed:
                        unfit[model] = f"{failed[0].name} fails: {failed[0].message[:200]}"
                faults[model] = operators_python.faults(source)
            elif model not in unfit:
                # Rendered in several ways, in each of which some places may be that the others lack.
                rendered = sorted(recorded.get(model, ()), key=lambda sql: (len(sql), sql))
                faults[model] = list(dict.fromkeys(fault for sql in rendered for fault in operators_sql.faults(sql)))
        fit = {model: found for model, found in faults.items() if model not in unfit}
        return Baseline(placed(fit, {model: self.project.source(model) for model in fit}), unfit)

    # --- a mutant

    def attempt(self, fault: Fault, models: Sequence[str]) -> Outcome:
        """Plant a fault in one or several models and run their tests, the cheapest first, until one fails."""
        self.project.planting(fault, models)
        differs: set[str] = set()
        ran = False
        try:
            for stage, run in self._stages(fault, models, differs):
                nodes = run()
                # A rendering may lack the place: then the stage has run the project as it is.
                ran = ran or self.project.planted or stage == "pytest"
                if failed := [node.name for node in nodes if node.status == "fail"]:
                    return Outcome(CAUGHT, stage, tuple(sorted(failed)))
                if broken := [node for node in nodes if node.status in ("error", "runtime error")]:
                    return Outcome(STILLBORN, stage, (f"{broken[0].name}: {broken[0].message[:300]}",))
        finally:
            self.project.changing(None)
            session.close_session("local", self.scratch)
        if not ran:
            return Outcome(STILLBORN, "", ("its place was not compiled",))
        return Outcome(SURVIVED, "", (), tuple(sorted(differs)))

    def _stages(
        self, fault: Fault, models: Sequence[str], differs: set[str]
    ) -> list[tuple[str, Callable[[], list[Node]]]]:
        def unit() -> list[Node]:
            tests = [f"{model},test_type:unit" for model in models]
            return self.project.run(self.shop.built, "test", "--select", *tests)

        def build(start: Path, reference: Path, *words: str) -> list[Node]:
            nodes = self.project.run(copied(start, self.scratch), "build", *words, *NO_UNIT_TESTS)
            if all(node.status in ("pass", "success", "warn") for node in nodes):
                differs.update(self._differing(reference))
            return nodes

        def data() -> list[Node]:
            return build(
                self.shop.built, self.shop.refreshed, "--full-refresh", "--select", *(f"{model}+" for model in models)
            )

        def increment() -> list[Node]:
            return build(self.shop.waiting, self.shop.built)

        def pytest() -> list[Node]:
            source = operators_python.plant(self.project.source(models[0]), fault)
            assert source is not None
            return run_pytest(models[0], source, self.folder)

        stages: list[tuple[str, Callable[[], list[Node]]]] = [("unit", unit), ("data", data)]
        if self.project.models()[models[0]] == "python":
            stages = [*stages[1:], *([("pytest", pytest)] if python_tests(models[0]) else [])]
        elif any(map(self.project.has_increments, models)):
            stages.append(("increment", increment))
        return stages

    def _differing(self, reference: Path) -> set[str]:
        """The names of the tables in the scratch warehouse that differ from those in another."""
        if reference not in self._references:
            self._references[reference] = contents(reference, LAYERS)
        one, other = self._references[reference], contents(self.scratch, LAYERS)
        return {table.name for table in one if differences({table: one[table]}, {table: other[table]})}


def _unparsed(source: str) -> str:
    import ast

    return ast.unparse(ast.parse(source)) + "\n"


def serve(connection: Connection, base: str, number: int) -> None:
    """Answer calls of a worker's methods until there are no more; runs as a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    log = os.open(Path(base) / f"worker_{number}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    try:
        worker = Worker(Path(base), number)
        connection.send(("ready", None))
        while True:
            method, arguments = connection.recv()
            connection.send(("done", getattr(worker, method)(*arguments)))
    except EOFError:
        return
    except BaseException as error:
        traceback.print_exc()
        connection.send(("failed", str(error)))

"""The whole pipeline of the small shop, step by step, with its state before and after each step.

What is disturbed here can be compared with what it would have been.

There are two rounds: from nothing to a trained shop with its pages, and the same again after some reviews have
changed, when every table has an older state to fall back to.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import math
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.catalog import TableName
from lakehouse.lock import OWNER_FILE
from lakehouse.settings import ROOT
from ml.serving import arrays
from tests.chaos.warm import Warm
from tests.delta import contents, differences
from tests.runs import environment_for
from tests.shop import write_shop

ROUNDS = ("first", "again")
STAGES = ("generate", "ingest", "silver", "gold", "train", "score", "marts", "site")
SCHEMAS = ("bronze", "silver", "gold", "ml")
SEVERAL_COMMITS = {TableName("bronze", "deliveries"), TableName("bronze", "rejected_rows")} | {
    TableName("ml", name) for name in ("model_metrics", "drift")
}
"""Tables to which a step adds row by row or model by model: between two commits they hold a part of what is added."""
TIMES = ("_ingested_at", "scored_at")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?")
NOT_COMPARED = re.compile(r"quality/|(dbt_docs|index|lineage)\.html|\.")
"""Pages that tell of every run that there was, or of how many checks had an earlier one; and hidden files."""
REVIEWS = "olist_order_reviews_dataset.csv"

Tables = dict[TableName, pa.Table]


class Step(NamedTuple):
    """A command, and the states before and after it."""

    name: str
    words: tuple[str, ...]
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.name} from state {self.before}"


class Lab:
    """One shop that is taken from state to state, and can be put back to each.

    Everything stays under one path: MLflow keeps whole paths.

    Args:
        folder: where everything is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.warehouse = self.home / "warehouse"
        self.site = self.home / "site"
        self.behaviour = self.home / "behaviour"
        self.steps = [self._step(place, stage) for place in range(2) for stage in STAGES]
        self.whole = [self._whole(place) for place in range(2)]

    def _shop(self, place: int) -> str:
        return str(self.folder / "shops" / ROUNDS[place])

    def _step(self, place: int, stage: str) -> Step:
        shop = self._shop(place)
        words = {
            "generate": (
                "generate",
                "--source",
                "olist",
                "--path",
                shop,
                "--out",
                str(self.behaviour),
                "--overwrite",
            ),
            "ingest": ("ingest", "--path", shop, "--path", str(self.behaviour)),
            "train": ("train", "all"),
            "score": ("score", "all"),
            "site": ("site",),
        }
        number = place * len(STAGES) + STAGES.index(stage)
        return Step(stage, words.get(stage, ("build", "--layer", stage)), number, number + 1)

    def _whole(self, place: int) -> Step:
        """The main job, from delivered files to pages."""
        words = ("run", "--path", self._shop(place), "--path", str(self.behaviour), "--train")
        return Step("run", words, place * len(STAGES) + 1, (place + 1) * len(STAGES))

    def fill(self) -> None:
        """Take every step once, undisturbed, and keep the state after each and what it cost."""
        first, again = (Path(self._shop(place)) for place in range(2))
        write_shop(first)
        shutil.copytree(first, again)
        _change_reviews(again / REVIEWS)
        self.home.mkdir()
        environment_for(self.warehouse)
        shutil.copytree(self.home, self.state(0))
        for step in self.steps:
            process = self.start(step)
            seconds = self.at_work(process)
            _, said = process.communicate()
            assert process.returncode == 0, f"{step}: {said}"
            self._seconds(step).write_text(str(seconds))
            shutil.copytree(self.home, self.state(step.after))
        for whole in self.whole:
            seconds = sum(float(self._seconds(step).read_text()) for step in self.steps[whole.before : whole.after])
            self._seconds(whole).write_text(str(seconds))

    def stand(self, state: int) -> None:
        """Put everything back to a state."""
        self._stand(self.state(state))

    def _stand(self, state: Path) -> None:
        shutil.rmtree(self.home)
        shutil.copytree(state, self.home)

    def environment(self, **more: str) -> dict[str, str]:
        """Of a process that works on the shop."""
        return environment_for(self.warehouse, **more)

    def step(self, place: str, stage: str) -> Step:
        """A step of a round."""
        return self.steps[ROUNDS.index(place) * len(STAGES) + STAGES.index(stage)]

    def start(self, step: Step, *under: str, **environment: str) -> Warm | subprocess.Popen[str]:
        """Begin a step, if need be under another program."""
        if not under:
            return Warm(step.words, self.environment(**environment))
        return subprocess.Popen(
            [*under, sys.executable, "-m", "lakehouse", *step.words],
            env=self.environment(**environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def end(self, step: Step, *under: str, **environment: str) -> tuple[int, str]:
        """Take a step, whatever becomes of it; its exit code, and what it said of errors."""
        process = self.start(step, *under, **environment)
        _, said = process.communicate()
        return process.returncode, said

    def take(self, step: Step, *under: str, **environment: str) -> None:
        """Take a step, which must succeed."""
        ended, said = self.end(step, *under, **environment)
        assert ended == 0, f"{step}: {said}"

    def fail(self, step: Step) -> str:
        """Take a step, which must end in one clear error; what it said."""
        ended, said = self.end(step)
        assert ended == 1, f"{step}: {said}"
        return one_error(said)

    def kill(self, step: Step, share: float) -> None:
        """Begin a step, from whatever there is, and kill it.

        Args:
            step: what is killed.
            share: of what it costs of a processor from its lock to its end, after which it is killed. Seconds on the
                wall would come sooner on a machine that has other work. If it ended sooner, that is what it costs
                from now on, and it begins again.
        """
        began_from = self.folder / "killed_from"
        shutil.rmtree(began_from, ignore_errors=True)
        shutil.copytree(self.home, began_from)
        while True:
            process = self.start(step)
            seconds = self.at_work(process, share * float(self._seconds(step).read_text()))
            process.send_signal(signal.SIGKILL)
            _, said = process.communicate()
            if process.returncode == -signal.SIGKILL:
                return
            assert process.returncode == 0, f"{step}: {said}"
            self._seconds(step).write_text(str(seconds))
            self._stand(began_from)

    def at_work(self, process: Warm | subprocess.Popen[str], most: float = math.inf) -> float:
        """Wait until a process has used so many seconds of a processor since it had its lock, or has ended.

        Returns:
            How many it has used.
        """
        if not self.is_at_work(process):
            return 0.0
        began = now = _processor(process.pid)
        while process.poll() is None and now - began < most:
            time.sleep(0.005)
            now = max(now, _processor(process.pid))
        return now - began

    def _seconds(self, step: Step) -> Path:
        """Holds what a step costs of a processor from its lock to its end."""
        return self.folder / f"seconds-{step.before}-{step.after}"

    def is_at_work(self, process: Warm | subprocess.Popen[str]) -> bool:
        """Wait until a process has its lock; False if it ended before that was seen."""
        owners = (self.warehouse / OWNER_FILE, self.behaviour / ".generating" / OWNER_FILE)
        while process.poll() is None:
            for owner in owners:
                try:
                    if f'"pid": {process.pid}' in owner.read_text():
                        return True
                except OSError:
                    continue
            time.sleep(0.01)
        return False

    def torn(self, step: Step) -> list[str]:
        """In words, what is neither as it was before a step nor as the step makes it. Reads all there is."""
        left, before, after = tables_of(self.home), self.tables_at(step.before), self.tables_at(step.after)
        found = [f"{table} is gone" for table in before.keys() - left.keys()]
        for table, rows in left.items():
            states = [tables[table] for tables in (before, after) if table in tables]
            whole = any(_same(rows, state) for state in states) or (table not in before and not rows.num_rows)
            if not whole and not (table in SEVERAL_COMMITS and states and _is_part(rows, states[-1])):
                found.append(f"{table} is neither old nor new: {rows.num_rows} rows")
        return found + _half_files(self.home)

    def changed(self, state: int) -> list[str]:
        """In words, what is not as in a state."""
        found = differences(self.tables_at(state), tables_of(self.home))
        now, then = others_of(self.home), self._others_at(state)
        return found + [
            f"{name} differs" for name in sorted(now.keys() | then.keys()) if now.get(name) != then.get(name)
        ]

    @functools.cache  # noqa: B019  # one lab a session
    def tables_at(self, state: int) -> Tables:
        """What the tables hold in a state."""
        return tables_of(self.state(state))

    @functools.cache  # noqa: B019
    def _others_at(self, state: int) -> dict[str, Any]:
        return others_of(self.state(state))

    def state(self, state: int) -> Path:
        """The folder that keeps a state."""
        return self.folder / "states" / str(state)


def _processor(pid: int) -> float:
    """The seconds of a processor that a process has used; none when it is gone."""
    try:
        # After the name, which may hold anything: the twelfth and thirteenth, in ticks.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def one_error(said: str) -> str:
    """The one error among what a command said, which may have been preceded by a thread of the engine that broke off.

    The engine's threads say in their own words that a file cannot be written to its end; no exception of theirs
    reaches this program.
    """
    before, error, after = said.partition("error: ")
    assert error, said
    assert before.strip() == "" or "tokio-rt-worker" in before, said
    assert "Traceback" not in said, said
    return after


def tables_of(home: Path) -> Tables:
    """What each table holds but for when it was written; of the results of checks only that they can be read."""
    warehouse = home / "warehouse"
    if not warehouse.exists():
        return {}
    contents(warehouse, ("quality",))
    return {name: _timeless(rows) for name, rows in contents(warehouse, SCHEMAS).items()}


def others_of(home: Path) -> dict[str, Any]:
    """What there is beside the tables: generated files, registered models, what is served, pages; without times."""
    found: dict[str, Any] = {
        f"behaviour/{path.relative_to(home / 'behaviour')}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _files(home / "behaviour")
    }
    for path in _files(home / "warehouse" / "serving"):
        about, stored = arrays.read(path)
        found[f"serving/{path.name}"] = (
            about,
            {name: (str(array.dtype), array.tobytes()) for name, array in stored.items()},
        )
    for path in _files(home / "site"):
        name = str(path.relative_to(home / "site"))
        if NOT_COMPARED.match(name):
            continue
        if path.suffix == ".parquet":
            found[f"site/{name}"] = None if name.endswith("check_results.parquet") else _rows(pq.read_table(path))
        else:
            found[f"site/{name}"] = MOMENT.sub("then", path.read_text(encoding="utf-8"))
    return {**found, **_register(home / "warehouse" / "mlflow.db")}


def _timeless(rows: pa.Table) -> pa.Table:
    """Rows without when they were written."""
    return rows.drop_columns([column for column in TIMES if column in rows.column_names])


def _rows(rows: pa.Table) -> pa.Table:
    """Rows without when they were written, in an order that only depends on them: an engine writes them in any."""
    rows = _timeless(rows)
    return rows.sort_by([(name, "ascending") for name in rows.column_names])


def _register(database: Path) -> dict[str, Any]:
    """Which versions there are, what they hold and which of them score."""
    if not database.exists():
        return {}
    connection = sqlite3.connect(database)
    try:
        aliases = connection.execute("select name, alias, version from registered_model_aliases").fetchall()
        versions = connection.execute(
            "select name, version, value from model_version_tags where key = 'content'"
        ).fetchall()
    finally:
        connection.close()
    return {"aliases": sorted(aliases), "versions": sorted(versions)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))


def _half_files(home: Path) -> list[str]:
    """Pages and Parquet files that end too soon."""
    found = []
    for path in _files(home / "site"):
        if path.suffix == ".parquet":
            pq.read_table(path)
        elif path.suffix == ".html" and not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
            found.append(f"{path.name} has no end")
    return found


def _same(one: pa.Table, other: pa.Table) -> bool:
    return bool(one.schema.names == other.schema.names and one.equals(other))


def _is_part(rows: pa.Table, of: pa.Table) -> bool:
    whole = of.to_pylist()
    return all(row in whole for row in rows.to_pylist())


def _change_reviews(path: Path) -> None:
    """Every tenth review gets another score."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows: Sequence[Mapping[str, str]] = list(csv.DictReader(stream))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        for number, row in enumerate(rows):
            score = str(6 - int(row["review_score"])) if number % 10 == 3 else row["review_score"]
            writer.writerow({**row, "review_score": score})

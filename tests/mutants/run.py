"""A sample of mutants, tried side by side, and what it says about the tests."""

from __future__ import annotations

import fnmatch
import json
import multiprocessing
import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped,unused-ignore]

from lakehouse import settings
from tests.mutants.fault import OPERATORS, Mutant
from tests.mutants.sample import ordered
from tests.mutants.worker import CAUGHT, STILLBORN, SURVIVED, Baseline, Outcome, serve

EQUIVALENT = Path(__file__).with_name("equivalent.yml")
RESULTS = settings.DBT_PROJECT / "target" / "mutants.json"
ENOUGH = 0.9
PREPARE_SECONDS, MUTANT_SECONDS = 900, 300


class Tried(NamedTuple):
    """A mutant, what became of it, why it is judged equivalent if it is, and the models that it was planted in."""

    mutant: Mutant
    outcome: Outcome
    equivalent: str = ""
    models: tuple[str, ...] = ()


class Report(NamedTuple):
    """What became of a sample.

    Attributes:
        seed: of the sample.
        tried: in the order of the sample.
        unfit: models left out, with the reason.
        found: how many mutants there are, of which the sample is one.
        stale: judgements of equivalence that cover no mutant any more.
    """

    seed: int
    tried: list[Tried]
    unfit: dict[str, str]
    found: int
    stale: list[Judgement]

    @property
    def counted(self) -> list[Tried]:
        """Those that count: they ran, and are not judged equivalent, or were caught nevertheless."""
        return [one for one in self.tried if counts(one.outcome, bool(one.equivalent))]

    @property
    def survivors(self) -> list[Tried]:
        return [one for one in self.counted if one.outcome.status == SURVIVED]

    @property
    def score(self) -> float:
        """The share of those that count that were caught, 0 to 1; 0 where none ran."""
        return 1 - len(self.survivors) / len(self.counted) if self.counted else 0.0

    @property
    def misjudged(self) -> list[Tried]:
        """Those that are judged equivalent, and were caught."""
        return [one for one in self.tried if one.equivalent and one.outcome.status == CAUGHT]

    @property
    def passed(self) -> bool:
        return self.score >= ENOUGH and not self.misjudged


def counts(outcome: Outcome, equivalent: bool) -> bool:
    """Whether a mutant counts: it ran, and was not expected to survive."""
    return outcome.status == CAUGHT or (outcome.status == SURVIVED and not equivalent)


class Judgement(NamedTuple):
    """That mutants are equivalent: patterns, in which a star stands for anything, and why."""

    model: str
    operator: str
    where: str
    before: str
    after: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether a mutant is one of those."""
        given = (mutant.model, *mutant.fault[:4])
        return all(
            re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, flags=re.DOTALL)
            for pattern, text in zip(self[:5], given, strict=True)
        )


def equivalents(path: Path = EQUIVALENT) -> list[Judgement]:
    """The judgements of equivalence that are committed.

    Raises:
        ValueError: an entry lacks its reason, or names no operator.
    """
    judgements = []
    for entry in yaml.safe_load(path.read_text()) or []:
        try:
            judgement = Judgement(**{name: str(text).strip() for name, text in entry.items()})
        except TypeError as error:
            raise ValueError(f"{path.name}: {entry}: {error}") from None
        if not judgement.reason or judgement.operator not in OPERATORS:
            raise ValueError(f"{path.name}: {entry} needs a known operator and a reason.")
        judgements.append(judgement)
    return judgements


class Crew:
    """A worker's process, started again if it does not answer."""

    def __init__(self, base: Path, number: int) -> None:
        self._base, self._number, self._starts = base, number, 0
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def call(self, seconds: float, method: str, *arguments: Any) -> Any:
        """Call a method of the worker.

        Raises:
            TimeoutError: it did not answer in so many seconds, and was ended.
            RuntimeError: it failed; the message says why.
        """
        if self._connection is None:
            self._start()
        assert self._connection is not None
        self._connection.send((method, arguments))
        return self._answer(seconds)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        number = self._number + 100 * self._starts
        self._starts += 1
        self._process = context.Process(target=serve, args=(theirs, str(self._base), number), daemon=True)
        self._process.start()
        theirs.close()
        self._answer(PREPARE_SECONDS)

    def _answer(self, seconds: float) -> Any:
        assert self._connection is not None
        try:
            if not self._connection.poll(seconds):
                raise TimeoutError(f"no answer in {seconds:g} seconds")
            kind, value = self._connection.recv()
        except (TimeoutError, EOFError, OSError) as error:
            self.end()
            raise TimeoutError(str(error) or "the process ended") from None
        if kind == "failed":
            self.end()
            raise RuntimeError(value)
        return value

    def end(self, seconds: float = 0) -> None:
        """End the process; it is asked first if there is time for that."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.join(seconds)
            self._process.kill()
            self._process.join()
        self._process = self._connection = None


@contextmanager
def crews(base: Path, count: int) -> Iterator[list[Crew]]:
    """So many workers; their processes end with the block, however it ends."""
    with ExitStack() as stack:
        some = [Crew(base, number) for number in range(count)]
        for one in some:
            stack.callback(one.end)
        yield some
        for one in some:
            one.end(seconds=10)


def run(
    seed: int, count: int, select: Sequence[str], jobs: int, tell: Callable[[str, int, int, int], None]
) -> Report:
    """Try a sample of mutants in a temporary folder.

    Args:
        seed: another one gives another sample.
        count: how many that run; those that break the code, and those judged equivalent, are replaced by others.
        select: patterns of model names; none for all models of Silver and Gold.
        jobs: processes.
        tell: called with what is being done, and how many mutants count so far, are wanted, and survived.

    Raises:
        RuntimeError: a test fails without any fault, no model matches, or a worker broke.
        ValueError: a judgement of equivalence makes no sense.
    """
    judgements = equivalents()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, crews(Path(folder), jobs) as workers:
        tell("making a shop and building it", 0, count, 0)
        workers[0].call(PREPARE_SECONDS, "prepare")
        tell("reading the models", 0, count, 0)
        base: Baseline = workers[0].call(PREPARE_SECONDS, "baseline")
        selected = [mutant for mutant, models in base.places.items() if is_selected(models, select)]
        if not selected:
            raise RuntimeError(f"There are no mutants of models called {' or '.join(select)}.")
        queue = ordered(selected, seed)
        tried: dict[int, Tried] = {}
        going: set[int] = set()
        broken: list[BaseException] = []
        lock = threading.Condition()

        def next_one() -> tuple[int, Mutant] | None:
            """The next in order, if those that are tried may not suffice: so the sample does not depend on timing."""
            with lock:
                while not broken:
                    sure = sum(counts(one.outcome, bool(one.equivalent)) for one in tried.values())
                    if sure >= count:
                        return None
                    if sure + len(going) < count:
                        mutant = next(queue, None)
                        if mutant is None:
                            return None
                        number = len(tried) + len(going)
                        going.add(number)
                        return number, mutant
                    lock.wait()
                return None

        def work(crew: Crew) -> None:
            try:
                while (given := next_one()) is not None:
                    number, mutant = given
                    try:
                        outcome: Outcome = crew.call(MUTANT_SECONDS, "attempt", mutant.fault, base.places[mutant])
                    except TimeoutError as error:
                        outcome = Outcome(STILLBORN, "", (str(error),))
                    reason = next((known.reason for known in judgements if known.covers(mutant)), "")
                    with lock:
                        going.discard(number)
                        tried[number] = Tried(mutant, outcome, reason, base.places[mutant])
                        done = Report(seed, list(tried.values()), {}, 0, [])
                        tell(mutant.model, len(done.counted), count, len(done.survivors))
                        lock.notify_all()
            except BaseException as error:
                with lock:
                    broken.append(error)
                    lock.notify_all()

        threads = [threading.Thread(target=work, args=(crew,), daemon=True) for crew in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
        if broken:
            raise RuntimeError(str(broken[0])) from broken[0]
        stale = [known for known in judgements if not any(map(known.covers, base.places))]
        return Report(seed, [tried[number] for number in sorted(tried)], base.unfit, len(selected), stale)


def is_selected(models: Sequence[str], select: Sequence[str]) -> bool:
    """Whether one of the models matches one of the patterns; true without any."""
    return not select or any(fnmatch.fnmatch(model, pattern) for model in models for pattern in select)


def by_operator(report: Report) -> list[tuple[str, int, int]]:
    """For each operator that was tried: its name, how many of its mutants were caught, and how many count."""
    total = Counter(one.mutant.fault.operator for one in report.counted)
    lost = Counter(one.mutant.fault.operator for one in report.survivors)
    return [(name, total[name] - lost[name], total[name]) for name in OPERATORS if total[name]]


def write(report: Report, path: Path = RESULTS) -> None:
    """Write all that became of the sample, in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    content = {
        "seed": report.seed,
        "score": round(report.score, 4),
        "found": report.found,
        "counted": len(report.counted),
        "unfit": report.unfit,
        "operators": [{"operator": name, "caught": caught, "of": of} for name, caught, of in by_operator(report)],
        "mutants": [
            {
                "id": one.mutant.id,
                "model": one.mutant.model,
                **one.mutant.fault._asdict(),
                **one.outcome._asdict(),
                "equivalent": one.equivalent,
                "models": one.models,
            }
            for one in report.tried
        ],
    }
    try:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

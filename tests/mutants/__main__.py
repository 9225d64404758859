"""The mutation check: are faults in the models caught by the tests?

Usage: ``python -m tests.mutants [--seed N] [--count N] [--select PATTERN]... [--jobs N]``. Ends with 1 if less than
90 % are caught, or one that is judged equivalent is; with 2 if the check could not run.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from lakehouse import settings
from tests.mutants.run import ENOUGH, RESULTS, Report, Tried, by_operator, run, write
from tests.mutants.worker import STILLBORN


def main() -> int:
    """Run the check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Are faults in the models caught?")
    parser.add_argument("--seed", type=int, default=1, help="another one gives another sample (default: 1)")
    parser.add_argument("--count", type=int, default=200, help="how many mutants that run (default: 200)")
    parser.add_argument(
        "--select", action="append", default=[], metavar="PATTERN", help="names of models, as 'stg_*'"
    )
    parser.add_argument(
        "--jobs", type=int, default=min(os.cpu_count() or 1, 4), help="processes (default: one a core)"
    )
    given = parser.parse_args()
    if given.count < 1 or given.jobs < 1:
        parser.error("--count and --jobs are at least 1")
    console = Console()
    started = time.monotonic()
    bar = Progress(
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[survived]} survived"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
    )
    try:
        with bar:
            task = bar.add_task("starting", total=given.count, survived=0)
            report = run(
                given.seed,
                given.count,
                given.select,
                given.jobs,
                lambda what, done, total, survived: bar.update(
                    task, description=what, completed=done, total=total, survived=survived
                ),
            )
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        return 130
    except (RuntimeError, ValueError, TimeoutError) as error:
        console.print(Text(str(error)))
        return 2
    write(report)
    show(console, report, given.count, time.monotonic() - started)
    return 0 if report.passed else 1


def show(console: Console, report: Report, wanted: int, seconds: float) -> None:
    """Print survivors, those judged equivalent, and the score by operator."""
    for title, some in (
        ("Survivors", report.survivors),
        ("Judged equivalent", [one for one in report.tried if one.equivalent and one not in report.misjudged]),
        ("Judged equivalent, but caught: remove the judgement", report.misjudged),
    ):
        if some:
            console.print(Text(f"\n{title}", style="bold"))
        for one in some:
            console.print(described(one))
    for model, reason in report.unfit.items():
        console.print(Text(f"Left out: {model}: {reason}"))
    for known in report.stale:
        console.print(Text(f"Judged equivalent, but no longer there: {known.model}, {known.before}"))
    table = Table("operator", "caught", "of", "share")
    for name, caught, total in by_operator(report):
        table.add_row(name, str(caught), str(total), f"{caught / total:.0%}")
    console.print(table)
    stillborn = sum(one.outcome.status == STILLBORN for one in report.tried)
    console.print(
        f"{report.score:.1%} of {len(report.counted)} mutants were caught ({ENOUGH:.0%} are needed); they were drawn "
        f"from {report.found} with seed {report.seed}. {stillborn} more broke the code and say nothing. "
        f"It took {seconds / 60:.1f} minutes. All of it is in {RESULTS.relative_to(settings.ROOT)}."
    )
    if len(report.counted) < wanted:
        console.print(f"There are no more than these {len(report.counted)} that run.")


def described(one: Tried) -> Text:
    """A mutant as a diff of the fragment that it changes, with what is known of it."""
    model, fault = one.mutant.model, one.mutant.fault
    place = f"{fault.where}{f', place {fault.number}' if fault.number > 1 else ''}"
    lines = list(difflib.unified_diff([fault.before], [fault.after], model, model, lineterm="", n=0))[3:]
    text = Text(f"{one.mutant.id}  {model}  {fault.operator}  ({place})\n", style="bold")
    if len(one.models) > 1:
        text.append(f"  in {', '.join(one.models)}\n", style="not bold")
    for line in lines:
        text.append(f"  {line}\n", style="red" if line.startswith("-") else "green")
    if one.equivalent:
        text.append(f"  {one.equivalent}\n", style="not bold")
    if one.outcome.by:
        text.append(f"  caught by {', '.join(one.outcome.by)}\n", style="not bold")
    elif one.outcome.differs:
        text.append(f"  differs on the shop: {', '.join(one.outcome.differs)}\n", style="not bold")
    else:
        text.append("  every table of the shop is the same: perhaps equivalent\n", style="not bold")
    return text


if __name__ == "__main__":
    sys.exit(main())

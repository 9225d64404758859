"""What a fault is, and how one is told from another; the same for SQL and Python."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

OPERATORS = (
    "constant",
    "comparison",
    "join kind",
    "dropped filter",
    "dropped branch",
    "dropped distinct",
    "dropped tie-breaker",
    "sort order",
    "swapped column",
    "aggregate function",
    "date boundary",
    "coalesce",
    "status list",
    "logic",
    "arithmetic",
)

MACRO = "(macro)"
"""Stands for the model where a fault is in a macro: it is planted in every model that the macro writes it into."""

SHOWN = 90
"""A fragment grows up to so many characters: enough to recognise a place, too few to change with its surroundings."""
CONTEXT = 5

# How columns are named here says what is in them. A fault swaps like with like, as a slip of the hand would.
KINDS = (
    ("moment", r".*(_at|_on|_date|_week|_month|_from|_to)|week_start|moment"),
    ("key", r".*_id|.*key|visitor|.*_number|.*_rank|.*_sequential|.*_row"),
    ("truth", r"(is|has|was)_.*|.*_consent"),
    (
        "number",
        r".*(price|value|revenue|freight|monetary|frequency|count|score|length|position|days|seconds|_g|_cm|_prefix_length"
        r"|views|carts|checkouts|purchases|products|orders|items|events|share|rate|lift|credit|strength|together|with_\w+"
        r"|amount|installments|latitude|longitude|spend|gap|quantity|total|sum|mean|median|n)",
    ),
)


class Fault(NamedTuple):
    """A change of one place in a model.

    Attributes:
        operator: the kind of change, one of ``OPERATORS``.
        where: the CTE and its column or clause, or the function, that it is in.
        before: the code around it, as it is.
        after: the same with the change.
        number: counts from 1 where all of that is the same for several places.
    """

    operator: str
    where: str
    before: str
    after: str
    number: int = 1


class Mutant(NamedTuple):
    """A fault in a model, or in a macro of several; its key holds no lines, so unrelated edits leave it alone."""

    model: str
    fault: Fault

    @property
    def id(self) -> str:
        """Eight hex digits, the same in every run."""
        return hashlib.sha256("\0".join([self.model, *map(str, self.fault)]).encode()).hexdigest()[:8]


class Edit:
    """An attribute of a syntax tree's node and the value that a fault gives it; applied in place, and undone."""

    def __init__(self, operator: str, child: Any, apply: Callable[[], None], undo: Callable[[], None]) -> None:
        self.operator = operator
        self.child = child
        """The node that is replaced or dropped."""
        self.apply = apply
        self.undo = undo
        self.gone = False
        """Whether nothing is left of the child, and its neighbours do not belong to the fault."""


def numbered(faults: Iterable[tuple[Fault, Edit]]) -> Iterator[tuple[Fault, Edit]]:
    """Number those that look alike, in the order in which they come."""
    seen: Counter[Fault] = Counter()
    for fault, edit in faults:
        seen[fault] += 1
        yield fault._replace(number=seen[fault]), edit


def is_foreign(fault: Fault, source: str) -> bool:
    """Whether a fault of a model is in code that its file does not hold, because a macro writes it.

    Args:
        fault: of the compiled SQL, in which names are lower case and keywords upper.
        source: the model's file.
    """
    return not _names(fault.before) <= set(re.findall(r"\w+", source.lower()))


def _names(sql: str) -> set[str]:
    return set(re.findall(r"\b[a-z_][a-z0-9_]*\b", sql)) - {"day"}


def placed(faults: Mapping[str, Iterable[Fault]], sources: Mapping[str, str]) -> dict[Mutant, tuple[str, ...]]:
    """The mutants, each with the models to plant it in: one, or all that a macro writes the same code into.

    A macro does not know the columns of a model: what swaps one of them into its code is no slip of a hand.
    """
    writers: dict[Fault, list[str]] = {}
    foreign = {
        model: {fault for fault in some if is_foreign(fault, sources[model])} for model, some in faults.items()
    }
    for model, of_a_macro in foreign.items():
        for fault in of_a_macro:
            writers.setdefault(fault, []).append(model)
    places: dict[Mutant, tuple[str, ...]] = {}
    for model, some in faults.items():
        for fault in some:
            swapped_in = fault.operator == "swapped column" and _names(fault.after) - _names(fault.before)
            if fault in foreign[model] and swapped_in:
                continue
            models = tuple(writers.get(fault, ()))
            shared = model in models and len(models) > 1
            places[Mutant(MACRO if shared else model, fault)] = models if shared else (model,)
    return places


def kind_of_column(name: str) -> str:
    """What a column of that name holds: moment, key, truth, number or text."""
    return next((kind for kind, pattern in KINDS if re.fullmatch(pattern, name.lower())), "text")


def next_of_kind(name: str, names: Iterable[str]) -> str | None:
    """The column after ``name`` of the same kind, round from the last to the first; None if there is no other."""
    alike = list(dict.fromkeys(other for other in names if kind_of_column(other) == kind_of_column(name)))
    if name not in alike or len(alike) < 2:
        return None
    return alike[(alike.index(name) + 1) % len(alike)]


def shortened(before: str, after: str) -> tuple[str, str]:
    """Both texts, cut to some words around what differs if they are long."""
    if max(len(before), len(after)) <= 2 * SHOWN:
        return before, after
    one, two = before.split(" "), after.split(" ")
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    end = 0
    while end < min(len(one), len(two)) - start and one[-1 - end] == two[-1 - end]:
        end += 1

    def cut(words: list[str]) -> str:
        first, last = max(start - CONTEXT, 0), min(len(words) - end + CONTEXT, len(words))
        return " ".join([*["…"][: first > 0], *words[first:last], *["…"][: last < len(words)]])

    return cut(one), cut(two)

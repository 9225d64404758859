"""What can be asked of the generator: the request, what makes no sense in it, and how many events it comes to."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from data_generation.files import FORMATS
from data_generation.habits import events_around_an_order
from data_generation.parameters import Parameters
from lakehouse.errors import LakehouseError
from lakehouse.landing import BEHAVIOUR, OLIST

SOURCES = ("synthetic", "olist")
EVENTS, CONTACTS = "clickstream_events", "customer_contacts"
FILES = {landing.table: Path(landing.file).stem for landing in (*OLIST, *BEHAVIOUR)}
"""The name of each table's file, without what says its format."""
MOST_EVENTS_PER_ORDER = 10_000
"""An order and its events are made at once, in memory."""
LARGEST_SCALE = 1_000
"""What is known of all products is kept in memory, 8 MB for 1 of scale."""


@dataclass(frozen=True)
class Request:
    """What to make.

    Attributes:
        out: the folder for it.
        source: ``synthetic``, a shop and its clickstream; or ``olist``, the clickstream for a real one.
        path: the real shop, a folder or a zip; for ``olist`` alone.
        scale: 1 for about 100,000 orders; for ``synthetic`` alone.
        seed: another one gives another shop, and other behaviour.
        events: how many, about; None for five an order. See :func:`rates` for what a cutoff does to it.
        dirt: share of rows that are damaged, 0 to 1.
        tracking_coverage: share of orders whose buying session was tracked.
        abandonment: share of carts that are left behind, below 1.
        days: drops day by day, the first with everything before; 0 for one delivery. For ``synthetic`` alone.
        start: day of the first drop.
        knowledge_cutoff: nothing before this day follows from orders of this day or later; for ``olist`` alone.
        file_format: ``csv`` or ``parquet``.
        only: Bronze tables to write the files of; empty for all.
        overwrite: whether files that are there may be replaced.
        workers: threads.
    """

    out: Path
    source: str = "synthetic"
    path: Path | None = None
    scale: float = 1.0
    seed: int = 42
    events: int | None = None
    dirt: float = 0.0
    tracking_coverage: float = Parameters.tracking_coverage
    abandonment: float = Parameters.abandonment
    days: int = 0
    start: date | None = None
    knowledge_cutoff: date | None = None
    file_format: str = "csv"
    only: Sequence[str] = ()
    overwrite: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


def check(request: Request) -> None:
    """Make sure that a request makes sense by itself.

    Raises:
        LakehouseError: it does not; the message says how to mend it.
    """

    def choices(what: str, given: str, allowed: Sequence[str]) -> None:
        if given not in allowed:
            raise LakehouseError(f"There is no {what} called {given!r}.", f"Choose one of: {', '.join(allowed)}.")

    def within(option: str, given: float, low: float, high: float, words: str) -> None:
        if not low <= given <= high:
            raise LakehouseError(f"{option} {given:g} is not {words}.", f"Give {option} {words}.")

    choices("source", request.source, SOURCES)
    choices("format", request.file_format, FORMATS)
    for table in request.only:
        choices("file to make", table, tuple(FILES) if request.source == "synthetic" else (EVENTS, CONTACTS))
    if not request.scale > 0:
        raise LakehouseError(
            f"--scale {request.scale:g} makes no shop.", "Give --scale a number above 0, 1 for 100,000 orders."
        )
    if request.scale > LARGEST_SCALE:
        raise LakehouseError(
            f"--scale {request.scale:g} is more than can be made: its products do not fit into memory.",
            f"Give --scale {LARGEST_SCALE} or less.",
        )
    within("--dirt", request.dirt, 0, 1, "a share from 0 to 1")
    within("--tracking-coverage", request.tracking_coverage, 0, 1, "a share from 0 to 1")
    if not 0 <= request.abandonment < 1:
        raise LakehouseError(
            f"--abandonment {request.abandonment:g} is not a share from 0 to below 1: every order is a cart that was "
            "not left behind.",
            "Give --abandonment a share from 0 to below 1.",
        )
    within("--days", request.days, 0, 3_000, "a number of days from 0 to 3000")
    within("--workers", request.workers, 1, 256, "a number from 1 to 256")
    if request.events is not None and request.events < 1:
        raise LakehouseError(f"--events {request.events} makes no clickstream.", "Give --events a number above 0.")
    if request.days and not request.start:
        raise LakehouseError("--days needs to know the day of the first drop.", "Give --start YYYY-MM-DD.")
    if request.start and not request.days:
        raise LakehouseError("--start is the day of the first drop, but no drops are asked for.", "Give --days too.")
    if request.start and date.max - request.start < timedelta(request.days - 1):
        raise LakehouseError(
            f"{request.days} days from {request.start} on go beyond the last day of the calendar, {date.max}.",
            "Give --start an earlier day.",
        )
    if request.source == "olist":
        if request.path is None:
            raise LakehouseError(
                "--source olist needs the real shop.", "Give --path a folder or a zip with its files."
            )
        if request.days:
            raise LakehouseError(
                "A real shop comes as it is, not day by day.", "Leave --days out, or use --source synthetic."
            )
        if request.scale != 1:
            raise LakehouseError("A real shop is as large as it is.", "Leave --scale out, or use --source synthetic.")
    elif request.path is not None:
        raise LakehouseError("A made-up shop is made from nothing.", "Leave --path out, or use --source olist.")
    elif request.knowledge_cutoff is not None:
        raise LakehouseError(
            "A made-up shop has no orders to be drawn from.", "Leave --knowledge-cutoff out, or use --source olist."
        )


def rates(parameters: Parameters, events: int | None, orders: float, known: int = 0) -> tuple[Parameters, Parameters]:
    """The parameters for orders before the cutoff, and for all others, that give about so many events in all.

    Until the cutoff an order comes with as many sessions of strangers as by default, whatever is asked for: a rate
    that made room for the orders still to come would follow from them. The others share what remains.

    Args:
        parameters: all but the number of events.
        events: how many are asked for; None for the default.
        orders: how many there are in all.
        known: how many of them lie before the cutoff.

    Raises:
        LakehouseError: so many events are too few, or too many, for so many orders.
    """
    usual, fewest = Parameters.events_per_order, events_around_an_order(parameters)
    before = usual + (fewest - events_around_an_order(Parameters())) if events else usual
    others = orders - known
    after = (events - before * known) / others if events and others else before
    if known:
        after = min(after, MOST_EVENTS_PER_ORDER)
    if after < fewest:
        where = " after the cutoff" if known else ""
        least = math.floor(before * known + fewest * others) + 1
        raise LakehouseError(
            f"{max(after, 0):.2f} events an order{where} are too few: what is tracked of buying sessions, visits and "
            f"carts left behind alone is {fewest:.2f}.",
            f"Give --events {least} or more, or lower --tracking-coverage or --abandonment.",
        )
    if after > MOST_EVENTS_PER_ORDER:
        raise LakehouseError(
            f"{after:,.0f} events an order are too many: {MOST_EVENTS_PER_ORDER:,} can be made.",
            f"Give --events {math.floor(MOST_EVENTS_PER_ORDER * orders)} or less, or more orders.",
        )
    return replace(parameters, events_per_order=before), replace(parameters, events_per_order=after)

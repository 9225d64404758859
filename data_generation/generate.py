"""A shop, or the behaviour around a real one, into landing files: in parts, side by side, always the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_generation.archive import orders_slice, read_archive
from data_generation.clickstream import Knowledge, browse_sessions_per_order, clickstream
from data_generation.contacts import contacts
from data_generation.dirt import soil
from data_generation.draws import Draws, Floats
from data_generation.drops import Calendar, dated_orders, dated_products, dated_sellers, days_of
from data_generation.files import FORMATS, Writer, encode, open_writer
from data_generation.orders import Orders
from data_generation.parameters import Parameters
from data_generation.places import points
from data_generation.shop import block
from data_generation.world import DAY, PEOPLE, World
from lakehouse.errors import LakehouseError, disk_errors_explained
from lakehouse.landing import BEHAVIOUR, OLIST

SOURCES = ("synthetic", "olist")
EVENTS, CONTACTS = "clickstream_events", "customer_contacts"
FILES = {landing.table: Path(landing.file).stem for landing in (*OLIST, *BEHAVIOUR)}
"""The name of each table's file, without what says its format."""
ORDER_TABLES = ("customers", "orders", "order_items", "order_payments", "order_reviews")
DAILY = (*ORDER_TABLES, "products", "sellers", EVENTS, CONTACTS)
"""What is delivered day by day; the other files come once, with the first drop."""
PEOPLE_A_PART, ORDERS_A_PART, PRODUCTS_A_PART, PREFIXES_A_PART = 10_000, 10_000, 20_000, 2_000
ORDERS_PER_PERSON = 99_316 / PEOPLE
TRUTH = "truth"
FAULTS = "faults_in_"
MANIFEST = f"{TRUTH}/manifest.json"

Progress = Callable[[int, int, int], None]
"""Called with the parts that are done, all parts, and the rows written so far."""


@dataclass(frozen=True)
class Request:
    """What to make.

    Attributes:
        out: the folder for it.
        source: ``synthetic``, a shop and its clickstream; or ``olist``, the clickstream for a real one.
        path: the real shop, a folder or a zip; for ``olist`` alone.
        scale: 1 for about 100,000 orders; for ``synthetic`` alone.
        seed: another one gives another shop, and other behaviour.
        events: how many, about; None for five an order.
        dirt: share of rows that are damaged, 0 to 1.
        tracking_coverage: share of orders whose buying session was tracked.
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
    days: int = 0
    start: date | None = None
    knowledge_cutoff: date | None = None
    file_format: str = "csv"
    only: Sequence[str] = ()
    overwrite: bool = False
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


class Report(NamedTuple):
    """Rows written by file, and faults planted by kind."""

    rows: dict[str, int]
    faults: dict[str, int]


class _Piece(NamedTuple):
    """A part of a file: its path under the folder, its columns, and its rows as the writer takes them."""

    path: str
    schema: pa.Schema
    part: bytes | pa.Table
    rows: int


Part = Callable[[], list[_Piece]]


def generate(request: Request, progress: Progress = lambda *_: None) -> Report:
    """Write landing files, and what is true of them, into a folder; all of them or none.

    The same request gives the same bytes, whatever the number of workers.

    Raises:
        LakehouseError: the request makes no sense, the folder holds other files, or the disk is full.
    """
    _check(request)
    parameters = Parameters(events_per_order=_events_per_order(request), tracking_coverage=request.tracking_coverage)
    with disk_errors_explained(request.out, "point --out at another"):
        _check_folder(request)
        shop = _Archive(request, parameters) if request.source == "olist" else _Synthetic(request, parameters)
        request.out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{request.out.name}.", dir=request.out.parent))
        try:
            report = _write(shop.parts(), shop.empties(), made, request, progress)
            _manifest(made, request, report)
            _put_in_place(made, request.out)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return report


def _check(request: Request) -> None:
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
    if not 0 < request.scale < float("inf"):
        raise LakehouseError(
            f"--scale {request.scale:g} makes no shop.", "Give --scale a number above 0, 1 for 100,000 orders."
        )
    within("--dirt", request.dirt, 0, 1, "a share from 0 to 1")
    within("--tracking-coverage", request.tracking_coverage, 0, 1, "a share from 0 to 1")
    within("--days", request.days, 0, 3_000, "a number of days from 0 to 3000")
    within("--workers", request.workers, 1, 256, "a number from 1 to 256")
    if request.events is not None and request.events < 1:
        raise LakehouseError(f"--events {request.events} makes no clickstream.", "Give --events a number above 0.")
    if request.days and not request.start:
        raise LakehouseError("--days needs to know the day of the first drop.", "Give --start YYYY-MM-DD.")
    if request.start and not request.days:
        raise LakehouseError("--start is the day of the first drop, but no drops are asked for.", "Give --days too.")
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


def _events_per_order(request: Request) -> float:
    if request.events is None or request.source == "olist":
        return Parameters.events_per_order
    return request.events / (PEOPLE * request.scale * ORDERS_PER_PERSON)


def _check_folder(request: Request) -> None:
    out = request.out
    if out.exists() and not out.is_dir():
        raise LakehouseError(f"{out} is a file, not a folder.", "Give --out a folder.")
    there = sorted(entry.name for entry in out.iterdir()) if out.exists() else []
    if there and not request.overwrite:
        shown = ", ".join(there[:3]) + (" and more" if len(there) > 3 else "")
        raise LakehouseError(
            f"{out} is not empty: it holds {shown}.",
            "Give --out another folder, or --overwrite to replace what was generated there before.",
        )


class _Synthetic:
    """A made-up shop in parts."""

    def __init__(self, request: Request, parameters: Parameters) -> None:
        browse_sessions_per_order(parameters)
        self._request = request
        self._world = World(request.seed, request.scale, parameters)
        self._knowledge = Knowledge(self._world.catalog, self._world.catalog, 0, int(self._world.days[-1] + 1) * DAY)
        self._calendar = Calendar.of(request.start, request.days) if request.start else None
        if self._calendar and self._calendar.first < self._world.days[0]:
            opens = np.datetime64(int(self._world.days[0]), "D")
            raise LakehouseError(
                f"On {request.start} there is nothing to deliver yet: the shop opens on {opens}.",
                f"Give --start {opens} or a later day.",
            )

    def parts(self) -> list[Part]:
        """What can be made side by side, in the order in which it is written."""
        world = self._world
        return [
            self._truth,
            self._sellers,
            *(partial(self._geolocation, *part) for part in _slices(len(world.places.prefix), PREFIXES_A_PART)),
            *(partial(self._products, *part) for part in _slices(world.products, PRODUCTS_A_PART)),
            *(partial(self._people, *part) for part in _slices(world.people, PEOPLE_A_PART)),
        ]

    def empties(self) -> list[str]:
        """Files that are there even if no row is."""
        if not self._calendar:
            return []
        return [f"{day}/{table}" for day in self._calendar.dates() for table in DAILY if self._wanted(table)]

    def _wanted(self, table: str) -> bool:
        return not self._request.only or table in self._request.only

    def _truth(self) -> list[_Piece]:
        return [_truth("seasons", self._world.seasons)]

    def _sellers(self) -> list[_Piece]:
        world, calendar = self._world, self._calendar
        pieces = []
        if self._wanted("sellers"):
            pieces += self._pieces("sellers", dated_sellers(world, calendar) if calendar else world.seller_file())
        if self._wanted("product_category_translations"):
            pieces += self._pieces("product_category_translations", self._once(world.translation_file()))
        return pieces

    def _geolocation(self, first: int, last: int) -> list[_Piece]:
        if not self._wanted("geolocation"):
            return []
        table = points(self._world.draws, self._world.places, min(1.0, self._request.scale), first, last)
        return self._pieces("geolocation", self._once(table))

    def _products(self, first: int, last: int) -> list[_Piece]:
        world, calendar = self._world, self._calendar
        pieces = [_truth("products", world.product_truth(first, last))]
        if self._wanted("products"):
            table = dated_products(world, first, last, calendar) if calendar else world.product_file(first, last)
            pieces += self._pieces("products", table)
        return pieces

    def _people(self, first: int, last: int) -> list[_Piece]:
        world, calendar = self._world, self._calendar
        made = block(world, first, last)
        tables = dated_orders(made.files, calendar) if calendar else dict(made.files)
        pieces = [_truth("people", made.people)]
        if self._wanted(EVENTS):
            tables[EVENTS], sessions = clickstream(
                made.orders, self._knowledge, world.draws, world.parameters, made.propensity
            )
            if calendar:
                tables[EVENTS] = calendar.dated(tables[EVENTS], days_of(tables[EVENTS]["received_at"]))
            pieces.append(_truth("sessions", sessions))
        if self._wanted(CONTACTS):
            tables[CONTACTS] = contacts(world.draws, made.people["customer_unique_id"].combine_chunks())
            if calendar:
                tables[CONTACTS] = calendar.dated(tables[CONTACTS], made.first_day)
        return pieces + [
            piece for name, table in tables.items() if self._wanted(name) for piece in self._pieces(name, table)
        ]

    def _once(self, table: pa.Table) -> pa.Table:
        return self._calendar.dated(table, np.full(len(table), self._calendar.first)) if self._calendar else table

    def _pieces(self, name: str, table: pa.Table) -> list[_Piece]:
        return _pieces(name, table, self._world.draws, self._request)


class _Archive:
    """The clickstream of a real shop in parts."""

    def __init__(self, request: Request, parameters: Parameters) -> None:
        assert request.path is not None
        self._request = request
        self._draws = Draws(request.seed)
        shop = read_archive(request.path, self._draws, parameters.repeat_strength, request.knowledge_cutoff)
        if request.events is not None:
            parameters = Parameters(request.events / shop.known_orders, request.tracking_coverage)
        browse_sessions_per_order(parameters)
        self._shop, self._parameters = shop, parameters
        self._people = pa.array(np.unique(np.asarray(shop.orders.customer_unique_id)))

    def parts(self) -> list[Part]:
        """As of a made-up shop."""
        orders, people = len(self._shop.orders.key), len(self._people)
        return [
            *(partial(self._events, *part) for part in _slices(orders, ORDERS_A_PART)),
            *(partial(self._contacts, *part) for part in _slices(people, PEOPLE_A_PART)),
        ]

    def empties(self) -> list[str]:
        """As of a made-up shop."""
        return []

    def _events(self, first: int, last: int) -> list[_Piece]:
        if self._request.only and EVENTS not in self._request.only:
            return []
        shop = self._shop
        orders: Orders = orders_slice(shop.orders, first, last)
        propensity: Floats = shop.propensity[first:last]
        events, sessions = clickstream(orders, shop.knowledge, self._draws, self._parameters, propensity)
        return [_truth("sessions", sessions), *_pieces(EVENTS, events, self._draws, self._request)]

    def _contacts(self, first: int, last: int) -> list[_Piece]:
        if self._request.only and CONTACTS not in self._request.only:
            return []
        table = contacts(self._draws, self._people.slice(first, last - first))
        return _pieces(CONTACTS, table, self._draws, self._request)


def _slices(count: int, size: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + size, count)) for first in range(0, count, size))


def _truth(name: str, table: pa.Table) -> _Piece:
    return _Piece(f"{TRUTH}/{name}.parquet", table.schema, table, len(table))


def _pieces(name: str, table: pa.Table, draws: Draws, request: Request) -> list[_Piece]:
    """The rows of a table, damaged if asked for, as parts of the files they go to."""
    table, faults = soil(name, table, draws, request.dirt, encodings=request.file_format == "csv")
    pieces = [_truth(f"{FAULTS}{name}", faults)] if request.dirt else []
    if "_day" not in table.column_names:
        return [*pieces, _piece("", name, table, request)]
    day = table["_day"].to_numpy()
    table = table.drop_columns("_day")
    order = np.argsort(day, kind="stable")
    days, starts = np.unique(day[order], return_index=True)
    for number, bounds in zip(days, np.split(order, starts[1:]) if len(order) else (), strict=True):
        folder = f"{np.datetime64(int(number), 'D')}/"
        pieces.append(_piece(folder, name, table.take(pa.array(bounds)), request))
    return pieces


def _piece(folder: str, name: str, table: pa.Table, request: Request) -> _Piece:
    path = f"{folder}{FILES[name]}.{request.file_format}"
    return _Piece(path, table.schema, encode(table, request.file_format), len(table))


def _write(parts: list[Part], empties: list[str], folder: Path, request: Request, progress: Progress) -> Report:
    writers: dict[str, Writer] = {}
    schemas: dict[str, pa.Schema] = {}
    rows: dict[str, int] = {}
    faults: dict[str, int] = {}

    def writer(path: str, schema: pa.Schema) -> Writer:
        if path not in writers:
            (folder / path).parent.mkdir(exist_ok=True)
            writers[path] = open_writer(folder / path, schema, Path(path).suffix[1:])
        return writers[path]

    try:
        for done, pieces in enumerate(_made(parts, request.workers), start=1):
            for piece in pieces:
                writer(piece.path, piece.schema).write(piece.part)
                schemas[Path(piece.path).stem] = piece.schema
                rows[piece.path] = rows.get(piece.path, 0) + piece.rows
                if piece.path.startswith(f"{TRUTH}/{FAULTS}"):
                    for kind in pa.table(piece.part)["kind"].to_pylist():
                        faults[kind] = faults.get(kind, 0) + 1
            progress(done, len(parts), sum(rows.values()))
        for path in empties:
            day, table = path.split("/")
            path = f"{day}/{FILES[table]}.{request.file_format}"
            writer(path, schemas[FILES[table]])
            rows.setdefault(path, 0)
        for open_file in writers.values():
            open_file.close()
    except BaseException:
        for open_file in writers.values():
            open_file.abandon()
        raise
    return Report(dict(sorted(rows.items())), dict(sorted(faults.items())))


def _made(parts: list[Part], workers: int) -> Iterator[list[_Piece]]:
    """The parts in order, a few of them under way at a time."""
    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(parts)
        under_way: deque[Future[list[_Piece]]] = deque(pool.submit(part) for part in islice(waiting, workers + 1))
        try:
            while under_way:
                pieces = under_way.popleft().result()
                under_way.extend(pool.submit(part) for part in islice(waiting, 1))
                yield pieces
        finally:
            pool.shutdown(cancel_futures=True)


def _manifest(folder: Path, request: Request, report: Report) -> None:
    asked = {
        name: str(value) if isinstance(value, date) else value
        for name, value in asdict(request).items()
        if name not in ("out", "path", "overwrite", "workers")
    }
    text = json.dumps({"request": asked, "rows": report.rows, "faults": report.faults}, indent=2)
    (folder / TRUTH).mkdir(exist_ok=True)
    (folder / MANIFEST).write_text(text + "\n")


def _put_in_place(made: Path, out: Path) -> None:
    """Move what was made into the folder, in the place of what was generated there before; other files stay."""
    out.mkdir(exist_ok=True)
    if (out / MANIFEST).exists():
        for path in json.loads((out / MANIFEST).read_text())["rows"]:
            (out / path).unlink(missing_ok=True)
    for source in sorted(made.rglob("*")):
        target = out / source.relative_to(made)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            source.replace(target)

"""A made-up shop, or the behaviour around a real one, in parts that are made one by one, in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from data_generation.archive import orders_slice, read_archive
from data_generation.clickstream import Knowledge, clickstream
from data_generation.contacts import contacts
from data_generation.dirt import soil
from data_generation.draws import Draws, Floats
from data_generation.drops import Calendar, dated_orders, dated_products, dated_sellers, days_of
from data_generation.files import encode
from data_generation.orders import Orders
from data_generation.parameters import Parameters
from data_generation.places import points
from data_generation.request import CONTACTS, EVENTS, FILES, Request, rates
from data_generation.shop import block
from data_generation.tastes import people_truth, tastes_of
from data_generation.world import DAY, PEOPLE, World
from lakehouse.errors import LakehouseError

ORDER_TABLES = ("customers", "orders", "order_items", "order_payments", "order_reviews")
DAILY = (*ORDER_TABLES, "products", "sellers", EVENTS, CONTACTS)
"""What is delivered day by day; the other files come once, with the first drop."""
PEOPLE_A_PART, ORDERS_A_PART, PRODUCTS_A_PART, PREFIXES_A_PART = 10_000, 10_000, 20_000, 2_000
EVENTS_A_PART = 50_000
"""Parts are smaller where people and orders come with many events."""
ORDERS_PER_PERSON = 99_316 / PEOPLE
TRUTH = "truth"
FAULTS = "faults_in_"


class Piece(NamedTuple):
    """A part of a file: its path under the folder, its columns, and its rows as the writer takes them."""

    path: str
    schema: pa.Schema
    part: bytes | pa.Table
    rows: int


Part = Callable[[], list[Piece]]


class SyntheticShop:
    """A made-up shop in parts."""

    def __init__(self, request: Request) -> None:
        orders = max(1.0, PEOPLE * request.scale) * ORDERS_PER_PERSON
        _, parameters = rates(_parameters(request), request.events, orders)
        self._request = request
        self._world = World(request.seed, request.scale, parameters)
        self._knowledge = Knowledge(self._world.catalog, self._world.catalog, 0, int(self._world.days[-1] + 1) * DAY)
        self._calendar = calendar_of(request)
        if self._calendar and self._calendar.first < self._world.days[0]:
            opens = np.datetime64(int(self._world.days[0]), "D")
            raise LakehouseError(
                f"On {request.start} there is nothing to deliver yet: the shop opens on {opens}.",
                f"Give --start {opens} or a later day.",
            )

    def parts(self) -> list[Part]:
        """What can be made side by side, in the order in which it is written."""
        world = self._world
        people = _part_size(PEOPLE_A_PART, world.parameters.events_per_order * ORDERS_PER_PERSON)
        return [
            self._truth,
            self._sellers,
            *(partial(self._geolocation, *part) for part in _slices(0, len(world.places.prefix), PREFIXES_A_PART)),
            *(partial(self._products, *part) for part in _slices(0, world.products, PRODUCTS_A_PART)),
            *(partial(self._people, *part) for part in _slices(0, world.people, people)),
        ]

    def empties(self) -> list[str]:
        """Files that are there even if no row is."""
        if not self._calendar:
            return []
        files = [f"{FILES[table]}.{self._request.file_format}" for table in DAILY if self._wanted(table)]
        return [f"{day}/{file}" for day in self._calendar.dates() for file in files]

    def _wanted(self, table: str) -> bool:
        return not self._request.only or table in self._request.only

    def _truth(self) -> list[Piece]:
        return [_truth("seasons", self._world.seasons)]

    def _sellers(self) -> list[Piece]:
        world, calendar = self._world, self._calendar
        pieces = []
        if self._wanted("sellers"):
            pieces += self._pieces("sellers", dated_sellers(world, calendar) if calendar else world.seller_file())
        if self._wanted("product_category_translations"):
            pieces += self._pieces("product_category_translations", self._once(world.translation_file()))
        return pieces

    def _geolocation(self, first: int, last: int) -> list[Piece]:
        if not self._wanted("geolocation"):
            return []
        table = points(self._world.draws, self._world.places, min(1.0, self._request.scale), first, last)
        return self._pieces("geolocation", self._once(table))

    def _products(self, first: int, last: int) -> list[Piece]:
        world, calendar = self._world, self._calendar
        pieces = [_truth("products", world.product_truth(first, last))]
        if self._wanted("products"):
            table = dated_products(world, first, last, calendar) if calendar else world.product_file(first, last)
            pieces += self._pieces("products", table)
        return pieces

    def _people(self, first: int, last: int) -> list[Piece]:
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

    def _pieces(self, name: str, table: pa.Table) -> list[Piece]:
        return _pieces(name, table, self._world.draws, self._request)


class ArchiveBehaviour:
    """The clickstream of a real shop in parts."""

    def __init__(self, request: Request) -> None:
        assert request.path is not None
        self._request = request
        self._draws = Draws(request.seed)
        parameters = _parameters(request)
        self._shop = read_archive(request.path, self._draws, parameters.repeat_strength, request.knowledge_cutoff)
        self._orders = len(self._shop.orders.key)
        self._known = self._shop.known_orders if request.knowledge_cutoff else 0
        self._before, self._after = rates(parameters, request.events, self._orders, self._known)
        ids, self._first_order = np.unique(np.asarray(self._shop.orders.customer_unique_id), return_index=True)
        self._people = pa.array(ids)

    def parts(self) -> list[Part]:
        """As of a made-up shop."""
        return [
            self._products,
            *self._orders_from_to(self._before, 0, self._known),
            *self._orders_from_to(self._after, self._known, self._orders),
            *(partial(self._people_and_contacts, *part) for part in _slices(0, len(self._people), PEOPLE_A_PART)),
        ]

    def _orders_from_to(self, parameters: Parameters, first: int, last: int) -> Iterator[Part]:
        size = _part_size(ORDERS_A_PART, parameters.events_per_order)
        return (partial(self._events, parameters, *part) for part in _slices(first, last, size))

    def empties(self) -> list[str]:
        """As of a made-up shop."""
        return []

    def _products(self) -> list[Piece]:
        return [_truth("products", self._shop.products)]

    def _events(self, parameters: Parameters, first: int, last: int) -> list[Piece]:
        if self._request.only and EVENTS not in self._request.only:
            return []
        shop = self._shop
        orders: Orders = orders_slice(shop.orders, first, last)
        propensity: Floats = shop.propensity[first:last]
        events, sessions = clickstream(orders, shop.knowledge, self._draws, parameters, propensity)
        return [_truth("sessions", sessions), *_pieces(EVENTS, events, self._draws, self._request)]

    def _people_and_contacts(self, first: int, last: int) -> list[Piece]:
        shop, people, order = self._shop, self._people.slice(first, last - first), self._first_order[first:last]
        weights, strength = shop.knowledge.known.category_weights, self._after.taste_strength
        tastes = tastes_of(self._draws, shop.orders.person[order], weights, strength)
        pieces = [_truth("people", people_truth(people, shop.propensity[order], tastes, shop.categories))]
        if not self._request.only or CONTACTS in self._request.only:
            pieces += _pieces(CONTACTS, contacts(self._draws, people), self._draws, self._request)
        return pieces


def _parameters(request: Request) -> Parameters:
    return Parameters(tracking_coverage=request.tracking_coverage, abandonment=request.abandonment)


def calendar_of(request: Request) -> Calendar | None:
    """The days that are asked for; None if all is delivered at once."""
    return Calendar.of(request.start, request.days) if request.start else None


def _part_size(most: int, events_each: float) -> int:
    return max(1, min(most, int(EVENTS_A_PART / events_each)))


def _slices(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + size, last)) for start in range(first, last, size))


def _truth(name: str, table: pa.Table) -> Piece:
    return Piece(f"{TRUTH}/{name}.parquet", table.schema, table, len(table))


def _pieces(name: str, table: pa.Table, draws: Draws, request: Request) -> list[Piece]:
    """The rows of a table, damaged if asked for, as parts of the files they go to."""
    calendar = calendar_of(request)
    last_day = calendar.last if calendar else None
    table, faults = soil(name, table, draws, request.dirt, request.file_format == "csv", last_day)
    pieces = [_truth(f"{FAULTS}{name}", faults)] if request.dirt else []
    if calendar is None:
        return [*pieces, _piece("", name, table, request)]
    day = table["_day"].to_numpy()
    table = table.drop_columns("_day")
    order = np.argsort(day, kind="stable")
    # The first drop even without a row: so the columns are known.
    days = np.union1d(day, [calendar.first])
    for number, bounds in zip(days, np.split(order, np.searchsorted(day[order], days[1:])), strict=True):
        folder = f"{np.datetime64(int(number), 'D')}/"
        pieces.append(_piece(folder, name, table.take(pa.array(bounds)), request))
    return pieces


def _piece(folder: str, name: str, table: pa.Table, request: Request) -> Piece:
    path = f"{folder}{FILES[name]}.{request.file_format}"
    return Piece(path, table.schema, encode(table, request.file_format), len(table))

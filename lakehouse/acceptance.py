"""Whether a delivery can be taken in, by the names and the headers of its files; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from lakehouse.bronze import AUDIT_FIELDS
from lakehouse.csv_records import physical_lines, read_header, read_records
from lakehouse.delivery import Delivery
from lakehouse.errors import LakehouseError
from lakehouse.landing import SOURCES, LandingFile
from lakehouse.parquet_records import open_parquet

MOST_SHOWN, LONGEST_SHOWN = 5, 60
UNUSABLE = frozenset(" ,;{}()\n\t=\0")
"""What Delta tables allow in no column name, and the null character, at which a name ends for the engine."""


class Checked(NamedTuple):
    """A delivery whose files have been found and have sound headers; nothing of it is written yet."""

    places: dict[LandingFile, tuple[Delivery, str]]
    headers: dict[LandingFile, list[str]]
    behaviour: Sequence[LandingFile]
    delivered_on: date | None


def check(source: str, paths: Sequence[Path], delivered_on: date | None = None) -> Checked:
    """The first half of :func:`lakehouse.ingest.ingest`: find the files and check all headers.

    Raises:
        LakehouseError: the delivery cannot be used.
    """
    if source not in SOURCES:
        raise LakehouseError(f"There is no source called {source!r}.", f"Choose one of: {', '.join(SOURCES)}.")
    shop, behaviour = SOURCES[source]
    found = _find([Delivery(path) for path in paths], shop, behaviour, partial=delivered_on is not None)
    headers = {
        landing: _header(landing, *place, may_be_empty=delivered_on is not None) for landing, place in found.items()
    }
    return Checked(found, headers, behaviour, delivered_on)


def _find(
    deliveries: list[Delivery], shop: Sequence[LandingFile], behaviour: Sequence[LandingFile], *, partial: bool
) -> dict[LandingFile, tuple[Delivery, str]]:
    """Where each file is; raises if one is missing that must be there, or is there twice."""
    found: dict[LandingFile, tuple[Delivery, str]] = {}
    for landing in (*shop, *behaviour):
        places = [(delivery, name) for delivery in deliveries for name in landing.names if name in delivery]
        if len(places) > 1:
            where = ", ".join(f"{name} in {delivery.path}" for delivery, name in places)
            raise LakehouseError(f"The same file is delivered more than once: {where}.", "Leave only one of them.")
        if places:
            found[landing] = places[0]
    missing = [landing.file for landing in shop if landing not in found]
    if missing and (not found or (len(missing) < len(shop) and not partial)):
        if len(deliveries) == 1:
            deliveries[0].require(missing)
        raise LakehouseError(
            f"{', '.join(str(delivery.path) for delivery in deliveries)} lack {', '.join(missing)}.",
            "Give --path the folders or zips that hold all the files between them, under their original names.",
        )
    for delivery in deliveries:
        files = [file for place, file in found.values() if place is delivery]
        delivery.require(files)
        delivery.require_whole(files)
    return found


def _header(landing: LandingFile, delivery: Delivery, file: str, *, may_be_empty: bool) -> list[str]:
    """The header of a file; raises if the file cannot be what the contract says."""
    with delivery.open(file) as stream:
        if file.endswith(".parquet"):
            with open_parquet(stream, file) as parquet:
                header, empty = list(parquet.schema_arrow.names), not parquet.metadata.num_rows
        else:
            lines = physical_lines(stream)
            header = read_header(next(lines, b""), file)
            empty = next(read_records(lines, len(header)), None) is None
    _check_header(landing, file, header)
    if empty and not may_be_empty:
        raise LakehouseError(
            f"{file} in {delivery.path} has a header and no rows.",
            "Deliver the file with its rows; if nothing happened that day, say which day: --delivered-on.",
        )
    return header


def _check_header(landing: LandingFile, file: str, header: list[str]) -> None:
    absent = [column for column in landing.columns if column not in header]
    unknown = [column for column in header if column not in landing.columns]
    if absent:
        renamed = f" Renamed, perhaps, to {_some(unknown)}?" if unknown else ""
        raise LakehouseError(
            f"{file} lacks the column {', '.join(absent)}.{renamed}",
            f"Its header must name, separated by commas: {', '.join(landing.columns)}.",
        )
    # Delta tables do not tell A from a.
    names = [column.lower() for column in header]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise LakehouseError(f"{file} names the column {_some(doubled)} more than once.", "Rename or remove one.")
    reserved = {field.name for field in AUDIT_FIELDS}
    unusable = [name for name in unknown if not name or name.lower() in reserved or set(name) & UNUSABLE]
    if unusable:
        raise LakehouseError(
            f"{file} has a column that no table can take: {_some(unusable)}.",
            f"Rename it: not empty, not one of {', '.join(sorted(reserved))}, "
            "without spaces, null characters or any of , ; { } ( ) = .",
        )


def _some(names: Sequence[str]) -> str:
    """Names for a message, as many and as much of each as can be read: a file may hold anything."""
    shown = [
        repr(name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}...") for name in names[:MOST_SHOWN]
    ]
    return ", ".join(shown) + (f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else "")

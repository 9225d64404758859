"""Landing files of a shop, or of the behaviour around a real one: always the same bytes, all of them or none."""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import date
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from data_generation.files import WORKPLACE, Files, encode, put_in_place, workplace
from data_generation.parts import (
    FAULTS,
    TRUTH,
    ArchiveBehaviour,
    Part,
    Piece,
    SyntheticShop,
    calendar_of,
)
from data_generation.request import CONTACTS, EVENTS, FILES, Request, check
from lakehouse.errors import LakehouseError, disk_errors_explained

MANIFEST = f"{TRUTH}/manifest.json"
TRUTHS = ("people", "products", "seasons", "sessions", *(f"{FAULTS}{table}" for table in FILES))
OURS = re.compile(rf"(\d{{4}}-\d\d-\d\d/)?({'|'.join(FILES.values())})\.(csv|parquet)|{TRUTH}/\w+\.parquet")
"""Every path that a manifest may list."""
Progress = Callable[[int, int, int], None]
"""Called with the parts that are done, all parts, and the rows written so far."""


class Report(NamedTuple):
    """Rows written by file, and faults planted by kind."""

    rows: dict[str, int]
    faults: dict[str, int]


def generate(request: Request, progress: Progress = lambda *_: None) -> Report:
    """Write landing files, and what is true of them, into a folder; all of them or none.

    The same request gives the same bytes, whatever the number of workers.

    Raises:
        LakehouseError: the request makes no sense, the folder holds other files or cannot be written, or the disk or
            the memory is full.
    """
    check(request)
    with disk_errors_explained(request.out, "point --out at another"):
        before = _check_folder(request)
        try:
            shop = ArchiveBehaviour(request) if request.source == "olist" else SyntheticShop(request)
            with workplace(request.out) as work:
                made = work / "made"
                made.mkdir()
                report = _write(shop.parts(), shop.empties(), made, request, progress)
                _manifest(made, request, report)
                put_in_place(made, request.out, before, work / "before")
        except MemoryError as error:
            raise LakehouseError(
                f"There is not enough memory for this request: {error}.", "Lower --scale, --events or --workers."
            ) from error
    return report


def _check_folder(request: Request) -> list[str]:
    """Make sure that what is asked for can be put into the folder.

    Returns:
        The files that were generated there before, as paths in the folder.

    Raises:
        LakehouseError: it is no folder, holds other files, or something in it is in the way.
    """
    out = request.out
    if os.path.lexists(out) and not os.path.exists(out):
        raise LakehouseError(f"{out} is a link to something that is not there.", "Give --out a folder.")
    if os.path.exists(out) and not os.path.isdir(out):
        raise LakehouseError(f"{out} is a file, not a folder.", "Give --out a folder.")
    there = sorted(entry.name for entry in out.iterdir() if entry.name != WORKPLACE) if os.path.isdir(out) else []
    if not there:
        return []
    if not request.overwrite:
        shown = ", ".join(there[:3]) + (" and more" if len(there) > 3 else "")
        raise LakehouseError(
            f"{out} is not empty: it holds {shown}.",
            "Give --out another folder, or --overwrite to replace what was generated there before.",
        )
    before = _generated_before(out)
    paths = [*_targets(request), *before]
    for folder in sorted({out / TRUTH, *((out / path).parent for path in paths)} - {out}):
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            raise LakehouseError(
                f"{folder} is in the way: a folder has to be there.", "Move it away, or give --out another folder."
            )
    for path in paths:
        if (out / path).is_dir() and not (out / path).is_symlink():
            raise LakehouseError(
                f"{out / path} is a folder, and a file has to be there.",
                "Move it away, or give --out another folder.",
            )
    return before


def _targets(request: Request) -> Iterator[str]:
    """Every file that may be written, as a path in the folder."""
    yield from (MANIFEST, *(f"{TRUTH}/{name}.parquet" for name in TRUTHS))
    tables = request.only or (FILES if request.source == "synthetic" else (EVENTS, CONTACTS))
    calendar = calendar_of(request)
    for folder in [f"{day}/" for day in calendar.dates()] if calendar else [""]:
        yield from (f"{folder}{FILES[table]}.{request.file_format}" for table in tables)


def _generated_before(out: Path) -> list[str]:
    manifest = out / MANIFEST
    if not os.path.lexists(manifest):
        return []
    try:
        listed = list(json.loads(manifest.read_text())["rows"].keys())
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise LakehouseError(
            f"{manifest} does not say what was generated in {out} before.",
            "Move it away together with the files it belongs to, or give --out another folder.",
        ) from error
    foreign = [path for path in listed if not OURS.fullmatch(path)]
    if foreign:
        raise LakehouseError(
            f"{manifest} lists {foreign[0]!r}, which was never generated.",
            "Mend it or move it away together with the files it belongs to, or give --out another folder.",
        )
    return [*listed, MANIFEST]


def _write(parts: list[Part], empties: list[str], folder: Path, request: Request, progress: Progress) -> Report:
    files = Files(folder)
    schemas: dict[str, pa.Schema] = {}
    rows: dict[str, int] = {}
    faults: dict[str, int] = {}
    try:
        for done, pieces in enumerate(_made(parts, request.workers), start=1):
            for piece in pieces:
                files.append(piece.path, piece.schema, piece.part)
                schemas[Path(piece.path).stem] = piece.schema
                rows[piece.path] = rows.get(piece.path, 0) + piece.rows
                if piece.path.startswith(f"{TRUTH}/{FAULTS}"):
                    for kind in pa.table(piece.part)["kind"].to_pylist():
                        faults[kind] = faults.get(kind, 0) + 1
            progress(done, len(parts), sum(rows.values()))
        nothing = {stem: encode(schema.empty_table(), request.file_format) for stem, schema in schemas.items()}
        for path in empties:
            stem = Path(path).stem
            files.append(path, schemas[stem], nothing[stem])
            rows.setdefault(path, 0)
        files.close()
    except BaseException:
        files.abandon()
        raise
    return Report(dict(sorted(rows.items())), dict(sorted(faults.items())))


def _made(parts: list[Part], workers: int) -> Iterator[list[Piece]]:
    """The parts in order, a few of them under way at a time."""
    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(parts)
        under_way: deque[Future[list[Piece]]] = deque(pool.submit(part) for part in islice(waiting, workers + 1))
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

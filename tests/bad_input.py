"""Every kind of bad input with the message it gets: `python -m tests.bad_input` writes `docs/bad_input.md` anew.

All of them are met before an engine starts, so that they can be told in seconds. What is refused later, by the gates,
is in ``tests/disasters.py``; what is asked of the server, in ``tests/serving/test_api.py``.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from lakehouse import catalog, cli, delivery
from lakehouse.landing import OLIST
from lakehouse.settings import ROOT
from tests.shop import write_shop

PAGE = ROOT / "docs" / "bad_input.md"
SELLERS, ITEMS = "olist_sellers_dataset.csv", "olist_order_items_dataset.csv"
FILES = "FILES"
"""Stands for the folder of the shop's files in the words of a command."""
BOX = re.compile(r"[╭╮╰╯│─]")
HEAD = """# Bad input and what is said of it

What the command line says of every kind of input that it cannot use. All tables are as they were before, and the exit
code is 1; it is 2 where the words of the command themselves are wrong. `python -m tests.bad_input` writes this
page from what the program says, and [a test](../tests/unit/test_bad_input.py) compares the two.

Three kinds are not here. A damaged line costs that line alone: `bronze.rejected_rows` keeps it with the reason. A
file that can be read and is wrong in what it says meets the checks between the layers; each is on the page of data
quality with its reason. What the server refuses is in its own description, under `/docs`.

| input | command | message |
|---|---|---|
"""

Damage = Callable[[Path, Path], object]
"""Called with the folder of the shop's files and with that of the warehouse."""


class Kind(NamedTuple):
    """A kind of bad input.

    Attributes:
        name: in a few words.
        words: of the command; :data:`FILES` is where the files are.
        damage: what is done before to the files or the warehouse.
        environment: variables that are set.
    """

    name: str
    words: tuple[str, ...]
    damage: Damage = lambda files, warehouse: None
    environment: tuple[tuple[str, str], ...] = ()


def _write(name: str, content: bytes) -> Damage:
    return lambda files, warehouse: (files / name).write_bytes(content)


def _edit(name: str, old: bytes, new: bytes) -> Damage:
    def edit(files: Path, warehouse: Path) -> None:
        text = (files / name).read_bytes()
        assert old in text
        (files / name).write_bytes(text.replace(old, new, 1))

    return edit


def _without(name: str) -> Damage:
    return lambda files, warehouse: (files / name).unlink()


def _twice(files: Path, warehouse: Path) -> None:
    _zip(files, warehouse)
    with zipfile.ZipFile(files / "shop.zip", "a") as archive:
        archive.write(files / SELLERS, f"older/{SELLERS}")


def _zip(files: Path, warehouse: Path) -> None:
    with zipfile.ZipFile(files / "shop.zip", "w") as archive:
        for landing in OLIST:
            archive.write(files / landing.file, landing.file)


def _cut_zip(files: Path, warehouse: Path) -> None:
    _zip(files, warehouse)
    path = files / "shop.zip"
    path.write_bytes(path.read_bytes()[:-2000])


def _spoilt_zip(files: Path, warehouse: Path) -> None:
    _zip(files, warehouse)
    path = files / "shop.zip"
    path.write_bytes(path.read_bytes().replace(b"seller_city", b"seller_cite", 1))


def _folder(files: Path, warehouse: Path) -> None:
    (files / SELLERS).unlink()
    (files / SELLERS).mkdir()


def _both_formats(files: Path, warehouse: Path) -> None:
    pq.write_table(pa.table({"seller_id": ["a"]}), (files / SELLERS).with_suffix(".parquet"))


def _nested(files: Path, warehouse: Path) -> None:
    (files / SELLERS).unlink()
    pq.write_table(pa.table({"seller_id": [["a"]]}), (files / SELLERS).with_suffix(".parquet"))


def _no_parquet(files: Path, warehouse: Path) -> None:
    (files / SELLERS).rename((files / SELLERS).with_suffix(".parquet"))


def _manifest(files: Path, warehouse: Path) -> None:
    (files / delivery.MANIFEST).write_text(f'{{"files": [{{"name": "{SELLERS}", "sha256": "0"}}]}}')


def _strangers(files: Path, warehouse: Path) -> None:
    warehouse.mkdir()
    (warehouse / "photos.zip").touch()


def _older_gold(files: Path, warehouse: Path) -> None:
    catalog.prepare(warehouse)
    write_deltalake(warehouse / "gold" / "churn_examples", pa.table({"label": ["a"]}))


def _damaged_log(files: Path, warehouse: Path) -> None:
    catalog.prepare(warehouse)
    write_deltalake(warehouse / "gold" / "weekly_revenue", pa.table({"week_start": ["a"]}))
    (warehouse / "gold" / "weekly_revenue" / "_delta_log" / f"{0:020}.json").write_text("no log")


def _generated(files: Path, warehouse: Path) -> None:
    (files / "truth").mkdir()
    (files / "truth" / "manifest.json").write_text("{}")


INGEST = ("ingest", "--path", FILES)
GENERATE = ("generate", "--out", f"{FILES}/new")
KINDS = (
    Kind("a path with nothing there", ("ingest", "--path", f"{FILES}/nowhere")),
    Kind("a path that is too long", ("ingest", "--path", "x" * 300)),
    Kind("a file that is no archive", ("ingest", "--path", f"{FILES}/{SELLERS}")),
    Kind("a path that is neither folder nor file", ("ingest", "--path", "/dev/null")),
    Kind("an archive that was cut short", ("ingest", "--path", f"{FILES}/shop.zip"), _cut_zip),
    Kind("an archive with spoilt bytes", ("ingest", "--path", f"{FILES}/shop.zip"), _spoilt_zip),
    Kind("an archive that holds a file twice", ("ingest", "--path", f"{FILES}/shop.zip"), _twice),
    Kind("a file that is missing", INGEST, _without(SELLERS)),
    Kind("a folder in the place of a file", INGEST, _folder),
    Kind("a file in two places", (*INGEST, "--path", FILES)),
    Kind("a file in two formats", INGEST, _both_formats),
    Kind("a file that is empty", INGEST, _write(SELLERS, b"")),
    Kind(
        "a file with a header and no rows", INGEST, _write(SELLERS, b",".join(c.encode() for c in OLIST[7].columns))
    ),
    Kind("a column that is missing", INGEST, _edit(SELLERS, b',"seller_state"', b"")),
    Kind("a column that was renamed", INGEST, _edit(SELLERS, b"seller_city", b"seller_town")),
    Kind("a column that is there twice", INGEST, _edit(SELLERS, b'"seller_state"', b'"seller_state","SELLER_CITY"')),
    Kind("a column without a name", INGEST, _edit(SELLERS, b'"seller_state"', b'"seller_state",')),
    Kind(
        "a column with a name that no table takes", INGEST, _edit(SELLERS, b'"seller_state"', b'"seller_state","a b"')
    ),
    Kind("a column with a name of ours", INGEST, _edit(SELLERS, b'"seller_state"', b'"seller_state","_batch_id"')),
    Kind("fields that are not separated by commas", INGEST, _write(SELLERS, b"seller_id;seller_city\na;b\n")),
    Kind("a header that is no UTF-8", INGEST, _edit(SELLERS, b"seller_city", b"seller_\xe7")),
    Kind("a file in UTF-16", INGEST, _write(SELLERS, "seller_id,seller_city\n".encode("utf-16"))),
    Kind("lines that end with a carriage return", INGEST, _write(SELLERS, b"seller_id,seller_city\ra,b\r")),
    Kind("a first line of a megabyte", INGEST, _write(SELLERS, b"x" * (1 << 20))),
    Kind("a header of ten thousand columns", INGEST, _write(SELLERS, b",".join(b"c%d" % n for n in range(10_000)))),
    Kind("a file without one good line", INGEST, _write(ITEMS, ",".join(OLIST[2].columns).encode() + b"\na,b\n")),
    Kind("a Parquet file that is none", INGEST, _no_parquet),
    Kind("a Parquet file with a nested column", INGEST, _nested),
    Kind("a folder that is still being filled", INGEST, _write(delivery.UNDER_WAY, b"")),
    Kind("a folder whose manifest does not match", INGEST, _manifest),
    Kind("an unknown source", (*INGEST, "--source", "shopify")),
    Kind("a day that is none", (*INGEST, "--delivered-on", "2018-02-30")),
    Kind("a target that is none", (*INGEST, "--target", "moon")),
    Kind("a warehouse that is a file", INGEST, lambda files, warehouse: warehouse.touch()),
    Kind("a warehouse that is another folder", INGEST, _strangers),
    Kind("nothing to build from", ("build",)),
    Kind("a number of threads that is none", ("build",), environment=(("LAKEHOUSE_THREADS", "0"),)),
    Kind("a layer that is none", ("build", "--layer", "platinum")),
    Kind("a layer that cannot be checked", ("validate", "--layer", "platinum")),
    Kind("all layers as just built", ("validate", "--just-built")),
    Kind("nothing to check", ("validate", "--layer", "gold")),
    Kind("nothing to show", ("site",)),
    Kind("a model that is none", ("train", "oracle")),
    Kind("nothing to learn from", ("train", "churn")),
    Kind("a table that lacks a column", ("train", "churn"), _older_gold),
    Kind("a table whose log is damaged", ("train", "forecast"), _damaged_log),
    Kind("scores of an empty warehouse", ("score", "churn")),
    Kind("nothing to serve", ("serve",)),
    Kind("a port that is none", ("serve", "--port", "70000")),
    Kind("a number of workers that is none", ("cluster", "--workers", "0")),
    Kind("a place to upload to that is none", ("upload", "--path", FILES, "--to", "s3://bucket/folder")),
    Kind("a source to generate that is none", (*GENERATE, "--source", "amazon")),
    Kind("no shop to make behaviour for", (*GENERATE, "--source", "olist")),
    Kind("a size of nothing", (*GENERATE, "--scale", "0")),
    Kind("a size that does not fit", (*GENERATE, "--scale", "1e9")),
    Kind("a size that is no number", (*GENERATE, "--scale", "big")),
    Kind("a size that is not a number", (*GENERATE, "--scale", "nan")),
    Kind("a share above one", (*GENERATE, "--dirt", "1.5")),
    Kind("carts that are all left behind", (*GENERATE, "--abandonment", "1")),
    Kind("fewer than no events", (*GENERATE, "--events", "-1")),
    Kind("drops without a first day", (*GENERATE, "--days", "3")),
    Kind("a first day without drops", (*GENERATE, "--start", "2018-01-01")),
    Kind("drops beyond the calendar", (*GENERATE, "--days", "9", "--start", "9999-12-30")),
    Kind("a format that is none", (*GENERATE, "--format", "xlsx")),
    Kind("a file to generate that is none", (*GENERATE, "--only", "returns")),
    Kind("a folder that is not empty", ("generate", "--out", FILES)),
    Kind("a folder of unknown origin", ("generate", "--out", FILES, "--overwrite"), _generated),
    Kind("a file in the place of the folder", ("generate", "--out", f"{FILES}/{SELLERS}")),
    Kind("an option that is none", ("run", "--fast")),
    Kind("an option that is missing", ("run",)),
    Kind("a command that is none", ("dance",)),
)


def said(kind: Kind, files: Path, warehouse: Path) -> tuple[int, str]:
    """The exit code of a command and its message, with FILES and WAREHOUSE in the place of their paths.

    Args:
        kind: of bad input.
        files: a copy of the shop's files, which may be changed.
        warehouse: a path with nothing there.
    """
    kind.damage(files, warehouse)
    words = [word.replace(FILES, str(files)) for word in kind.words]
    text = io.StringIO()
    ended = 0
    with (
        _environment(kind, warehouse),
        contextlib.redirect_stderr(text),
        mock.patch.object(sys, "argv", ["lakehouse", *words]),
    ):
        try:
            cli.main()
        except SystemExit as end:
            ended = int(end.code or 0)
    message = text.getvalue().replace(str(files), FILES).replace(str(warehouse), "WAREHOUSE")
    return ended, _plain(message)


@contextlib.contextmanager
def _environment(kind: Kind, warehouse: Path) -> Iterator[None]:
    # Wide, so that no line is broken.
    there = {"LAKEHOUSE_WAREHOUSE": str(warehouse), "COLUMNS": "4000", "TERMINAL_WIDTH": "4000"}
    with mock.patch.dict(os.environ, there | dict(kind.environment)):
        yield


def _plain(message: str) -> str:
    """One line without the frame and the hints that the parser of words puts around its messages."""
    lines = [BOX.sub("", line).strip() for line in message.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("Usage:", "Try ")) and line != "Error"]
    return " ".join(" ".join(kept).removeprefix("error: ").split())


def rows(folder: Path) -> Iterator[tuple[Kind, int, str]]:
    """Each kind, its exit code and its message.

    Args:
        folder: an empty one to work in.
    """
    shop = write_shop(folder / "shop", orders=30)
    for number, kind in enumerate(KINDS):
        files = Path(shutil.copytree(shop, folder / str(number) / "files"))
        yield kind, *said(kind, files, folder / str(number) / "warehouse")


def page(told: list[tuple[Kind, int, str]]) -> str:
    """The page, in Markdown."""
    lines = [
        f"| {kind.name} | `{_short(' '.join([*map('='.join, kind.environment), 'lakehouse', *kind.words]))}` "
        f"| {_cell(message)} |"
        for kind, _, message in told
    ]
    return HEAD + "\n".join(lines) + "\n"


def _short(words: str) -> str:
    return re.sub(r"x{20,}", "xxx", words)


def _cell(message: str) -> str:
    return re.sub(r"x{20,}", "xxx", message).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(list(rows(Path(folder)))), encoding="utf-8")

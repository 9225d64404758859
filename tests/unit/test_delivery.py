"""A folder and a zip are the same delivery, and what is wrong with either is said in words."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.delivery import MANIFEST, UNDER_WAY, Delivery
from lakehouse.errors import LakehouseError

FILES = {"a.csv": b"x,y\n1,2\n", "b.csv": b"x\n" + b"0123456789abcdef" * 40_000}


def folder(at: Path) -> Path:
    at.mkdir()
    for name, content in FILES.items():
        (at / name).write_bytes(content)
    return at


def archive(at: Path, prefix: str = "", compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(at, "w", compression) as file:
        for name, content in FILES.items():
            file.writestr(prefix + name, content)
    return at


DELIVERIES: dict[str, Callable[[Path], Path]] = {
    "folder": lambda tmp: folder(tmp / "in"),
    "zip": lambda tmp: archive(tmp / "in.zip"),
    "zip with a folder": lambda tmp: archive(tmp / "in.zip", "archive/olist/"),
    "zip with windows names": lambda tmp: archive(tmp / "in.zip", "archive\\"),
    "zip that is not compressed": lambda tmp: archive(tmp / "in.zip", compression=zipfile.ZIP_STORED),
    "zip with lzma": lambda tmp: archive(tmp / "in.zip", compression=zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("make", DELIVERIES.values(), ids=DELIVERIES)
def test_every_kind_of_delivery_reads_the_same(make: Callable[[Path], Path], tmp_path: Path) -> None:
    delivery = Delivery(make(tmp_path))
    before = sorted(tmp_path.rglob("*"))
    assert delivery.files() == ["a.csv", "b.csv"]
    delivery.require(["a.csv", "b.csv"])
    for name, content in FILES.items():
        assert name in delivery
        assert delivery.size(name) == len(content)
        assert delivery.sha256(name) == hashlib.sha256(content).hexdigest()
        with delivery.open(name, delivery.sha256(name)) as stream:
            assert list(stream) == content.splitlines(keepends=True)
    assert sorted(tmp_path.rglob("*")) == before, "nothing is unpacked to disk"


def told(at: Path, **digests: str) -> None:
    files = [{"name": f"{name}.csv", "sha256": digest} for name, digest in digests.items()]
    (at / MANIFEST).write_text(json.dumps({"files": files}))


def test_a_folder_is_whole_if_its_files_are_those_that_the_uploader_sent(tmp_path: Path) -> None:
    at = folder(tmp_path / "in")
    Delivery(at).require_whole(FILES)
    a, b = (hashlib.sha256(content).hexdigest() for content in FILES.values())
    told(at, a=a, b=b)
    Delivery(at).require_whole(FILES)
    for digests in ({"a": a, "b": a}, {"a": a}):
        told(at, **digests)
        with pytest.raises(LakehouseError, match=r"^b\.csv in .* is not what delivery\.json says"):
            Delivery(at).require_whole(FILES)
    (at / MANIFEST).write_text('{"files": [')
    with pytest.raises(LakehouseError, match=r"is not what delivery\.json says"):
        Delivery(at).require_whole(FILES)


def test_a_folder_that_is_being_filled_is_not_whole(tmp_path: Path) -> None:
    at = folder(tmp_path / "in")
    (at / UNDER_WAY).touch()
    with pytest.raises(LakehouseError, match="is being filled"):
        Delivery(at).require_whole(FILES)


def test_files_in_sub_folders_of_a_folder_do_not_count(tmp_path: Path) -> None:
    folder(tmp_path / "sub")
    (tmp_path / "c.csv").touch()
    assert Delivery(tmp_path).files() == ["c.csv"]


def test_a_file_that_changes_between_two_readings_is_noticed(tmp_path: Path) -> None:
    delivery = Delivery(folder(tmp_path / "in"))
    digest = delivery.sha256("a.csv")
    (tmp_path / "in" / "a.csv").write_bytes(b"x,y\n1,3\n")
    with (
        pytest.raises(LakehouseError, match=r"a\.csv in .* changed while it was read"),
        delivery.open("a.csv", digest) as stream,
    ):
        stream.read()


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    delivery = Delivery(folder(tmp_path / "in"))
    (tmp_path / "in" / "a.csv").unlink()
    with pytest.raises(LakehouseError, match=r"a\.csv in .* cannot be read: No such file"):
        delivery.sha256("a.csv")


def test_errors_of_the_reader_are_not_blamed_on_the_delivery(tmp_path: Path) -> None:
    for delivery in (Delivery(folder(tmp_path / "in")), Delivery(archive(tmp_path / "in.zip"))):
        for error in (PermissionError("elsewhere"), EOFError("elsewhere"), ValueError("elsewhere")):
            with pytest.raises(type(error), match=r"^elsewhere$"), delivery.open("a.csv"):
                raise error


# --- what is wrong, and how to mend it


def not_a_zip(tmp: Path) -> Path:
    (tmp / "in.zip").write_bytes(FILES["b.csv"])
    return tmp / "in.zip"


def empty_file(tmp: Path) -> Path:
    (tmp / "in.zip").touch()
    return tmp / "in.zip"


def pipe(tmp: Path) -> Path:
    os.mkfifo(tmp / "pipe")
    return tmp / "pipe"


def folder_for_file(tmp: Path) -> Path:
    (folder(tmp / "in") / "a.csv").unlink()
    (tmp / "in" / "a.csv").mkdir()
    return tmp / "in"


def folder_for_file_in_a_zip(tmp: Path) -> Path:
    with zipfile.ZipFile(tmp / "in.zip", "w") as file:
        file.writestr("a.csv/", b"")
        file.writestr("b.csv", b"")
    return tmp / "in.zip"


def the_same_name_twice(tmp: Path) -> Path:
    with zipfile.ZipFile(archive(tmp / "in.zip"), "a") as file:
        file.writestr("old/a.csv", b"x\n")
    return tmp / "in.zip"


def without_files(tmp: Path) -> Path:
    with zipfile.ZipFile(tmp / "in.zip", "w") as file:
        file.writestr("readme.txt", b"hello")
    return tmp / "in.zip"


def unzipped_one_level_too_deep(tmp: Path) -> Path:
    (tmp / "in").mkdir()
    folder(tmp / "in" / "archive")
    return tmp / "in"


def header_field(tmp: Path, offset: int, value: int) -> Path:
    """Write a two-byte field into the headers of all members, at the same place in both kinds of header."""
    path = archive(tmp / "in.zip")
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\3\4", offset), (b"PK\1\2", offset + 2)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            struct.pack_into("<H", content, start + at, value)
    path.write_bytes(content)
    return path


def locked(tmp: Path) -> Path:
    return header_field(tmp, offset=6, value=1)


def unknown_compression(tmp: Path) -> Path:
    return header_field(tmp, offset=8, value=99)


def one_byte_changed(tmp: Path) -> Path:
    path = archive(tmp / "in.zip", compression=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"0123456789abcdef")] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "what", "mend"),
    [
        (lambda tmp: tmp / "nowhere", "There is nothing at .*nowhere", "a folder or a zip that holds the files"),
        (not_a_zip, r"in\.zip is not a whole zip archive: .*not a zip file", "Download it again"),
        (empty_file, r"in\.zip is not a whole zip archive", "Download it again"),
        (pipe, "pipe is neither a folder nor a file", "Give --path a folder or a zip"),
        (folder_for_file, r"a\.csv in .* is a folder, not a file", "Put the file itself in its place"),
        (folder_for_file_in_a_zip, r"a\.csv in .* is a folder, not a file", "Put the file itself in its place"),
        (the_same_name_twice, r"holds a\.csv more than once: a\.csv, old/a\.csv", "Leave only the one"),
        (without_files, r"in\.zip lacks a\.csv, b\.csv; it holds readme\.txt", "under their original names"),
        (unzipped_one_level_too_deep, r"in lacks a\.csv, b\.csv; it holds archive/", "under their original names"),
        (locked, r"a\.csv in .*in\.zip cannot be unpacked: .*password", "Unpack it and give --path the folder"),
        (unknown_compression, r"a\.csv in .*in\.zip cannot be unpacked", "Unpack it and give --path the folder"),
        (one_byte_changed, r"not a whole zip archive: reading b\.csv failed \(Bad CRC", "Download it again"),
    ],
)
def test_what_cannot_be_used_is_explained(make: Callable[[Path], Path], what: str, mend: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(LakehouseError, match=what) as caught:
        read_all(path)
    assert mend in caught.value.mend


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_zip_that_was_cut_short_is_named(share: float, tmp_path: Path) -> None:
    path = archive(tmp_path / "in.zip")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(LakehouseError, match=r"in\.zip is not a whole zip archive") as caught:
        read_all(path)
    assert "Download it again" in caught.value.mend


def test_every_damage_to_the_end_of_a_zip_is_an_explained_error_or_none(tmp_path: Path) -> None:
    """The directory at the end of the archive, byte by byte."""
    whole = archive(tmp_path / "whole.zip").read_bytes()
    start = whole.index(b"PK\1\2")
    failed = 0
    for at in range(start, len(whole)):
        path = tmp_path / "in.zip"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read_all(path)
        except LakehouseError:
            failed += 1
    assert failed > 40


def read_all(path: Path) -> None:
    delivery = Delivery(path)
    delivery.require(FILES)
    for name in FILES:
        assert delivery.sha256(name) == hashlib.sha256(FILES[name]).hexdigest()

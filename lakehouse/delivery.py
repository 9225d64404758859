"""A delivery: a folder or a zip with landing files, opened as byte streams."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 1 << 18
MANIFEST = "delivery.json"
"""What an uploader says last of a folder: which files it holds, and their digests."""
UNDER_WAY = "delivery.under_way"
"""Is in a folder while an uploader fills it."""


class Delivery:
    """The landing files under a path, whether that is a folder or a zip.

    Args:
        path: a folder, whose own files count, or a zip archive, whose files are found by name at any depth.

    Raises:
        LakehouseError: no such path, it may not be read, or it is not a readable zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, list[str]] = {}
        self._folders: set[str] = set()
        with _reading(path):
            if not path.exists():
                raise LakehouseError(
                    f"There is nothing at {path}.",
                    "Give --path a folder or a zip that holds the files; Olist's archive comes from Kaggle "
                    "(olistbr/brazilian-ecommerce).",
                )
            if path.is_dir():
                for entry in path.iterdir():
                    self._add(entry.name, str(entry), entry.is_dir())
            elif path.is_file():
                with zipfile.ZipFile(path) as archive:
                    for info in archive.infolist():
                        # Some programs on Windows write the names of their members with its own separator.
                        name = PurePosixPath(info.filename.replace("\\", "/")).name
                        self._add(name, info.filename, info.is_dir())
            else:
                raise LakehouseError(f"{path} is neither a folder nor a file.", "Give --path a folder or a zip.")

    def _add(self, name: str, member: str, is_folder: bool) -> None:
        if is_folder:
            self._folders.add(name)
        else:
            self._members.setdefault(name, []).append(member)

    def __contains__(self, file: str) -> bool:
        return file in self._members

    def files(self) -> list[str]:
        """The names of all files in the delivery, sorted."""
        return sorted(self._members)

    def require(self, files: Iterable[str]) -> None:
        """Make sure that the delivery holds each of the files, once.

        Raises:
            LakehouseError: one is missing, is a folder, or is there twice; the message says what is there.
        """
        missing = [file for file in files if file not in self]
        folders = [file for file in missing if file in self._folders]
        if folders:
            raise LakehouseError(
                f"{', '.join(folders)} in {self.path} is a folder, not a file.",
                "Put the file itself in its place.",
            )
        if missing:
            found = [*self.files(), *sorted(f"{folder}/" for folder in self._folders)]
            shown = ", ".join(found[:5]) + (" and more" if len(found) > 5 else "")
            raise LakehouseError(
                f"{self.path} lacks {', '.join(missing)}; it holds {shown or 'nothing'}.",
                "Give --path the folder or zip with all the files, under their original names.",
            )
        for file in files:
            if len(self._members[file]) > 1:
                raise LakehouseError(
                    f"{self.path} holds {file} more than once: {', '.join(self._members[file])}.",
                    "Leave only the one to take in.",
                )

    def size(self, file: str) -> int:
        """A file's size in bytes, unpacked.

        Raises:
            LakehouseError: as :meth:`open`.
        """
        (member,) = self._members[file]
        with _reading(self.path, file):
            if self.path.is_dir():
                return Path(member).stat().st_size
            with zipfile.ZipFile(self.path) as archive:
                return archive.getinfo(member).file_size

    @contextmanager
    def open(self, file: str, sha256: str | None = None) -> Iterator[io.BufferedReader]:
        """Open a file for reading; nothing is unpacked to disk.

        Args:
            file: its name, one of :meth:`files`.
            sha256: the hex digest that its content must turn out to have by the end of the reading.

        Raises:
            LakehouseError: the archive or the file is damaged, cut short, has changed, or may not be read;
                when opened, or when read from.
        """
        (member,) = self._members[file]
        with ExitStack() as opened:
            with _reading(self.path, file):
                if self.path.is_dir():
                    source: IO[bytes] = opened.enter_context(Path(member).open("rb"))
                else:
                    archive = opened.enter_context(zipfile.ZipFile(self.path))
                    source = opened.enter_context(archive.open(member))
            guarded = _Guarded(source, self.path, file, sha256)
            yield opened.enter_context(io.BufferedReader(guarded, BUFFER_BYTES))

    def require_whole(self, files: Iterable[str]) -> None:
        """Make sure that nobody is uploading, and that the files are those that the uploader sent, if one says so.

        Raises:
            LakehouseError: an upload is under way, or a file is not what ``delivery.json`` says.
        """
        if UNDER_WAY in self:
            raise LakehouseError(
                f"{self.path} is being filled: it holds {UNDER_WAY}.",
                "Wait until the upload has ended; if it was stopped, run it again.",
            )
        if self.path.is_dir() and MANIFEST in self:
            with self.open(MANIFEST) as stream:
                told = _told(stream.read())
            if strange := [file for file in files if self.sha256(file) != told.get(file)]:
                raise LakehouseError(
                    f"{', '.join(strange)} in {self.path} is not what {MANIFEST} says was delivered.",
                    "Upload the delivery again, into a folder that holds nothing else.",
                )

    def sha256(self, file: str) -> str:
        """The hex digest of a file's content, the identity of what was delivered; raises as :meth:`open`."""
        with self.open(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def _told(manifest: bytes) -> dict[str, str]:
    """Digests by the names of files; nothing, if it is no manifest."""
    try:
        return {file["name"]: file["sha256"] for file in json.loads(manifest)["files"]}
    except (ValueError, KeyError, TypeError):
        return {}


class _Guarded(io.RawIOBase):
    """The bytes of a source; what goes wrong in reading them becomes a message that names the file.

    Only the reading is guarded, not what the reader does between two reads: its errors are not the delivery's.
    """

    def __init__(self, source: IO[bytes], path: Path, file: str, sha256: str | None) -> None:
        self._source = source
        self._path = path
        self._file = file
        self._expected = sha256
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        with _reading(self._path, self._file):
            chunk = self._source.read(len(view))
        if self._expected:
            self._digest.update(chunk)
            if not chunk and self._digest.hexdigest() != self._expected:
                raise LakehouseError(
                    f"{self._file} in {self._path} changed while it was read.",
                    "Wait until the delivery is complete, then run the command again.",
                )
        view[: len(chunk)] = chunk
        return len(chunk)


@contextmanager
def _reading(path: Path, file: str = "") -> Iterator[None]:
    where = f"{file} in {path}" if file else f"{path}"
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError) as error:
        raise LakehouseError(
            f"{path} is not a whole zip archive: reading {file or 'it'} failed ({error or 'it ends too soon'}).",
            "Download it again and compare its size with the source.",
        ) from error
    except RuntimeError as error:
        # The module's words for a password and for a compression that it does not know.
        raise LakehouseError(
            f"{where} cannot be unpacked: {error}.", "Unpack it and give --path the folder."
        ) from error
    except OSError as error:
        raise LakehouseError(
            f"{where} cannot be read: {error.strerror or error}.", "Check the file and who may read it."
        ) from error

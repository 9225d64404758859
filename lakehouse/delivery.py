"""A delivery: a folder or a zip with landing files, opened as byte streams."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lakehouse.errors import LakehouseError


class Delivery:
    """The landing files under a path, whether that is a folder or a zip.

    Args:
        path: a folder, or a zip archive; files are found by name at any depth of the archive.

    Raises:
        LakehouseError: no such path, or not a readable zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise LakehouseError(
                f"There is nothing at {path}.",
                "Give --path a folder or a zip that holds the files; Olist's archive comes from Kaggle "
                "(olistbr/brazilian-ecommerce).",
            )
        self._members: dict[str, str] = {}
        if path.is_dir():
            self._members = {file.name: str(file) for file in sorted(path.iterdir()) if file.is_file()}
            return
        with self._reading(path.name), zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                self._members.setdefault(Path(member).name, member)

    def __contains__(self, file: str) -> bool:
        return file in self._members

    def files(self) -> list[str]:
        """The names of all files in the delivery, sorted."""
        return sorted(name for name in self._members if name)

    def size(self, file: str) -> int:
        """A file's size in bytes, unpacked."""
        if self.path.is_dir():
            return Path(self._members[file]).stat().st_size
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self._members[file]).file_size

    @contextmanager
    def open(self, file: str) -> Iterator[IO[bytes]]:
        """Open a file for reading; nothing is unpacked to disk.

        Raises:
            LakehouseError: the archive or the file is damaged, cut short, or may not be read.
        """
        with self._reading(file):
            if self.path.is_dir():
                with Path(self._members[file]).open("rb") as stream:
                    yield stream
            else:
                with zipfile.ZipFile(self.path) as archive, archive.open(self._members[file]) as stream:
                    yield io.BufferedReader(stream)  # type: ignore[arg-type]

    def sha256(self, file: str) -> str:
        """The hex digest of a file's content; the identity of what was delivered."""
        with self.open(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @contextmanager
    def _reading(self, file: str) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise LakehouseError(
                f"{self.path} is not a whole zip archive: reading {file} failed ({error or 'it ends too soon'}).",
                "Download it again and compare its size with the source.",
            ) from error
        except (PermissionError, IsADirectoryError) as error:
            raise LakehouseError(f"{self.path} may not be read: {error.strerror}.") from error

"""The file that a model answers single requests from: arrays by name, and what is to be said of them."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SUFFIX = ".npz"
ONLINE = "online" + SUFFIX
"""The file in the folder of a registered model."""
_ABOUT = "about.json"

Arrays = Mapping[str, npt.NDArray[Any]]


class Online(NamedTuple):
    """Attributes:
    about: what is to be said of them; JSON.
    arrays: by name; none of objects.
    """

    about: Mapping[str, Any]
    arrays: Arrays

    def saying(self, **more: Any) -> Online:
        """The same arrays with more said of them."""
        return self._replace(about={**self.about, **more})


def write(path: Path, online: Online) -> None:
    """Write a file; who reads at the same time sees the old one or the new one. The same arrays give the same bytes.

    Raises:
        OSError: it cannot be written.
        ValueError: an array holds objects.
    """
    write_together({path: online})


def write_together(files: Mapping[Path, Online]) -> None:
    """Write files as :func:`write` does, and move none into place before all of them are whole.

    What a process that was killed left beside them is overwritten; so one process at a time may write to a folder.

    Raises:
        OSError: one cannot be written.
        ValueError: an array holds objects.
    """
    with ExitStack() as stack:
        written = {path: path.with_name(f".{path.name}.new") for path in files}
        for path, online in files.items():
            about = np.frombuffer(json.dumps(online.about, sort_keys=True).encode(), dtype=np.uint8)
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.callback(written[path].unlink, missing_ok=True)
            with written[path].open("wb") as stream:
                np.savez(stream, allow_pickle=False, **{_ABOUT: about, **online.arrays})
        for path, new in written.items():
            new.replace(path)


def read(path: Path) -> Online:
    """Read what :func:`write` wrote.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged, or was not written by :func:`write`.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return Online(json.loads(arrays.pop(_ABOUT).tobytes()), arrays)
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged, or something else: {error}") from error


def text(values: Iterable[str]) -> npt.NDArray[np.str_]:
    """Text as an array that needs no pickle."""
    return np.array(list(values), dtype=np.str_)


def coded(values: Iterable[str | None]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.str_]]:
    """Text that repeats: the number of each value, -1 for none, and the values."""
    numbers: dict[str, int] = {}
    codes = [-1 if value is None else numbers.setdefault(value, len(numbers)) for value in values]
    return np.array(codes, dtype=np.int32), text(numbers)


def within(prefix: str, arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    """The arrays whose name begins so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}

"""What a disk refuses, in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lakehouse.errors import disk_error

FOLDER = Path("/a/folder")


def refused(number: int, file: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), file)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (refused(errno.EROFS), "/a/folder cannot be written: read-only file system."),
        (refused(errno.EROFS, "/a/folder"), "/a/folder cannot be written: read-only file system."),
        (refused(errno.EACCES, "/a/folder/b"), "/a/folder cannot be written: permission denied at /a/folder/b."),
        (refused(errno.ENOSPC, "/a/folder/b"), "There is no space left on the disk that holds /a/folder."),
        (RuntimeError("Generic error: StorageFull"), "There is no space left on the disk that holds /a/folder."),
    ],
)
def test_what_a_disk_refuses_is_said_with_the_place(error: Exception, what: str) -> None:
    wrapped = ValueError("a library's own words")
    wrapped.__cause__ = error
    for one in (error, wrapped):
        said = disk_error(one, FOLDER)
        assert said is not None
        assert said.what == what
        assert "point LAKEHOUSE_WAREHOUSE at another" in said.mend


def test_anything_else_is_not_explained_so() -> None:
    assert disk_error(KeyError("a"), FOLDER) is None

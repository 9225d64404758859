"""The errors a user can cause and mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The Delta writer and the engines pass the operating system's message on as text, without its number.
FULL = ("no space left on device", "storagefull", "os error 28", "disk quota exceeded", "database or disk is full")
UNWRITABLE = ("permission denied", "operation not permitted", "read-only file system", "not a directory")


class LakehouseError(Exception):
    """Something the user can put right.

    The command line prints ``what`` and ``mend`` without a stack trace and leaves with ``exit_code``.

    Args:
        what: what is wrong and where, one sentence.
        mend: how to put it right, one sentence; empty if ``what`` says it.
    """

    exit_code = 1

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(f"{what} {mend}".strip())
        self.what = what
        self.mend = mend


ANOTHER_WAREHOUSE = "point LAKEHOUSE_WAREHOUSE at another"


def disk_full(where: object, elsewhere: str = ANOTHER_WAREHOUSE) -> LakehouseError:
    """The one message for a full disk, whichever library met it first."""
    return LakehouseError(
        f"There is no space left on the disk that holds {where}.",
        f"Free some space, or {elsewhere} disk, then run the command again.",
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error``, or anything that it was raised from, is a full disk or a used-up quota."""
    return any(word in text for text in _texts(error) for word in FULL)


def disk_error(error: BaseException, folder: Path, elsewhere: str = ANOTHER_WAREHOUSE) -> LakehouseError | None:
    """The message for what a disk has refused; None if ``error`` is about something else.

    Args:
        error: what was caught; what it was raised from is looked at too.
        folder: what was written to.
        elsewhere: how to have it written to another disk or folder, up to that word.
    """
    if is_disk_full(error):
        return disk_full(folder, elsewhere)
    reason = next((word for text in _texts(error) for word in UNWRITABLE if word in text), None)
    if reason is None:
        return None
    named = next((one.filename for one in _causes(error) if isinstance(one, OSError) and one.filename), None)
    at = f" at {named}" if named and str(named) != str(folder) else ""
    return LakehouseError(
        f"{folder} cannot be written: {reason}{at}.", f"Give yourself write access, or {elsewhere} folder."
    )


@contextmanager
def disk_errors_explained(folder: Path, elsewhere: str = ANOTHER_WAREHOUSE) -> Iterator[None]:
    """Turn what a disk refuses inside the block into a message about ``folder``; both as of :func:`disk_error`.

    Raises:
        LakehouseError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except LakehouseError:
        raise
    except Exception as error:
        explained = disk_error(error, folder, elsewhere)
        if explained is None:
            raise
        raise explained from error


def _texts(error: BaseException) -> Iterator[str]:
    return (str(one).lower() for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it was raised from, one after the other."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""The errors a user can cause and mend."""

from __future__ import annotations


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


def disk_full(where: object) -> LakehouseError:
    """The one message for a full disk, whichever library met it first."""
    return LakehouseError(
        f"There is no space left on the disk that holds {where}.",
        "Free some space or point LAKEHOUSE_WAREHOUSE at another disk, then run the command again.",
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error``, or anything that it was raised from, is a full disk.

    The engines pass the operating system's message on as text, without its error number.
    """
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen).lower()
        if "no space left on device" in text or "storagefull" in text or "os error 28" in text:
            return True
        seen = seen.__cause__ or seen.__context__
    return False

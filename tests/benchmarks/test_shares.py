"""Where the time of a run goes: the functions that are watched, and whom time belongs to."""

from __future__ import annotations

import importlib
from functools import reduce

import pytest

from benchmarks.shares import REST, SHARES, Clock


@pytest.mark.parametrize("share", SHARES)
def test_what_is_watched_is_a_function_of_the_program(share: str) -> None:
    module, name = SHARES[share]
    assert callable(reduce(getattr, name.split("."), importlib.import_module(module)))


def test_each_moment_belongs_to_the_innermost_share() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="a fault"):
        clock._watched("outer", lambda: clock._watched("inner", failing)())()
    clock._book()
    assert list(clock.spent) == [REST, "outer", "inner"]
    assert all(seconds >= 0 for share in clock.spent.values() for seconds in share)
    assert clock._open == [REST]


def failing() -> None:
    raise ValueError("a fault")

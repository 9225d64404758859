"""What a check is: an expectation about a measurement, with why it is there and how much hangs on it.

A suite asks its table one question, in SQL: the measurement, one row a key, or one row in all. Great Expectations
judges that small frame, so a table is read once however many checks it has, and what a check saw is a number that can
be stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from great_expectations.expectations import Expectation


class Dimension(StrEnum):
    """What a check is about."""

    COMPLETENESS = "completeness"
    VALIDITY = "validity"
    UNIQUENESS = "uniqueness"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"
    DISTRIBUTION = "distribution"


class Severity(StrEnum):
    """What a failure means: a critical one stops the load, a warning is counted."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, eq=False)
class Check:
    """One expectation about a suite's measurement.

    Attributes:
        name: the failure that it catches, in snake case; unique within its layer.
        dimension: what it is about.
        severity: what a failure means.
        why: a sentence: what went wrong, or would, without it.
        expectation: about a column of the measurement, or about one with the ending ``_before``, ``_ratio`` or
            ``_change`` (see :class:`Suite`).
        sample: SQL that lists keys of offending rows, run after a failure only and cut at twenty rows; empty where
            the keys of the measurement say it.
    """

    name: str
    dimension: Dimension
    severity: Severity
    why: str
    expectation: Expectation
    sample: str = ""


@dataclass(frozen=True)
class Suite:
    """The checks of one table.

    Attributes:
        layer: ``bronze``, ``silver``, ``gold``, ``ml`` or ``marts``: after which step it runs.
        table: the table that it is about, without its schema.
        owner: who is told.
        measure: SQL over the tables of the warehouse, in the dialect of the models, that gives the measurement:
            numbers (ints, doubles, decimals), and at most one text column, named ``key``. Without it, one row.
            Beside each number ``x`` the runner puts ``x_before``, the median of ``x`` over those of the last eight
            accepted runs that had the key, and ``x_ratio``, ``x`` over that; both null where there is none, and the
            ratio where it is 0. A key of the last accepted run that is gone has a row with 0 in every number.
            ``x_change`` is ``x`` less what it was in the last accepted run, null for a key that is new. A check of
            a number that is null in every row is unknown, and stops nothing.
        checks: at least one.
        name: of the suite, where a table has several; its table otherwise.
    """

    layer: str
    table: str
    owner: str
    measure: str
    checks: tuple[Check, ...]
    name: str = ""

    @property
    def title(self) -> str:
        """What to call it; unique within its layer."""
        return self.name or self.table

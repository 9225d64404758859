"""The guard sees a slow model, and leaves others in peace."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import floor, guard
from benchmarks.floor import Statement, Timed
from benchmarks.guard import Measured

SLOW = """
select table_itself.*
from ({query}) as table_itself
cross join (
    select max(md5(cast(left_side.number * right_side.number as string))) as needless
    from (select explode(sequence(1, 2500)) as number) as left_side
    cross join (select explode(sequence(1, 2500)) as number) as right_side
) as join_for_nothing
where needless != ''
"""


def timed(table: str, cpu_seconds: float) -> Timed:
    return Timed(table, cpu_seconds, cpu_seconds, 1)


def test_a_model_that_is_slow_on_purpose_is_named(
    shop_warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        guard, "NOTICED", 0.15
    )  # a join that takes long enough to be noticed by all takes long here too
    script = floor.statements(shop_warehouse.parent / "dbt_target")
    (quick,) = (statement for statement in script if statement.table == "silver.stg_sellers")
    slow = Statement(quick.table, SLOW.format(query=quick.query))
    before = guard.measure([quick], shop_warehouse, tmp_path / "before", tries=2)
    accepted = {quick.table: before.ours[0].cpu_seconds / before.yardstick}
    assert guard.too_slow(before, accepted) == []
    after = guard.measure([slow], shop_warehouse, tmp_path / "after", tries=1)
    assert any("silver.stg_sellers" in said and "last accepted" in said for said in guard.too_slow(after, accepted))


@pytest.mark.parametrize(
    ("ours", "theirs", "accepted", "said"),
    [
        (1.0, 0.5, 0.5, []),
        (2.0, 0.5, 1.0, ["All models together took 4.0 times as long as on DuckDB; 3 are allowed."]),
        (1.5, 1.0, 0.5, ["gold.a took 3.0 times as long as when it was last accepted"]),
        (0.4, 0.01, 0.01, []),
    ],
    ids=["within", "all together", "longer than accepted", "too quick to judge"],
)
def test_limits(ours: float, theirs: float, accepted: float, said: list[str]) -> None:
    found = guard.too_slow(Measured(1.0, [timed("gold.a", ours)], [timed("gold.a", theirs)]), {"gold.a": accepted})
    assert len(found) == len(said)
    assert all(sentence.startswith(start) for sentence, start in zip(found, said, strict=True))


def test_a_model_that_our_engine_is_slow_with_is_named() -> None:
    ours, theirs = [timed("gold.a", 7.0), timed("gold.b", 20.0)], [timed("gold.a", 1.0), timed("gold.b", 20.0)]
    (said,) = guard.too_slow(Measured(1.0, ours, theirs), {})
    assert said.startswith("gold.a took 7.0 times as long as on DuckDB")


def test_a_model_that_was_never_accepted_is_judged_by_the_floor_alone() -> None:
    assert guard.too_slow(Measured(1.0, [timed("gold.new", 5.0)], [timed("gold.new", 4.0)]), {}) == []

"""The pure parts of the mutation check: what its operators change, which mutants it draws, and how it counts."""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants import operators_python, operators_sql
from tests.mutants.fault import (
    MACRO,
    OPERATORS,
    SHOWN,
    Fault,
    Mutant,
    kind_of_column,
    next_of_kind,
    placed,
    shortened,
)
from tests.mutants.run import Report, Tried, by_operator, equivalents, is_selected, write
from tests.mutants.sample import ordered
from tests.mutants.worker import CAUGHT, STILLBORN, SURVIVED, Outcome

SQL = {
    "constant": ("select a * 3 as b, 'x' as c, true as d from t", ["a * 4 AS b", "'x?' AS c", "FALSE AS d"]),
    "comparison": (
        "select a < 1 as b, c = d as e from t where f is not null",
        ["a <= 1 AS b", "c <> d AS e", "f IS NULL"],
    ),
    "join kind": (
        "select 1 from t left join u on t.a = u.a inner join v on t.a = v.a cross join w",
        ["INNER JOIN u ON t.a = u.a", "LEFT JOIN v ON t.a = v.a"],
    ),
    "dropped filter": ("select 1 from t where a and b < 2 union all select 2 from u where c", ["", "", ""]),
    "dropped branch": (
        "select case when a then 1 when b then 2 end as c from t",
        ["CASE WHEN b THEN 2 END AS c", "CASE WHEN a THEN 1 END AS c"],
    ),
    "dropped distinct": (
        "select distinct a, count(distinct b) as n from t",
        ["SELECT a, COUNT(DISTINCT b) AS n FROM t", "COUNT(b) AS n"],
    ),
    "dropped tie-breaker": (
        "select row_number() over (partition by a order by b desc, c) as n from t",
        ["ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC) AS n"],
    ),
    "sort order": ("select lag(a) over (order by b desc) as c from t", ["LAG(a) OVER (ORDER BY b ASC) AS c"]),
    "swapped column": (
        "select t.paid_at, t.price, t.sent_at, u.left_at from t cross join u",
        ["t.sent_at AS paid_at", "t.paid_at AS sent_at"],
    ),
    "aggregate function": (
        "select sum(a) as b, min(c) as d, count(*) as e, count(f) as g from t",
        ["MAX(a) AS b", "MAX(c) AS d", "MAX(1) AS e", "COUNT(*) AS g"],
    ),
    "date boundary": (
        "select cast(date_trunc('week', a) as date) as b from t where paid_at >= date '2018-01-31' - interval 7 days",
        [
            "CAST(DATE_TRUNC('MONTH', a) AS DATE) AS b",
            "paid_at > CAST('<day>' AS DATE) - INTERVAL '7' DAYS",
            "paid_at >= CAST('<day>' AS DATE) + INTERVAL '7' DAYS",
            "paid_at >= CAST('<day>' AS DATE) - INTERVAL '7' DAYS a day later",
            "paid_at >= CAST('<day>' AS DATE) - INTERVAL '8' DAYS",
        ],
    ),
    "coalesce": (
        "select coalesce(a, 0) as b, coalesce(c, d, false) as e from t",
        ["a AS b", "COALESCE(a, 1) AS b", "c AS e", "COALESCE(c, FALSE) AS e", "COALESCE(c, d) AS e"]
        + ["COALESCE(c, d, TRUE) AS e"],
    ),
    "status list": ("select a not in ('x', 'y') as b from t", ["NOT a IN ('y') AS b", "NOT a IN ('x') AS b"]),
    "logic": ("select 1 from t where a or not b", ["a AND NOT b", "b"]),
    "arithmetic": ("select a + b as c, a / b as d from t", ["a - b AS c", "a * b AS d"]),
}

PYTHON = {
    "constant": (
        "x = frame[frame['a'] == 'b'].head(5)",
        ["x = frame[frame['a'] == 'b?'].head(5)", "x = frame[frame['a'] == 'b'].head(6)"],
    ),
    "comparison": ("x = F.size('p') > n", ["x = F.size('p') >= n"]),
    "join kind": (
        "x = a.join(b, 'k')\ny = a.join(b, 'k', 'left')\nz = pd.merge(a, b, how='inner')",
        ["x = a.join(b, 'k', how='left')", "y = a.join(b, 'k', 'inner')", "z = pd.merge(a, b, how='left')"],
    ),
    "dropped filter": (
        "x = a.where('b and c').d\ny = [e for e in f if e]",
        ["x = a.d", "x = a.where('c').d", "x = a.where('b').d", "y = [e for e in f]"],
    ),
    "dropped distinct": ("x = a.distinct()\ny = set(b)", ["x = a", "y = list(b)"]),
    "dropped tie-breaker": (
        "x = w.orderBy('a', 'b')\ny = p.sort_values(['a', 'b'])",
        ["x = w.orderBy('a')", "y = p.sort_values(['a'])"],
    ),
    "sort order": (
        "x = F.col('a').desc()\ny = p.sort_values('a', ascending=False)",
        ["x = F.col('a').asc()"] + ["y = p.sort_values('a', ascending=True)"],
    ),
    "swapped column": (
        "x = F.col('paid_at')\ny = F.sum('price')\nz = F.max('sent_at')",
        ["x = F.col('sent_at')", "z = F.max('paid_at')"],
    ),
    "aggregate function": (
        "x = F.sum('a')\ny = F.count('*')\nz = max(b)",
        ["x = F.max('a')", "y = F.max(F.lit(1))", "z = min(b)"],
    ),
    "date boundary": (
        "x = frame['paid_at'] < cutoff\ny = cutoff + timedelta(days=7)",
        ["x = frame['paid_at'] <= cutoff", "y = cutoff - timedelta(days=7)", "y = cutoff + timedelta(days=8)"],
    ),
    "coalesce": ("x = F.coalesce(a, b)\ny = c.fillna(d)\nz = e.get(f, g)", ["x = a", "y = c", "z = e.get(f)"]),
    "status list": (
        "x = a.isin('b', 'c')\ny = d in ('e', 'f')",
        ["x = a.isin('c')", "x = a.isin('b')"] + ["y = d in ('f',)", "y = d in ('e',)"],
    ),
    "logic": ("x = a and not b\ny = c & d", ["x = a or not b", "x = a and b", "y = c | d"]),
    "arithmetic": ("x = a + b\ny = a / b", ["x = a - b", "y = a * b"]),
}


def test_every_operator_has_an_example() -> None:
    assert tuple(SQL) == OPERATORS
    assert [*PYTHON, "dropped branch"] == [*(name for name in OPERATORS if name in PYTHON), "dropped branch"]


@pytest.mark.parametrize("operator", SQL)
def test_what_an_operator_makes_of_sql(operator: str) -> None:
    sql, expected = SQL[operator]
    found = [fault for fault in operators_sql.faults(sql) if fault.operator == operator]
    assert sorted(fault.after for fault in found) == sorted(expected)


@pytest.mark.parametrize("operator", PYTHON)
def test_what_an_operator_makes_of_python(operator: str) -> None:
    source, expected = PYTHON[operator]
    planted = [
        operators_python.plant(source, fault)
        for fault in operators_python.faults(source)
        if fault.operator == operator
    ]
    lines = ast.unparse(ast.parse(source)).splitlines()
    assert sorted(line for one in planted for line in (one or "").splitlines() if line not in lines) == sorted(
        expected
    )


@pytest.mark.parametrize("sql", [sql for sql, _ in SQL.values()])
def test_a_planted_fault_changes_the_query_and_can_be_parsed(sql: str) -> None:
    printed = operators_sql.text(operators_sql.parse(sql))
    planted = [operators_sql.plant(sql, fault) for fault in operators_sql.faults(sql)]
    assert None not in planted
    assert printed not in planted
    assert len(set(planted)) == len(planted)
    for one in planted:
        operators_sql.parse(str(one))


@pytest.mark.parametrize("source", [source for source, _ in PYTHON.values()])
def test_a_planted_fault_changes_the_module_and_compiles(source: str) -> None:
    printed = ast.unparse(ast.parse(source)) + "\n"
    planted = [operators_python.plant(source, fault) for fault in operators_python.faults(source)]
    assert None not in planted
    assert printed not in planted
    assert len(set(planted)) == len(planted)
    for one in planted:
        compile(str(one), "planted", "exec")


def test_a_fault_without_its_place_is_not_planted() -> None:
    assert operators_sql.plant("select a from t", Fault("constant", "select", "1", "2")) is None
    assert operators_python.plant("x = a", Fault("constant", "module", "1", "2")) is None


def test_a_fault_is_the_same_wherever_a_model_is_rendered() -> None:
    sql = "with o as (select * from {} where (purchased_at >= timestamp '{} 00:00:00'{}) or is_new) select * from o"
    of_a_build = operators_sql.faults(sql.format("silver.orders", "2018-04-10", ""))
    of_a_unit_test = operators_sql.faults(sql.format("__dbt__cte__orders", "2020-12-31", ""))
    assert of_a_build == of_a_unit_test
    again = " or (purchased_at >= timestamp '2017-01-01 00:00:00' and purchased_at < timestamp '2017-02-01 00:00:00')"
    of_a_backfill = operators_sql.faults(sql.format("silver.orders", "2018-04-10", again))
    assert set(of_a_build) < set(of_a_backfill)
    later = next(fault for fault in of_a_build if fault.after.endswith("a day later"))
    planted = operators_sql.plant(sql.format("silver.orders", "2018-12-31", ""), later)
    assert planted is not None
    assert "'2019-01-01 00:00:00'" in planted


def test_a_fault_survives_edits_elsewhere_and_tells_its_like_apart() -> None:
    sql = "with v as (select case when a < 5 then 'low' end as c from u) select * from v"
    fault = next(fault for fault in operators_sql.faults(sql) if fault.operator == "comparison")
    assert fault == Fault(
        "comparison", "v.c", "CASE WHEN a < 5 THEN 'low' END AS c", "CASE WHEN a <= 5 THEN 'low' END AS c"
    )
    long = "select case when a < 5 then 'low' {} end as c from t"
    many = " ".join(f"when a < {number} then 'under {number}'" for number in range(6, 12))
    more = many + " when a < 12 then 'under 12'"
    before, after = (
        [fault for fault in operators_sql.faults(long.format(branches)) if fault.operator == "comparison"]
        for branches in (many, more)
    )
    assert set(before) < set(after)
    twice = [fault for fault in operators_sql.faults("select 1 from t where a < 5 or a < 5") if "<=" in fault.after]
    assert [fault.number for fault in twice] == [1, 2]


def test_text_in_python_is_faulted_as_sql_only_where_it_is_sql() -> None:
    source = (
        "x = frame.where('is_open and paid_at <= day').select('is_open')\ny = dbt.ref('orders')\n'''A docstring.'''"
    )
    found = operators_python.faults(source)
    assert {fault.operator for fault in found} == {"dropped filter", "date boundary", "logic"}
    assert not any("orders" in fault.before for fault in found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("purchased_at", "moment"),
        ("week_start", "moment"),
        ("order_id", "key"),
        ("is_bot", "truth"),
        ("price", "number"),
    ]
    + [("city", "text"), ("address_number", "key"), ("cart_value", "number"), ("broken_rule", "text")],
)
def test_names_say_what_a_column_holds(name: str, kind: str) -> None:
    assert kind_of_column(name) == kind


def test_a_column_is_swapped_with_one_of_its_kind() -> None:
    names = ["city", "order_id", "state", "city"]
    assert next_of_kind("city", names) == "state"
    assert next_of_kind("state", names) == "city"
    assert next_of_kind("order_id", names) is None


def test_a_long_fragment_is_cut_around_the_change() -> None:
    words = [f"word{number}" for number in range(100)]
    before, after = shortened(" ".join(words), " ".join([*words[:50], "other", *words[51:]]))
    assert before == "… word45 word46 word47 word48 word49 word50 word51 word52 word53 word54 word55 …"
    assert after == before.replace("word50", "other")
    assert shortened("a b", "a c") == ("a b", "a c")
    assert len(before) < 2 * SHOWN


def mutants() -> list[Mutant]:
    many = {"large": 90, "middle": 30, "small": 4}
    return [
        Mutant(model, Fault(OPERATORS[number % 7], "select", str(number), "other"))
        for model, count in many.items()
        for number in range(count)
    ]


def test_the_order_holds_each_mutant_once_and_depends_on_the_seed_alone() -> None:
    order = list(ordered(mutants(), 1))
    assert sorted(order) == sorted(mutants())
    assert order == list(ordered(reversed(mutants()), 1))
    assert order != list(ordered(mutants(), 2))
    assert len({mutant.id for mutant in order}) == len(order)


def test_a_sample_represents_models_and_operators() -> None:
    sample = list(ordered(mutants(), 1))[:24]
    by_model = Counter(mutant.model for mutant in sample)
    assert by_model["large"] > by_model["middle"] > by_model["small"] >= 2
    assert by_model["large"] < 90 / 124 * 24
    assert len({mutant.fault.operator for mutant in sample}) == 7


def tried(status: str, equivalent: str = "", operator: str = "constant") -> Tried:
    return Tried(Mutant("m", Fault(operator, "select", "1", "2")), Outcome(status), equivalent)


def report(*some: Tried) -> Report:
    return Report(1, list(some), {}, 100, [])


def test_the_score_counts_what_ran_and_could_be_caught() -> None:
    ten = [tried(CAUGHT)] * 9 + [tried(SURVIVED, operator="logic")]
    at_the_limit = report(*ten, tried(STILLBORN), tried(SURVIVED, "same"))
    assert len(at_the_limit.counted) == 10
    assert at_the_limit.score == pytest.approx(0.9)
    assert at_the_limit.passed
    assert by_operator(at_the_limit) == [("constant", 9, 9), ("logic", 0, 1)]
    assert not report(*ten, tried(SURVIVED)).passed
    assert not report().passed


def test_a_wrong_judgement_fails_the_check() -> None:
    wrong = report(*[tried(CAUGHT)] * 10, tried(CAUGHT, "thought the same"))
    assert wrong.score == 1
    assert len(wrong.misjudged) == 1
    assert not wrong.passed


def test_the_results_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "target" / "mutants.json"
    write(report(tried(CAUGHT), tried(SURVIVED)), path)
    written = json.loads(path.read_text())
    assert (written["score"], written["counted"], len(written["mutants"])) == (0.5, 2, 2)
    assert list(path.parent.iterdir()) == [path]


ENTRY = "- {model: m, operator: constant, where: select*, before: '*1', after: '*2'%s}"


def test_judgements_of_equivalence_have_reasons(tmp_path: Path) -> None:
    assert all(len(judgement.reason) > 20 for judgement in equivalents())
    file = tmp_path / "equivalent.yml"
    for wrong in (
        ENTRY % "",
        ENTRY % ", reason: never read, line: 3",
        ENTRY % ", reason: ''",
        "- {model: m, reason: y}",
    ):
        file.write_text(wrong)
        with pytest.raises(ValueError, match=r"equivalent\.yml"):
            equivalents(file)


def test_a_judgement_covers_what_its_patterns_match(tmp_path: Path) -> None:
    file = tmp_path / "equivalent.yml"
    file.write_text(ENTRY % ", reason: never read")
    (judgement,) = equivalents(file)
    assert judgement.covers(Mutant("m", Fault("constant", "select.a", "a = 1", "a = 2")))
    assert judgement.covers(Mutant("m", Fault("constant", "select", "1", "2", 3)))
    assert not judgement.covers(Mutant("m", Fault("constant", "select", "1", "3")))
    assert not judgement.covers(Mutant("n", Fault("constant", "select", "1", "2")))
    assert not judgement.covers(Mutant("m", Fault("constant", "typed", "1", "2")))


def test_what_a_macro_writes_into_several_models_is_one_mutant() -> None:
    macro = Fault("sort order", "select.rank", "ORDER BY _source_row DESC", "ORDER BY _source_row ASC")
    own = Fault("comparison", "select where", "broken_rule IS NULL", "NOT broken_rule IS NULL")
    sources = {
        "a": "select {{ rank() }} where broken_rule is null",
        "b": "select {{ rank() }} where broken_rule is null",
    }
    places = placed({"a": [macro, own], "b": [macro, own]}, sources)
    assert places == {Mutant(MACRO, macro): ("a", "b"), Mutant("a", own): ("a",), Mutant("b", own): ("b",)}
    assert placed({"a": [macro]}, sources) == {Mutant("a", macro): ("a",)}
    unlike = Fault("swapped column", "select.rank", "ORDER BY _source_row DESC", "ORDER BY seller_id DESC")
    assert placed({"a": [unlike]}, sources) == {}


def test_models_are_selected_by_pattern() -> None:
    assert is_selected(("stg_orders", "orders"), [])
    assert is_selected(("stg_orders", "orders"), ["stg_*"])
    assert not is_selected(("orders",), ["stg_*", "order"])

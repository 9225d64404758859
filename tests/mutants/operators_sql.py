"""Faults of SQL: what a hand could get wrong, made from the parsed query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp

from tests.mutants.fault import SHOWN, Edit, Fault, next_of_kind, numbered, shortened

DIALECT = "spark"
# A model reads tables here and fixtures in a unit test; the days of an increment differ from run to run.
PLACES = re.compile(r"\b(?:bronze|silver|gold)\.|__dbt__cte__(?:bronze__)?")
DAYS = re.compile(r"'20\d\d-\d\d-\d\d(?: \d\d:\d\d:\d\d)?'")
# In a backfill the condition of an increment has a second part: a fragment that holds it whole shows the first.
BACKFILL = re.compile(r"\((\S+ >= CAST\('<day>' AS TIMESTAMP\)) OR \(\1 AND \S+ < CAST\('<day>' AS TIMESTAMP\)\)\)")
MOMENT = re.compile(r"(?:_at|_on|_date|_day|_week|_month|valid_from|valid_to|week_start|moment)$")
# What a fragment does not grow beyond: clauses, and lists of conditions, which change with their neighbours.
CLAUSES = (
    exp.Select,
    exp.SetOperation,
    exp.CTE,
    exp.Subquery,
    exp.With,
    exp.And,
    exp.Or,
    exp.Paren,
    exp.Where,
    exp.From,
)

COMPARISONS: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
}
AGGREGATES: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Sum: exp.Max,
    exp.Max: exp.Min,
    exp.Min: exp.Max,
    exp.Avg: exp.Max,
    exp.ArrayAgg: exp.ArrayUniqueAgg,
    exp.PercentRank: exp.CumeDist,
    exp.Lag: exp.Lead,
    exp.Lead: exp.Lag,
}
ARITHMETIC: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Add: exp.Sub,
    exp.Sub: exp.Add,
    exp.Mul: exp.Div,
    exp.Div: exp.Mul,
}
UNITS = {"WEEK": "MONTH", "MONTH": "WEEK", "DAY": "WEEK", "YEAR": "MONTH", "QUARTER": "MONTH", "HOUR": "DAY"}


def parse(sql: str) -> exp.Expr:
    """A query as a tree without comments."""
    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    for node in tree.walk():
        node.comments = None
    return tree


def text(tree: exp.Expr, pretty: bool = False) -> str:
    """The SQL of a tree."""
    return tree.sql(dialect=DIALECT, pretty=pretty, comments=False)


def faults(sql: str) -> list[Fault]:
    """All faults that the operators find in a query, in the order of its tree."""
    return [fault for fault, _ in _faults(parse(sql))]


def plant(sql: str, fault: Fault) -> str | None:
    """The query with the fault in it; None where it has no such place."""
    tree = parse(sql)
    for found, edit in _faults(tree, fault.operator):
        if found == fault:
            edit.apply()
            return text(tree)
    return None


def _faults(tree: exp.Expr, operator: str | None = None) -> Iterator[tuple[Fault, Edit]]:
    return numbered((_fault(edit), edit) for edit in _edits(tree) if operator is None or edit.operator == operator)


def _shown(tree: exp.Expr) -> str:
    """The SQL of a fragment, the same in all the ways in which a model is rendered."""
    return BACKFILL.sub(r"(\1)", DAYS.sub("'<day>'", PLACES.sub("", text(tree))))


def _fault(edit: Edit) -> Fault:
    child: exp.Expr = edit.child
    if isinstance(child, exp.SetOperation):
        return Fault(edit.operator, _where(child), "UNION", "UNION ALL")
    fragment = child
    while fragment.parent is not None and not isinstance(fragment.parent, CLAUSES):
        if len(_shown(fragment.parent)) > SHOWN and len(_shown(fragment)) > 12:
            break
        fragment = fragment.parent
    holder, key, index = fragment.parent, str(fragment.arg_key), fragment.index
    before = _shown(fragment)
    if edit.gone:
        return Fault(edit.operator, _where(child), *shortened(_shown(child), ""))
    edit.apply()
    if fragment is child and holder is not None:
        value = holder.args.get(key)
        changed = value[index] if isinstance(value, list) and index is not None else value
        after = _shown(changed) if isinstance(changed, exp.Expr) else ""  # a filter that is gone leaves nothing
    else:
        after = _shown(fragment)
    edit.undo()
    if before == after:
        after += " a day later"
    before, after = shortened(before, after)
    return Fault(edit.operator, _where(child), before, after)


def _where(node: exp.Expr) -> str:
    """The CTE of a node, and the column or the clause of its select."""
    cte = node if isinstance(node, exp.CTE) else node.find_ancestor(exp.CTE)
    name = cte.alias if cte is not None else "select"
    part: exp.Expr | None = node
    while part is not None and not isinstance(part.parent, exp.Select):
        part = part.parent
    if part is None or isinstance(node, exp.Query):
        return name
    if isinstance(part, exp.Join):
        return f"{name} join {part.this.alias_or_name}"
    return f"{name}.{part.alias_or_name}" if part.alias_or_name else f"{name} {part.key}"


def _set(operator: str, child: exp.Expr, holder: exp.Expr, key: str, value: Any) -> Edit:
    old = holder.args.get(key)
    return Edit(operator, child, lambda: holder.set(key, value), lambda: holder.set(key, old))


def _swap(operator: str, child: exp.Expr, new: exp.Expr) -> Edit:
    """Put another node in a node's place."""
    holder, key, index = child.parent, child.arg_key, child.index
    assert holder is not None
    assert key is not None
    if index is None:
        return _set(operator, child, holder, key, new)
    items = list(holder.args[key])
    items[index] = new
    return _set(operator, child, holder, key, items)


def _drop(operator: str, child: exp.Expr) -> Edit:
    """Take a node out of the list, or the place, that it is in; the fragment shows what it was in."""
    holder, key, index = child.parent, child.arg_key, child.index
    assert holder is not None
    assert key is not None
    if index is None:
        return _set(operator, child, holder, key, None)
    rest = [item for number, item in enumerate(holder.args[key]) if number != index]
    return _set(operator, holder, holder, key, rest)


def _edits(tree: exp.Expr) -> Iterator[Edit]:
    for node in list(tree.walk(bfs=False)):
        if isinstance(node, exp.Literal | exp.Boolean):
            yield from _constants(node)
        elif type(node) in COMPARISONS:
            yield from _comparisons(node)
        elif isinstance(node, exp.Is):
            if node.arg_key == "partition_by":
                continue  # the same parts, under other names
            negated = node.parent if isinstance(node.parent, exp.Not) else None
            yield _swap("comparison", negated or node, node.copy() if negated else exp.Not(this=node.copy()))
        elif isinstance(node, exp.Between):
            yield from _between(node)
        elif isinstance(node, exp.Join):
            yield from _joins(node)
        elif isinstance(node, exp.Where | exp.Having):
            yield from _filters(node)
        elif isinstance(node, exp.Case):
            if len(node.args["ifs"]) > 1:
                yield from (_drop("dropped branch", branch) for branch in node.args["ifs"])
        elif isinstance(node, exp.Select):
            yield from _selects(node)
        elif isinstance(node, exp.SetOperation):
            if node.args.get("distinct"):
                yield _set("dropped distinct", node, node, "distinct", False)
        elif isinstance(node, exp.Count):
            yield from _counts(node)
        elif type(node) in AGGREGATES:
            yield _aggregate(node)
        elif isinstance(node, exp.Order):
            yield from _orders(node)
        elif isinstance(node, exp.Coalesce):
            yield from _coalesces(node)
        elif isinstance(node, exp.In):
            items = node.args.get("expressions") or []
            if len(items) > 1:
                yield from (_drop("status list", item) for item in items)
        elif isinstance(node, exp.And | exp.Or):
            if node.find_ancestor(exp.Join) is None:
                other = exp.Or if isinstance(node, exp.And) else exp.And
                yield _swap("logic", node, other(this=node.this.copy(), expression=node.expression.copy()))
        elif isinstance(node, exp.Not):
            if not isinstance(node.this, exp.Is):
                yield _swap("logic", node, node.this.copy())
        elif type(node) in ARITHMETIC:
            operator = "date boundary" if node.find(exp.Interval) else "arithmetic"
            yield _swap(operator, node, ARITHMETIC[type(node)](**_copied(node)))
        elif isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
            unit = node.args["unit"]
            if other_unit := UNITS.get(str(unit.this).upper()):
                yield _swap("date boundary", unit, type(unit)(**{**unit.args, "this": other_unit}))


def _copied(node: exp.Expr) -> dict[str, Any]:
    return dict(node.copy().args)


def _constants(node: exp.Expr) -> Iterator[Edit]:
    parent = node.parent
    if isinstance(parent, exp.DataTypeParam | exp.In | exp.ArraySort) or node.arg_key == "format":
        return
    if isinstance(parent, exp.Coalesce):
        return  # its default, which is an operator of its own
    if isinstance(parent, exp.Join):
        return
    if isinstance(node, exp.Boolean):
        yield _swap("constant", node, exp.Boolean(this=not node.this))
    elif isinstance(parent, exp.Interval | exp.TsOrDsAdd | exp.DateAdd | exp.DateSub):
        yield _swap("date boundary", node, exp.Literal(this=_more(str(node.this)), is_string=node.is_string))
    elif not node.is_string:
        yield _swap("constant", node, exp.Literal.number(_more(str(node.this))))
    elif isinstance(parent, exp.Cast) and (day := re.match(r"\d{4}-\d\d-\d\d", str(node.this))):
        given = date.fromisoformat(day[0])
        moved = given + timedelta(days=1 if given.year < 9999 else -1)
        yield _swap("date boundary", node, exp.Literal.string(str(node.this).replace(day[0], moved.isoformat())))
    elif "yyyy" not in str(node.this):
        yield _swap("constant", node, exp.Literal.string(f"{node.this}?"))


def _more(number: str) -> str:
    """One more in the last place: 5 becomes 6, 0.7 becomes 0.8."""
    value = Decimal(number)
    return str(value + Decimal(1).scaleb(min(int(value.as_tuple().exponent), 0)))


def _is_moment(node: exp.Expr) -> bool:
    return (
        any(MOMENT.search(column.name.lower()) for column in node.find_all(exp.Column))
        or node.find(exp.Interval, exp.TsOrDsAdd, exp.DateAdd) is not None
    ) and node.find(exp.Case, exp.DateDiff) is None


def _boundary(node: exp.Expr) -> str:
    return "date boundary" if _is_moment(node) else "comparison"


def _comparisons(node: exp.Expr) -> Iterator[Edit]:
    if isinstance(node, exp.EQ):
        join = node.find_ancestor(exp.Join, exp.Select)
        if (
            isinstance(join, exp.Join)
            and isinstance(node.this, exp.Column)
            and isinstance(node.expression, exp.Column)
        ):
            return  # two tables joined on everything but the key: too coarse to say anything
    operator = "comparison" if isinstance(node, exp.EQ | exp.NEQ) else _boundary(node)
    yield _swap(operator, node, COMPARISONS[type(node)](**_copied(node)))


def _between(node: exp.Between) -> Iterator[Edit]:
    this, low, high = (node.args[key].copy() for key in ("this", "low", "high"))
    wrapped = isinstance(node.parent, exp.Not)
    for lower, upper in ((exp.GTE, exp.LT), (exp.GT, exp.LTE)):
        new: exp.Expr = exp.And(
            this=lower(this=this.copy(), expression=low.copy()),
            expression=upper(this=this.copy(), expression=high.copy()),
        )
        yield _swap(_boundary(node), node, exp.Paren(this=new) if wrapped else new)


def _joins(node: exp.Join) -> Iterator[Edit]:
    if node.args.get("on") is None:
        return
    side = str(node.args.get("side") or "").upper()
    plain = {key: value for key, value in _copied(node).items() if key not in ("side", "kind")}
    yield _swap("join kind", node, exp.Join(**plain, **({"kind": "INNER"} if side == "LEFT" else {"side": "LEFT"})))
    yield from _conjuncts(node, "on")


def _filters(node: exp.Expr) -> Iterator[Edit]:
    if isinstance(node.this, exp.And):
        yield from _conjuncts(node, "this")
    else:
        yield _drop("dropped filter", node)


def _conjuncts(holder: exp.Expr, key: str) -> Iterator[Edit]:
    condition = holder.args[key]
    if not isinstance(condition, exp.And):
        return
    parts = list(condition.flatten(unnest=False))
    for dropped in range(len(parts)):
        rest = [part.copy() for number, part in enumerate(parts) if number != dropped]
        edit = _set("dropped filter", parts[dropped], holder, key, exp.and_(*rest, wrap=False))
        edit.gone = True
        yield edit


def _selects(node: exp.Select) -> Iterator[Edit]:
    if node.args.get("distinct"):
        yield _set("dropped distinct", node, node, "distinct", None)
    columns = [
        column
        for part in (*node.expressions, *filter(None, [node.args.get("where")]))
        for column in part.find_all(exp.Column, bfs=False)
        if column.find_ancestor(exp.Select) is node and not isinstance(column.this, exp.Star)
    ]
    for column in columns:
        siblings = [other.name for other in columns if other.table == column.table]
        if other := next_of_kind(column.name, siblings):
            new: exp.Expr = exp.column(other, table=column.table or None)
            if column.parent is node:  # selected as it is: the name of the result stays
                new = exp.alias_(new, column.name)
            yield _swap("swapped column", column, new)


def _counts(node: exp.Count) -> Iterator[Edit]:
    counted = node.this
    if isinstance(counted, exp.Distinct):
        yield _swap("dropped distinct", node, exp.Count(this=counted.expressions[0].copy(), big_int=True))
    elif isinstance(counted, exp.Star):
        yield _swap("aggregate function", node, exp.Max(this=exp.Literal.number(1)))
    else:
        yield _swap("aggregate function", node, exp.Count(this=exp.Star(), big_int=True))


def _aggregate(node: exp.Expr) -> Edit:
    arguments = _copied(node)
    if isinstance(node, exp.ArrayAgg | exp.RowNumber | exp.PercentRank):
        arguments = {"this": arguments["this"]} if isinstance(node, exp.ArrayAgg) else {}
    return _swap("aggregate function", node, AGGREGATES[type(node)](**arguments))


def _orders(node: exp.Order) -> Iterator[Edit]:
    keys = node.expressions
    if len(keys) > 1:
        yield _drop("dropped tie-breaker", keys[-1])
    for key in keys:
        if isinstance(key, exp.Ordered):
            turned = key.copy()
            turned.set("desc", not key.args.get("desc"))
            turned.set("nulls_first", bool(key.args.get("desc")))
            yield _swap("sort order", key, turned)


def _coalesces(node: exp.Coalesce) -> Iterator[Edit]:
    defaults = node.expressions
    yield _swap("coalesce", node, node.this.copy())
    for number, default in enumerate(defaults):
        if len(defaults) > 1:
            yield _drop("coalesce", default)
        new: exp.Expr | None = None
        if isinstance(default, exp.Boolean):
            new = exp.Boolean(this=not default.this)
        elif isinstance(default, exp.Literal):
            changed = f"{default.this}?" if default.is_string else _more(str(default.this))
            new = exp.Literal(this=changed, is_string=default.is_string)
        if new is not None and number == len(defaults) - 1:
            yield _swap("coalesce", default, new)

"""Faults of Python models: the same operators as for SQL, on the syntax tree of the module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from tests.mutants import operators_sql
from tests.mutants.fault import SHOWN, Edit, Fault, next_of_kind, numbered, shortened

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
}
CONNECTORS: dict[type[ast.operator], type[ast.operator]] = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
AGGREGATES = {
    "sum": "max",
    "max": "min",
    "min": "max",
    "mean": "max",
    "avg": "max",
    "count": "max",
    "count_distinct": "count",
    "countDistinct": "count",
    "row_number": "rank",
    "percent_rank": "cume_dist",
    "lag": "lead",
    "lead": "lag",
    "cumsum": "cummax",
    "median": "max",
    "collect_list": "collect_set",
}
FILTERS = ("where", "filter", "query", "dropna")
DISTINCTS = ("distinct", "drop_duplicates", "dropDuplicates", "unique")
SORTS = ("orderBy", "sort", "sort_values", "sortWithinPartitions")
DIRECTIONS = {"asc": "desc", "desc": "asc", "asc_nulls_last": "desc_nulls_last", "desc_nulls_last": "asc_nulls_last"}
JOINS = {
    "left": "inner",
    "inner": "left",
    "outer": "left",
    "full": "left",
    "left_semi": "left_anti",
    "left_anti": "left_semi",
}
# What the text that a function takes is part of: a condition, or an expression that may have a name.
SQL_TEXT = {
    "where": "SELECT * FROM frame WHERE ",
    "filter": "SELECT * FROM frame WHERE ",
    "expr": "SELECT ",
    "selectExpr": "SELECT ",
}
MOMENT = re.compile(r"(?:_at|_on|_date|_day|_week|_month|moment|timestamp|timedelta|datetime64|cutoff)\b")
NAME = re.compile(r"[a-z_][a-z0-9_]*")


def faults(source: str) -> list[Fault]:
    """All faults that the operators find in a module, in the order of its tree."""
    return [fault for fault, _ in _Module(source).faults()]


def plant(source: str, fault: Fault) -> str | None:
    """The module with the fault in it, without its comments; None where it has no such place."""
    module = _Module(source)
    for found, edit in module.faults(fault.operator):
        if found == fault:
            edit.apply()
            return ast.unparse(ast.fix_missing_locations(module.tree)) + "\n"
    return None


class _Module:
    """A parsed module that knows where each of its nodes is."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self.place: dict[ast.AST, tuple[ast.AST, str, int | None]] = {}
        self.order: list[ast.AST] = []
        self._note(self.tree)
        self.docstrings = {
            node.body[0].value
            for node in self.order
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }

    def _note(self, node: ast.AST) -> None:
        self.order.append(node)
        for field, value in ast.iter_fields(node):
            for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                # Contexts such as Load are one object for all.
                if isinstance(child, ast.AST) and not isinstance(child, ast.expr_context | ast.operator | ast.cmpop):
                    self.place[child] = (node, field, index)
                    self._note(child)

    def faults(self, operator: str | None = None) -> Iterator[tuple[Fault, Edit]]:
        return numbered(
            (self.fault(edit), edit) for edit in self.edits() if operator is None or edit.operator == operator
        )

    def fault(self, edit: Edit) -> Fault:
        fragment: ast.AST = edit.child
        while isinstance(fragment, ast.expr | ast.comprehension | ast.keyword):
            parent = self.place[fragment][0]
            if isinstance(parent, ast.FunctionDef | ast.Module | ast.ClassDef | ast.If | ast.For | ast.While):
                break
            larger = ast.unparse(parent)
            if len(larger) > SHOWN and len(ast.unparse(fragment)) > 12:
                break
            fragment = parent
        holder, field, index = self.place[fragment]
        before = ast.unparse(fragment)
        edit.apply()
        value = getattr(holder, field)
        changed = value[index] if isinstance(value, list) and index is not None and index < len(value) else value
        after = ast.unparse(changed) if isinstance(changed, ast.AST) else ""
        edit.undo()
        before, after = shortened(*(" ".join(code.split()) for code in (before, after)))
        return Fault(edit.operator, self.where(edit.child), before, after)

    def where(self, node: ast.AST) -> str:
        while not isinstance(node, ast.Module):
            if isinstance(node, ast.FunctionDef):
                return node.name
            node = self.place[node][0]
        return "module"

    def function(self, node: ast.AST) -> ast.AST:
        while not isinstance(node, ast.Module | ast.FunctionDef):
            node = self.place[node][0]
        return node

    # --- ways to change the tree

    def set(self, operator: str, child: ast.AST, holder: ast.AST, field: str, value: Any) -> Edit:
        old = getattr(holder, field)
        return Edit(operator, child, lambda: setattr(holder, field, value), lambda: setattr(holder, field, old))

    def swap(self, operator: str, child: ast.AST, new: ast.AST) -> Edit:
        holder, field, index = self.place[child]
        if index is None:
            return self.set(operator, child, holder, field, new)
        items = list(getattr(holder, field))
        items[index] = new
        return self.set(operator, child, holder, field, items)

    def drop(self, operator: str, child: ast.AST) -> Edit:
        holder, field, index = self.place[child]
        rest = [item for number, item in enumerate(getattr(holder, field)) if number != index]
        return self.set(operator, holder, holder, field, rest)

    # --- the operators

    def edits(self) -> Iterator[Edit]:
        for node in self.order:
            if self.is_dbt(node) or node in self.docstrings:
                continue
            if isinstance(node, ast.Constant):
                yield from self.constants(node)
            elif isinstance(node, ast.Compare):
                yield from self.comparisons(node)
            elif isinstance(node, ast.Call):
                yield from self.calls(node)
            elif isinstance(node, ast.comprehension):
                yield from (self.drop("dropped filter", test) for test in node.ifs)
            elif isinstance(node, ast.BoolOp):
                other: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
                yield self.set("logic", node, node, "op", other)
            elif isinstance(node, ast.BinOp):
                if connector := CONNECTORS.get(type(node.op)):
                    yield self.set("logic", node, node, "op", connector())
                elif sign := ARITHMETIC.get(type(node.op)):
                    yield self.set(self.boundary(node, "arithmetic"), node, node, "op", sign())
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
                yield self.swap("logic", node, node.operand)

    def is_dbt(self, node: ast.AST) -> bool:
        """Whether a node is in a call of dbt itself, such as ``dbt.ref("orders")``, or in an import or annotation."""
        while not isinstance(node, ast.stmt | ast.Module):
            if isinstance(node, ast.Call) and re.fullmatch(r"dbt(\.\w+)+", ast.unparse(node.func)):
                return True
            node = self.place[node][0]
        return isinstance(node, ast.Import | ast.ImportFrom)

    def boundary(self, node: ast.AST, otherwise: str) -> str:
        return "date boundary" if MOMENT.search(ast.unparse(node)) else otherwise

    def constants(self, node: ast.Constant) -> Iterator[Edit]:
        parent, field, _ = self.place[node]
        value = node.value
        if isinstance(parent, ast.List | ast.Tuple | ast.Set) and isinstance(value, str):
            return  # an item of a list, or the name of a column
        if isinstance(value, bool):
            in_sort = isinstance(parent, ast.keyword) and parent.arg == "ascending"
            yield self.swap("sort order" if in_sort else "constant", node, ast.Constant(not value))
        elif isinstance(value, int | float):
            around = self.place[parent][0] if isinstance(parent, ast.keyword) else parent
            kind = self.boundary(around, "constant")
            yield self.swap(kind, node, ast.Constant(value + 1 if isinstance(value, int) else round(value * 1.1, 9)))
        elif isinstance(value, str):
            if isinstance(parent, ast.Compare) or (isinstance(parent, ast.Dict) and field == "values"):
                yield self.swap("constant", node, ast.Constant(f"{value}?"))
            if self.is_column(node) and (other := next_of_kind(value, self.columns(node))):
                yield self.swap("swapped column", node, ast.Constant(other))

    def is_column(self, node: ast.Constant) -> bool:
        """Whether a text names a column that is read: in ``F.col``, in an aggregate, or in brackets."""
        parent, field, _ = self.place[node]
        if isinstance(parent, ast.Subscript):
            return isinstance(parent.ctx, ast.Load)
        if not isinstance(parent, ast.Call) or field != "args" or not NAME.fullmatch(str(node.value)):
            return False
        name = _name_of(parent.func)
        return name in ("col", *AGGREGATES) and isinstance(parent.func, ast.Attribute) and parent.args[0] is node

    def columns(self, node: ast.AST) -> list[str]:
        return [
            str(other.value)
            for other in ast.walk(self.function(node))
            if isinstance(other, ast.Constant) and other in self.place and self.is_column(other)
        ]

    def comparisons(self, node: ast.Compare) -> Iterator[Edit]:
        for number, sign in enumerate(node.ops):
            signs = [*node.ops[:number], COMPARISONS[type(sign)](), *node.ops[number + 1 :]]
            ordered = isinstance(sign, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            yield self.set(self.boundary(node, "comparison") if ordered else "comparison", node, node, "ops", signs)
        for items in node.comparators:
            if isinstance(items, ast.List | ast.Tuple | ast.Set) and len(items.elts) > 1:
                yield from (self.drop("status list", item) for item in items.elts)

    def calls(self, node: ast.Call) -> Iterator[Edit]:
        name = _name_of(node.func)
        of = node.func.value if isinstance(node.func, ast.Attribute) else None
        if of is not None and name in FILTERS:
            yield self.swap("dropped filter", node, of)
        if of is not None and name in DISTINCTS:
            yield self.swap("dropped distinct", node, of)
        if of is None and name in ("set", "frozenset") and node.args:
            yield self.set("dropped distinct", node, node, "func", ast.Name("list", ast.Load()))
        if of is not None and name == "count" and [ast.unparse(given) for given in node.args] == ["'*'"]:
            yield self.swap("aggregate function", node, ast.parse("F.max(F.lit(1))", mode="eval").body)
        elif isinstance(node.func, ast.Attribute) and (other := AGGREGATES.get(name)):
            new = ast.Attribute(node.func.value, other, ast.Load())
            yield self.set("aggregate function", node, node, "func", new)
        elif of is None and name in ("sum", "min", "max"):
            yield self.set("aggregate function", node, node, "func", ast.Name(AGGREGATES[name], ast.Load()))
        if isinstance(node.func, ast.Attribute) and name in DIRECTIONS:
            turned = ast.Attribute(node.func.value, DIRECTIONS[name], ast.Load())
            yield self.set("sort order", node, node, "func", turned)
        if of is not None and name in SORTS:
            yield from self.sorts(node)
        if of is not None and name in ("join", "merge") and not isinstance(of, ast.Constant):
            yield from self.joins(node, name)
        if name == "coalesce" and len(node.args) > 1:
            yield self.swap("coalesce", node, node.args[0])
            if len(node.args) > 2:
                yield from (self.drop("coalesce", default) for default in node.args[1:])
        if of is not None and name in ("fillna", "fill_null"):
            yield self.swap("coalesce", node, of)
        if of is not None and name == "get" and len(node.args) == 2:
            yield self.drop("coalesce", node.args[1])
        if of is not None and name == "isin":
            items = node.args[0].elts if len(node.args) == 1 and isinstance(node.args[0], ast.List) else node.args
            if len(items) > 1:
                yield from (self.drop("status list", item) for item in items)
        if name in SQL_TEXT:
            yield from self.sql(node, SQL_TEXT[name])

    def sorts(self, node: ast.Call) -> Iterator[Edit]:
        keys = node.args[0].elts if len(node.args) == 1 and isinstance(node.args[0], ast.List) else node.args
        if len(keys) > 1:
            yield self.drop("dropped tie-breaker", keys[-1])

    def joins(self, node: ast.Call, name: str) -> Iterator[Edit]:
        how = next((keyword.value for keyword in node.keywords if keyword.arg == "how"), None)
        if how is None and name == "join" and len(node.args) > 2:
            how = node.args[2]
        if how is None:
            new = ast.keyword("how", ast.Constant("left"))
            yield self.set("join kind", node, node, "keywords", [*node.keywords, new])
        elif isinstance(how, ast.Constant) and (other := JOINS.get(str(how.value))):
            yield self.swap("join kind", how, ast.Constant(other))

    def sql(self, node: ast.Call, query_before: str) -> Iterator[Edit]:
        for given in node.args:
            if not isinstance(given, ast.Constant) or not isinstance(given.value, str) or NAME.fullmatch(given.value):
                continue
            query = query_before + given.value
            for fault in operators_sql.faults(query):
                planted = operators_sql.plant(query, fault)
                if planted is not None and planted.startswith(query_before):
                    yield self.swap(fault.operator, given, ast.Constant(planted.removeprefix(query_before)))


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""

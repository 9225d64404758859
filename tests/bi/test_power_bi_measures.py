"""Every measure has its Gold value, for all time, for each period, by category, by state and by week."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bi.power_bi.project import HERE
from tests.bi import checks
from tests.bi.dax import Filters, Model
from tests.bi.expected import CHANGES, EXPECTED, IN_WORDS, PERIODS
from tests.delta import query
from tests.scored import TARGET

ITEMS = {"current": "Current", "previous": "Previous period", "year_ago": "Year before"}
Ask = Callable[[str], Any]


@pytest.fixture(scope="module")
def ask(scored_warehouse: Path) -> Ask:
    """The one value of a query over Gold."""

    def one(sql: str) -> Any:
        [row] = query(scored_warehouse, sql)
        [value] = row.values()
        return value

    return one


def same(found: Any, wanted: Any, rounding: float = 0) -> bool:
    """Whether a value is that of Gold; sums of fractions may differ in the last digits, and Gold may be rounded."""
    if isinstance(wanted, Decimal | float | int) and not isinstance(wanted, bool) and found is not None:
        return found == pytest.approx(float(wanted), rel=1e-9, abs=max(rounding, 1e-9))
    if isinstance(wanted, date) and not isinstance(wanted, datetime):
        wanted = datetime.combine(wanted, time())
    if isinstance(wanted, datetime):
        wanted = wanted.replace(tzinfo=None)
    return bool(found == wanted)


def test_each_measure_has_an_expectation(model: Model) -> None:
    assert model.measures.keys() == EXPECTED.keys() | IN_WORDS


@pytest.mark.parametrize("measure", EXPECTED)
def test_a_measure_is_its_gold_value(model: Model, ask: Ask, measure: str) -> None:
    found, wanted = model.value(measure), ask(EXPECTED[measure])
    assert same(found, wanted), f"{found}, and {wanted} in Gold"


def test_few_measures_are_blank_where_nothing_is_filtered(model: Model) -> None:
    """A measure that is always blank would equal a figure that is never there."""
    blank = {name for name in EXPECTED if EXPECTED[name] == "select null"}
    assert {name for name in EXPECTED if model.value(name) is None} == blank | {"Units to order"}
    assert len(blank) == 10


def test_a_measure_of_a_period_is_that_of_the_marts(model: Model, scored_warehouse: Path) -> None:
    """The comparison gives what executive_overview has for 4, 13 and 52 weeks, now, before and a year ago."""
    rows = {
        (row["weeks"], row["period"]): row
        for row in query(scored_warehouse, "select * from gold__executive_overview")
    }
    assert len(rows) == 7
    wrong = []
    for weeks in (4, 13, 52):
        for period, item in ITEMS.items():
            chosen = {**last(weeks), "Comparison.Comparison": [item]}
            row = rows.get((weeks, period), {})
            for measure, column in PERIODS.items():
                found, wanted = model.value(measure, chosen), row.get(column)
                if not same(found, wanted, 5.001e-3 if column.startswith(("average", "realised")) else 5e-5):
                    wrong.append(f"{measure}, {weeks} weeks, {period}: {found}, and {wanted} in Gold")
    assert wrong == []


def test_a_change_is_that_of_the_marts(model: Model, scored_warehouse: Path) -> None:
    rows = query(scored_warehouse, "select * from gold__executive_overview where period <> 'current' order by weeks")
    for row in rows:
        chosen = last(row["weeks"])
        item = "previous" if row["period"] == "previous" else "year before"
        change = model.value("Revenue", {**chosen, "Comparison.Comparison": [f"Change on {item}"]})
        assert same(change, row["revenue_change"], 5e-3)
        share = model.value("Revenue", {**chosen, "Comparison.Comparison": [f"Change on {item} %"]})
        assert same(share, row["revenue_change"] / row["revenue"])
        assert same(model.value(f"Revenue on {item} %", chosen), row["revenue_change"] / row["revenue"])
        if item == "previous":
            for measure, column in CHANGES.items():
                assert same(model.value(measure, chosen), row[column], 1e-2), (measure, row["weeks"])
    assert {row["period"] for row in rows} == {"previous", "year_ago"}


def test_days_outside_complete_weeks_do_not_compare(model: Model) -> None:
    days = [row[0] for row in model.tables["dim_date"]["rows"] if row[-1] is None]
    assert days
    for item in ("Current", "Previous period", "Year before", "Change on previous", "Change on year before %"):
        assert model.value("Revenue", {"dim_date.date_day": days, "Comparison.Comparison": [item]}) is None


def days_of(model: Model, *weeks: int, from_weekday: int = 1) -> list[date]:
    """The days of complete weeks, counted back; of the earliest of them from a weekday on, 1 for Monday."""
    columns, rows = model.tables["dim_date"]["columns"], model.tables["dim_date"]["rows"]
    week, weekday = columns.index("complete_week"), columns.index("iso_weekday")
    return [r[0] for r in rows if r[week] in weeks and (r[week] < max(weeks) or r[weekday] >= from_weekday)]


def test_only_weeks_with_all_their_days_chosen_compare(model: Model, scored_warehouse: Path) -> None:
    """Nineteen days are two weeks for every measure, be it known by the day or by the week."""
    weeks = query(
        scored_warehouse, "select * from gold__weekly_performance where is_complete order by week_start desc limit 4"
    )
    days = days_of(model, 1, 2, 3, from_weekday=3)
    assert len(days) == 19
    for item, rows in (("Current", weeks[:2]), ("Previous period", weeks[2:])):
        chosen: Filters = {"dim_date.date_day": days, "Comparison.Comparison": [item]}
        for measure, column in (("Revenue", "revenue"), ("Orders", "orders"), ("Placed orders", "placed_orders")):
            assert same(model.value(measure, chosen), sum(row[column] for row in rows)), (measure, item)
    part = days_of(model, 1, from_weekday=2)
    for item in ("Current", "Previous period", "Year before"):
        assert model.value("Revenue", {"dim_date.date_day": part, "Comparison.Comparison": [item]}) is None


def test_weeks_that_are_not_in_a_row_have_no_period_before(model: Model, scored_warehouse: Path) -> None:
    """Two weeks of three would be compared with three."""
    weeks = query(
        scored_warehouse, "select revenue from gold__weekly_performance where is_complete order by week_start desc"
    )
    chosen = {"dim_date.date_day": days_of(model, 1, 3)}
    current = model.value("Revenue", {**chosen, "Comparison.Comparison": ["Current"]})
    assert same(current, weeks[0]["revenue"] + weeks[2]["revenue"])
    for item in ("Previous period", "Year before", "Change on previous %"):
        assert model.value("Revenue", {**chosen, "Comparison.Comparison": [item]}) is None


def test_the_change_of_a_rate_is_in_points(model: Model, scored_warehouse: Path) -> None:
    rows = query(scored_warehouse, "select * from gold__executive_overview where weeks = 13")
    now, before = ([row for row in rows if row["period"] == period] for period in ("current", "previous"))
    for measure, column in (("Late delivery rate", "late_delivery_rate"), ("Repeat rate", "repeat_rate")):
        found = model.value(measure, {**last(13), "Comparison.Comparison": ["Change on previous %"]})
        assert same(found, 100 * (now[0][column] - before[0][column]), 1e-2)


def test_every_rate_is_known_to_be_one() -> None:
    """Both changes in per cent list the measures that are shown in per cent, but for those that are changes."""
    nodes = list(checks.nodes(HERE / "gold.SemanticModel"))
    measures = [node for node in nodes if node.kind == "measure"]
    changes = {"Revenue on previous %", "Revenue on year before %", "Growth over four weeks"}
    rates = {node.name for node in measures if "%" in node.props.get("formatString", "")} - changes
    items = [node for node in nodes if node.kind == "calculationItem" and node.name.endswith("%")]
    assert len(items) == 2
    for item in items:
        shown = str(item.child("formatStringDefinition").expression)
        for text in (item.expression, shown):
            [listed] = re.findall(r"ISSELECTEDMEASURE\((.*)\)", text)
            assert set(re.findall(r"\[(.+?)\]", listed)) == rates


@pytest.mark.parametrize("key", ["dim_product.category", "dim_customer.state"])
def test_what_is_known_of_the_whole_shop_alone_is_blank_beside_a_slice(model: Model, key: str) -> None:
    table, column = key.split(".")
    slice_of = model.tables[table]["rows"][0][model.tables[table]["columns"].index(column)]
    whole = {
        name for name, dax in model.measures.items() if re.search(r"\b(weekly_performance|executive_targets)\[", dax)
    }
    assert {"New customers", "Revenue target", "Revenue of complete weeks"} <= whole
    chosen: Filters = {**last(4), key: [slice_of]}
    asked = whole | {"Cancellation rate", "Change from first orders", "Change from later orders"}
    assert {name: value for name in asked if (value := model.value(name, chosen)) is not None} == {}
    assert model.value("Revenue on target", chosen) == "whole shop only"
    assert model.value("New customers", last(4)) is not None


def test_a_parcel_without_a_promised_day_is_neither_late_nor_in_time(model: Model) -> None:
    """As in weekly_performance, whose share of late orders is of those that have days late."""
    columns, rows = model.tables["fct_order_items"]["columns"], model.tables["fct_order_items"]["rows"]
    order, late, counts = (columns.index(name) for name in ("order_id", "days_late", "is_revenue_order"))
    one = next(row[order] for row in rows if row[counts] and row[late] is not None and row[late] <= 0)
    unpromised = [[*row[:late], None, *row[late + 1 :]] if row[order] == one else row for row in rows]
    without = replace(model, tables={**model.tables, "fct_order_items": {"columns": columns, "rows": unpromised}})
    delivered, rate = model.value("Delivered orders"), model.value("Late delivery rate")
    assert without.value("Delivered orders") == delivered - 1
    assert without.value("Late delivery rate") == pytest.approx(rate * delivered / (delivered - 1))


def test_a_selection_that_runs_into_an_incomplete_week_is_cut_to_complete_ones(
    model: Model, scored_warehouse: Path
) -> None:
    """The newest week is not complete: with it chosen too, the current period is that of the complete weeks alone."""
    rows = model.tables["dim_date"]["rows"]
    newest = max(row[0] for row in rows if row[-1] == 1)
    days = [row[0] for row in rows if row[-1] in (1, 2, 3, 4) or row[0] > newest]
    [row] = query(scored_warehouse, "select * from gold__executive_overview where weeks = 4 and period = 'previous'")
    for item, wanted in (("Previous period", row["revenue"]), ("Change on previous", row["revenue_change"])):
        assert same(model.value("Revenue", {"dim_date.date_day": days, "Comparison.Comparison": [item]}), wanted)


@pytest.mark.parametrize(
    ("dimension", "key"), [("category", "dim_product.category"), ("state", "dim_customer.state")]
)
def test_a_dimension_filters_facts_as_the_marts_do(
    model: Model, scored_warehouse: Path, dimension: str, key: str
) -> None:
    rows = query(
        scored_warehouse, f"select * from gold__sales_breakdown where dimension = '{dimension}' and weeks = 52"
    )
    assert len(rows) > 3
    for row in rows:
        chosen: Filters = {**last(52), key: [row["member"]]}
        for measure, column in {
            "Revenue": "revenue",
            "Orders": "orders",
            "Average order value": "average_order_value",
            "Late delivery rate": "late_delivery_rate",
            "Average review score": "average_review_score",
        }.items():
            assert same(model.value(measure, chosen), row[column], 5.001e-3), (row["member"], measure)
    by_share = {row["member"]: model.value("Share of revenue", {**last(52), key: [row["member"]]}) for row in rows}
    if dimension == "category":
        assert sum(share or 0 for share in by_share.values()) == pytest.approx(1)


def test_a_week_of_the_chart_has_its_own_figures(model: Model, scored_warehouse: Path) -> None:
    """Actual, forecast with its bounds, and backtest of the same week, at their own grain; no sum of other series."""
    weeks = {row["week_start"]: row for row in query(scored_warehouse, "select * from gold__weekly_performance")}
    ahead = query(scored_warehouse, "select * from gold__revenue_outlook where level = 'total' order by horizon")
    past = query(
        scored_warehouse, "select * from gold__forecast_errors where is_champion and horizon = 1 order by week_start"
    )
    assert ahead
    assert past
    for row in ahead:
        chosen = {"dim_date.week_start": [row["week_start"]]}
        found = [model.value(f"Forecast {name}", chosen) for name in ("revenue", "lower bound", "upper bound")]
        assert found == [float(row[name]) for name in ("forecast", "lower_80", "upper_80")]
        assert model.value("Revenue of complete weeks", chosen) is None
    for row in past:
        chosen = {"dim_date.week_start": [row["week_start"]]}
        assert same(model.value("Backtest forecast", chosen), row["forecast"])
        assert same(model.value("Revenue of complete weeks", chosen), weeks[row["week_start"]]["revenue"])
        assert model.value("Forecast revenue", chosen) is None


def test_the_range_of_the_next_week_is_said_in_words(model: Model, scored_warehouse: Path) -> None:
    """Whatever week is chosen: it is about the first one to come. A hundred times the small shop has thousands."""
    [row] = query(scored_warehouse, "select * from gold__revenue_outlook where level = 'total' and horizon = 1")
    columns, rows = model.tables["revenue_outlook"]["columns"], model.tables["revenue_outlook"]["rows"]
    money = [columns.index(name) for name in ("forecast", "lower_80", "upper_80")]
    larger = [[cell * 100 if place in money else cell for place, cell in enumerate(row)] for row in rows]
    large = replace(model, tables={**model.tables, "revenue_outlook": {"columns": columns, "rows": larger}})
    words = (
        f"The week from {row['week_start']} should bring R$ {100 * row['lower_80']:,.0f} to "
        f"R$ {100 * row['upper_80']:,.0f}, four times in five."
    )
    assert words.count(",") == 3
    assert large.value("Forecast in words") == words
    assert large.value("Forecast in words", last(4)) == words


def test_a_chosen_level_or_model_is_not_that_of_the_whole_shop(model: Model, scored_warehouse: Path) -> None:
    by_category = model.value("Forecast revenue", {"revenue_outlook.level": ["category"]})
    wanted = query(scored_warehouse, "select sum(forecast) as s from gold__revenue_outlook where level = 'category'")
    assert same(by_category, wanted[0]["s"])
    rows = query(scored_warehouse, "select * from gold__forecast_accuracy")
    for row in rows:
        ahead = {} if row["weeks_ahead"] == "all" else {"forecast_errors.horizon": [int(row["weeks_ahead"])]}
        chosen: Filters = {"forecast_errors.model": [row["model"]], **ahead}
        assert same(model.value("Forecast error (WAPE)", chosen), row["wape"], 5e-5)
        assert same(model.value("Forecast bias", chosen), row["bias"], 5e-5)
        assert same(model.value("Range held", chosen), row["band_coverage"], 5e-5)
    assert {row["is_champion"] for row in rows} == {True, False}


def test_segments_and_status_agree_with_people(model: Model, scored_warehouse: Path) -> None:
    for row in query(scored_warehouse, "select * from gold__segment_summary"):
        chosen = {"customer_risk.segment": [row["segment"]]}
        assert same(model.value("People scored", chosen), row["people"])
        assert same(model.value("Expected revenue (180 days)", chosen), row["expected_revenue"])
    [status] = query(scored_warehouse, "select * from gold__report_status")
    assert same(model.value("Revenue at risk"), status["revenue_at_risk"])
    assert same(model.value("Whales at risk"), status["whales_at_risk"])
    assert same(model.value("Churn model version"), status["churn_model_version"])
    assert status["revenue_at_risk"] > 0


def test_a_day_of_delivery_is_another_role_of_the_date(model: Model, scored_warehouse: Path) -> None:
    [row] = query(
        scored_warehouse,
        """select cast(delivered_at as date) as day, count(distinct order_id) as n from gold__fct_order_items
        where is_revenue_order and delivered_at is not null group by 1 order by 2 desc, 1 limit 1""",
    )
    chosen = {"dim_date.date_day": [row["day"]]}
    assert same(model.value("Orders delivered on the day", chosen), row["n"])
    bought = query(
        scored_warehouse,
        f"""select count(distinct order_id) as n from gold__fct_order_items
        where is_revenue_order and delivered_at is not null and purchase_date = date '{row["day"]}'""",
    )
    assert (model.value("Delivered orders", chosen) or 0) == bought[0]["n"]


def test_one_person_is_filtered_in_all_facts(model: Model, scored_warehouse: Path) -> None:
    [row] = query(
        scored_warehouse,
        "select customer_unique_id, monetary, frequency from gold__customer_360 order by frequency desc, 1 limit 1",
    )
    chosen = {"dim_customer.customer_unique_id": [row["customer_unique_id"]]}
    assert same(model.value("Revenue", chosen), row["monetary"])
    assert same(model.value("Lifetime revenue", chosen), row["monetary"])
    assert same(model.value("Orders", chosen), row["frequency"])
    assert model.value("People scored", chosen) == 1
    assert model.value("Visits", chosen) == model.value("Visits")


def test_complete_weeks_are_counted_back_from_the_last(model: Model, scored_warehouse: Path) -> None:
    [as_of] = query(scored_warehouse, "select first_complete_week, last_complete_week from silver__as_of")
    table = model.tables["dim_date"]
    day, number = table["columns"].index("week_start"), table["columns"].index("complete_week")
    weeks = {row[day].date(): row[number] for row in table["rows"]}
    for week, back in weeks.items():
        inside = as_of["first_complete_week"] <= week <= as_of["last_complete_week"]
        assert back == ((as_of["last_complete_week"] - week).days // 7 + 1 if inside else None)


def test_a_target_is_shown_where_there_is_one(model: Model) -> None:
    """Of four weeks there is one, whatever days stand beside them: of other lengths there is none."""
    revenue = model.value("Revenue", last(4))
    more = {"dim_date.date_day": days_of(model, 1, 2, 3, 4, 5, from_weekday=4)}
    parts = {"dim_date.date_day": days_of(model, 1, 2, 3, 4, from_weekday=2)}
    assert model.value("Revenue on target", more) == f"{revenue / 1000 - 1:+.1%}"
    assert model.value("Revenue on target", parts) == "no target set"
    assert model.value("Revenue target", last(4)) == float(TARGET["target"])  # type: ignore[arg-type]
    assert model.value("Revenue on target", last(4)) == f"{revenue / 1000 - 1:+.1%}"
    assert model.value("Revenue on target", last(5)) == "no target set"


def test_the_head_of_a_page_says_how_fresh_it_is(model: Model) -> None:
    words = model.value("Freshness")
    assert re.fullmatch(
        r"Data through \d{4}-\d\d-\d\d, complete through \d{4}-\d\d-\d\d\. "
        r"Checks: (passed|passed, warnings: \d+)\. Models: churn v2, forecast v3\.",
        words,
    ), words
    assert model.value("Gate status") in words


@pytest.mark.parametrize("status", ["failed", "warned", "passed"])
def test_the_gate_speaks_of_the_last_run_of_each_layer(model: Model, status: str) -> None:
    """A newer run that checks one layer does not hide what the others' last runs said; an older run is forgotten."""
    columns, rows = model.tables["check_results"]["columns"], model.tables["check_results"]["rows"]
    warned = model.value("Checks warned")
    newest = dict(zip(columns, rows[0], strict=True)) | {"run_id": "9999", "layer": "another", "status": status}
    older = newest | {"run_id": "0000", "status": "failed"}
    changed = {"columns": columns, "rows": [*rows, list(newest.values()), list(older.values())]}
    with_them = replace(model, tables={**model.tables, "check_results": changed})
    warnings = warned + (status == "warned")
    wanted = "failed: 1" if status == "failed" else f"passed, warnings: {warnings}" if warnings else "passed"
    assert with_them.value("Gate status") == wanted


def test_checks_that_were_run_alone_do_not_hide_the_tests_of_the_last_build(model: Model) -> None:
    """`lakehouse validate` runs no dbt test: what the last build's said holds on."""
    columns, rows = model.tables["check_results"]["columns"], model.tables["check_results"]["rows"]
    tested = dict(zip(columns, rows[0], strict=True)) | {"layer": "another"}
    failed = tested | {"run_id": "8888", "kind": "dbt", "status": "failed"}
    older = tested | {"run_id": "8888", "kind": "expectation", "status": "failed"}
    validated = older | {"run_id": "9999", "status": "passed"}
    changed = {"columns": columns, "rows": [*rows, *(list(row.values()) for row in (failed, older, validated))]}
    with_them = replace(model, tables={**model.tables, "check_results": changed})
    assert with_them.value("Gate status") == "failed: 1"


def last(weeks: int) -> Filters:
    """The last complete weeks, as the pages of the report choose them."""
    return {"dim_date.complete_week": list(range(1, weeks + 1))}


def test_a_wrong_measure_is_noticed(model: Model, ask: Ask) -> None:
    """Faults of several kinds, each caught by the comparison or by the engine."""
    right = ask(EXPECTED["Revenue"])
    assert same(model.expression("SUM(fct_order_items[revenue])"), right)
    assert not same(model.expression("SUM(fct_order_items[price])"), right)
    assert not same(model.expression("SUM(fct_order_items[revenue]) + 0.01"), right)
    for broken in ("SUM(fct_order_items[income])", "[No such measure]", "SUM(fct_order_items[revenue]", "NOSUCH(1)"):
        with pytest.raises(AssertionError):
            assert model.expression(broken) is not None

"""Charts as Vega-Lite, written with altair.

Colours are names that begin with ``@``: the page puts in those of its style sheet, so that a chart follows it from
light to dark. Weeks are days without a time; their axes are in UTC, or west of Greenwich each week would begin on
Sunday.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from bi.dashboards.gold import Row, plain

Spec = dict[str, Any]
FORECAST, ACTUAL, BACKTEST = "Forecast", "Revenue", "Forecast one week before"
LEGEND = alt.Legend(title=None, orient="top", symbolType="stroke", symbolSize=300, labelLimit=260)
MONEY, WHOLE, PERCENT = "$,.0f", ",.0f", ".1%"


def _spec(chart: alt.TopLevelMixin, height: int) -> Spec:
    sized = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    spec: Spec = sized.to_dict()
    spec.pop("config", None)
    return spec


def _data(rows: Sequence[Row]) -> alt.Data:
    return alt.Data(values=plain(list(rows)))


def _week(title: str | None = None) -> alt.X:
    return alt.X(
        "week:T",
        title=title,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%b %y", labelOverlap=True, grid=False, tickCount=8),
    )


def _amount(field: str, title: str, **more: Any) -> alt.Y:
    return alt.Y(field, title=title, axis=alt.Axis(format="~s", tickCount=5), **more)


def weekly_revenue(weeks: Sequence[Row], outlook: Sequence[Row], backtest: Sequence[Row]) -> Spec:
    """Revenue by week, solid; the weeks to come, dashed with their band; what was forecast one week before, thin.

    Args:
        weeks: ``week``, ``amount``.
        outlook: ``week``, ``amount``, ``low``, ``high``.
        backtest: ``week``, ``amount``.
    """
    kinds = {ACTUAL: weeks, BACKTEST: backtest, FORECAST: outlook}
    rows = [{**row, "kind": kind} for kind, part in kinds.items() for row in part]
    shown = [kind for kind, part in kinds.items() if part]
    colours = {ACTUAL: "@accent", BACKTEST: "@muted", FORECAST: "@second"}
    dashes = {ACTUAL: [1, 0], BACKTEST: [2, 2], FORECAST: [6, 3]}
    tooltip = [
        alt.Tooltip("week:T", title="week of", format="%d %b %Y", formatType="utc"),
        alt.Tooltip("kind:N", title="what"),
        alt.Tooltip("amount:Q", title="R$", format=WHOLE),
    ]
    base = alt.Chart(_data(rows)).encode(
        x=_week(),
        y=_amount("amount:Q", "R$ a week"),
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=shown, range=[colours[kind] for kind in shown]),
            legend=LEGEND,
        ),
    )
    lines = base.mark_line(strokeWidth=2.2).encode(
        strokeDash=alt.StrokeDash(
            "kind:N", scale=alt.Scale(domain=shown, range=[dashes[kind] for kind in shown]), legend=LEGEND
        ),
        tooltip=tooltip,
    )
    points = base.mark_point(filled=True, size=26, opacity=1).encode(tooltip=tooltip)
    layers: list[alt.Chart] = [lines, points.transform_filter(alt.datum.kind != BACKTEST)]
    if outlook:
        band = (
            alt.Chart(_data(outlook))
            .mark_area(color="@second", opacity=0.22)
            .encode(
                x=_week(),
                y=_amount("low:Q", "R$ a week"),
                y2="high:Q",
                tooltip=[
                    alt.Tooltip("week:T", title="week of", format="%d %b %Y", formatType="utc"),
                    alt.Tooltip("low:Q", title="80 % range from R$", format=WHOLE),
                    alt.Tooltip("high:Q", title="to R$", format=WHOLE),
                ],
            )
        )
        layers.insert(0, band)
    return _spec(alt.layer(*layers), 320)


def lines(rows: Sequence[Row], title: str, number: str, names: Sequence[str], *, zero: bool = True) -> Spec:
    """One line a series over weeks; told apart by dashes as well as by colour.

    Args:
        rows: ``week``, ``series``, ``amount``.
        title: of the vertical axis, with its unit.
        number: how amounts are written.
        names: the series, in the order of the legend.
        zero: whether the vertical axis begins at zero.
    """
    legend = LEGEND if len(names) > 1 else None
    chart = (
        alt.Chart(_data(rows))
        .mark_line(strokeWidth=2)
        .encode(
            x=_week(),
            y=alt.Y(
                "amount:Q",
                title=title,
                scale=alt.Scale(zero=zero),
                axis=alt.Axis(format=".0%" if number == PERCENT else "~s", tickCount=5),
            ),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=list(names), range=["@accent", "@second", "@third"][: len(names)]),
                legend=legend,
            ),
            strokeDash=alt.StrokeDash(
                "series:N",
                scale=alt.Scale(domain=list(names), range=[[1, 0], [5, 3], [2, 2]][: len(names)]),
                legend=legend,
            ),
            tooltip=[
                alt.Tooltip("week:T", title="week of", format="%d %b %Y", formatType="utc"),
                alt.Tooltip("series:N", title="what"),
                alt.Tooltip("amount:Q", title=title, format=number),
            ],
        )
    )
    return _spec(chart, 220)


def stacked(rows: Sequence[Row], title: str, names: Sequence[str]) -> Spec:
    """Bars by week, one part above the other; ``rows`` as in :func:`lines`."""
    chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=_week(),
            y=_amount("amount:Q", title, stack="zero"),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=list(names), range=["@accent", "@second"]),
                legend=alt.Legend(title=None, orient="top", labelLimit=260),
            ),
            order=alt.Order("series:N", sort="ascending"),
            tooltip=[
                alt.Tooltip("week:T", title="week of", format="%d %b %Y", formatType="utc"),
                alt.Tooltip("series:N", title="what"),
                alt.Tooltip("amount:Q", title="R$", format=WHOLE),
            ],
        )
    )
    return _spec(chart, 220)


def bars(
    rows: Sequence[Row],
    title: str,
    number: str = WHOLE,
    *,
    ticks: Sequence[tuple[str, str]] = (),
) -> Spec:
    """A horizontal bar for each name, in the order given, and ticks for what it is compared with.

    Args:
        rows: ``name``, ``amount``, and a column for each kind of tick.
        title: of the horizontal axis, with its unit.
        number: how amounts are written.
        ticks: columns and what they are called.
    """
    order = [row["name"] for row in rows]
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    axis = alt.Axis(format=".0%" if number == PERCENT else "~s", tickCount=4)
    tooltip = [
        alt.Tooltip("name:N", title="what"),
        alt.Tooltip("amount:Q", title=title, format=number),
        *(alt.Tooltip(f"{column}:Q", title=words, format=number) for column, words in ticks),
    ]
    base = alt.Chart(_data(rows)).encode(y=y, tooltip=tooltip)
    layers: list[alt.Chart] = [
        base.mark_bar(color="@accent", height={"band": 0.72}).encode(x=alt.X("amount:Q", title=title, axis=axis))
    ]
    for (column, _), (shade, thickness) in zip(ticks, (("@second", 3), ("@text", 2)), strict=False):
        layers.append(
            base.mark_tick(color=shade, thickness=thickness, height={"band": 0.86}).encode(
                x=alt.X(f"{column}:Q", title=title, axis=axis)
            )
        )
    return _spec(alt.layer(*layers), max(90, 26 * len(rows) + 30))


def whale_map(grid: Sequence[Row], whales: Sequence[Row]) -> Spec:
    """Everybody as a field behind, by days away and spend; whales at risk as points before it.

    Args:
        grid: ``from``, ``to``, ``spend_from``, ``spend_to``, ``people``.
        whales: ``days``, ``spend``, ``expected``.
    """
    x = alt.X(
        "from:Q",
        title="days since the last order",
        axis=alt.Axis(grid=False, tickCount=8),
        scale=alt.Scale(nice=False),
    )
    scale = alt.Scale(type="log", domainMin=10, nice=False)
    axis = alt.Axis(format="~s", grid=False, values=[10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800])
    field = (
        alt.Chart(_data(grid))
        .mark_rect(stroke="@panel", strokeWidth=0.5)
        .encode(
            x=x,
            x2="to:Q",
            y=alt.Y("spend_from:Q", title="spent so far, R$ (each step doubles)", scale=scale, axis=axis),
            y2="spend_to:Q",
            color=alt.Color(
                "people:Q",
                scale=alt.Scale(type="log", range=["@low", "@field"]),
                legend=alt.Legend(title="people", orient="top", gradientLength=120, tickCount=3, format="~s"),
            ),
            tooltip=[
                alt.Tooltip("from:Q", title="days away, from"),
                alt.Tooltip("spend_from:Q", title="spend, from R$"),
                alt.Tooltip("people:Q", title="people", format=WHOLE),
            ],
        )
    )
    points = (
        alt.Chart(_data(whales))
        .mark_circle(color="@second", size=26, opacity=0.85, stroke="@panel", strokeWidth=0.6)
        .encode(
            x=alt.X("days:Q"),
            y=alt.Y("spend:Q", scale=scale),
            tooltip=[
                alt.Tooltip("days:Q", title="days away"),
                alt.Tooltip("spend:Q", title="spend, R$", format=WHOLE),
                alt.Tooltip("expected:Q", title="expected in 180 days, R$", format=",.2f"),
            ],
        )
    )
    return _spec(alt.layer(field, points).resolve_scale(color="independent"), 380)


def cohorts(rows: Sequence[Row]) -> Spec:
    """Who buys again, by month of first purchase and months since.

    Args:
        rows: ``month`` (``yyyy-mm``), ``since``, ``retention`` from 0 to 1, ``customers``.
    """
    chart = (
        alt.Chart(_data(rows))
        .mark_rect(stroke="@panel", strokeWidth=1)
        .encode(
            x=alt.X(
                "since:O", title="months since the first purchase", axis=alt.Axis(labelAngle=0, labelOverlap=True)
            ),
            y=alt.Y("month:O", title="month of the first purchase", axis=alt.Axis(labelOverlap=True)),
            color=alt.Color(
                "retention:Q",
                scale=alt.Scale(range=["@low", "@high"]),
                legend=alt.Legend(title="bought again", format=".1%", orient="top", gradientLength=120, tickCount=3),
            ),
            tooltip=[
                alt.Tooltip("month:O", title="first purchase"),
                alt.Tooltip("since:O", title="months since"),
                alt.Tooltip("retention:Q", title="bought in that month", format=".2%"),
                alt.Tooltip("customers:Q", title="people who began", format=WHOLE),
            ],
        )
    )
    return _spec(chart, max(140, 17 * len({row["month"] for row in rows}) + 40))

"""`docs/performance.md` and its picture, from the results: `python -m benchmarks.report`.

The words are in performance.md.j2 beside this file, the figures in results/; nothing else goes in, so the same
results give the same page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from benchmarks import growth, guard, results
from benchmarks.results import Result
from lakehouse.settings import ROOT

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "growth.svg"
TEMPLATE = Path(__file__).with_name("performance.md.j2")
PARTS = ("pipeline", "growth", "models", "serving", "checks")
COLUMNS = {"seconds": "seconds", "cpu_seconds": "processor seconds", "peak_mb": "peak MB"}
NOT_MEASURED = "(not measured)"
STAR = "\\*"
"""Beside what was measured while other work had the machine too."""


def page(folder: Path = results.FOLDER) -> str:
    """The text of the page."""
    read = {part: results.read(part, folder) for part in PARTS}
    refuse_several_shops([*read["pipeline"], *read["checks"]])
    # It is Markdown: there is nothing to escape.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.globals |= {
        "pipeline": pipeline,
        "ratio": ratio,
        "shares": shares,
        "growth_table": growth_table,
        "exponents": exponents,
        "increment": increment,
        "measured": measured,
        "together": together,
        "guard": guard,
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        **{("pipeline_lines" if part == "pipeline" else part): lines for part, lines in read.items()},
        machines=machines(line for lines in read.values() for line in lines),
    )


def measured(lines: Sequence[Result], columns: Mapping[str, str]) -> str:
    """A table of what was measured, with a star beside what shared the machine."""
    return table([{**line, "what": f"{line['what']}{starred(line)}"} for line in lines], columns)


def together(lines: Sequence[Result], run: str, *parts: str) -> str:
    """The seconds that parts took one after the other, or that they were not measured."""
    found = {line["what"]: line["seconds"] for line in lines if line["run"] == run}
    return number(float(sum(found[part] for part in parts))) if {*parts} <= found.keys() else NOT_MEASURED


def refuse_several_shops(lines: Sequence[Result]) -> None:
    """Make sure that lines that stand beside each other are of one shop.

    Raises:
        ValueError: they are of shops of different sizes, and would be compared as if they were of one.
    """
    sizes = {(line["orders"], line["events"]) for line in lines}
    if len(sizes) > 1:
        raise ValueError(f"These were measured on shops of different sizes: {sorted(sizes)}; measure all parts anew.")


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """A table in Markdown: a heading by column; what a row does not have stays empty. Without rows, it says so."""
    if not rows:
        return NOT_MEASURED
    lines = ["| " + " | ".join(columns.values()) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(number(row.get(name, "")) for name in columns) + " |" for row in rows]
    return "\n".join(lines)


def number(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def starred(line: Result) -> str:
    """The star, if other work shared the machine."""
    return STAR if line["about"]["shared"] else ""


def pipeline(lines: Sequence[Result], part: str, more: Mapping[str, str] | None = None) -> str:
    """What a part of the pipeline took."""
    rows = [line for line in lines if line["part"] == part]
    return measured(rows, {"what": "", "run": "run", **COLUMNS, **(more or {})})


def ratio(lines: Sequence[Result], slow: str, quick: str, run: str, column: str = "seconds") -> str:
    """How many times as long one takes as another, or that it was not measured."""
    found = {line["what"]: line[column] for line in lines if line["run"] == run and column in line}
    return f"{found[slow] / found[quick]:.1f}" if {slow, quick} <= found.keys() else NOT_MEASURED


def shares(lines: Sequence[Result]) -> str:
    """Where the time of a whole run went, the largest share first."""
    rows: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line["part"] == "whole":
            for share, (seconds, cpu_seconds) in line["shares"].items():
                row = rows.setdefault(share, {"share": share})
                row |= {f"{line['run']} seconds": float(seconds), f"{line['run']} cpu": float(cpu_seconds)}
    columns = {
        "share": "share of `lakehouse run --train`",
        "first seconds": "first run, s",
        "first cpu": "processor s",
    }
    columns |= {"second seconds": "second run, s", "second cpu": "processor s "}
    return table(sorted(rows.values(), key=lambda row: -row.get("first seconds", 0)), columns)


def growth_table(lines: Sequence[Result], drop: str) -> str:
    """What each scale took for a drop."""
    order = ("files", *growth.LAYERS)
    rows = [
        {**line, "scale": f"{line['scale']:g}{starred(line)}"}
        for line in sorted(lines, key=lambda line: (line["scale"], line["target"], order.index(line["what"])))
        if line["drop"] == drop
    ]
    heading = {"scale": "scale", "target": "engine", "what": "", **COLUMNS, "disk_mb": "disk MB", "rows": "rows"}
    return table(rows, heading)


def exponents(lines: Sequence[Result]) -> str:
    """With which exponent time, processor time and memory of a build grow from scale to scale."""
    found: dict[tuple[float, float], dict[str, Any]] = {}
    for column, heading in COLUMNS.items():
        for (small, large), exponent in growth.exponents(lines, column).items():
            row = found.setdefault((small, large), {"from": f"{small:g} to {large:g}"})
            row[heading] = f"{exponent:.2f}"
    return table(list(found.values()), {"from": "exponent, scale", **{name: name for name in COLUMNS.values()}})


def increment(lines: Sequence[Result]) -> str:
    """What a day costs, taken in and built, as a share of all before it."""
    took = growth.of_builds(lines)
    rows = [
        {
            "scale": f"{scale:g}",
            **{
                column: f"{100 * took[scale, 'a day'][column] / before[column]:.0f} %"
                for column in ("seconds", "cpu_seconds")
            },
        }
        for (scale, drop), before in took.items()
        if drop == "all before" and (scale, "a day") in took
    ]
    return table(
        rows, {"scale": "a day beside all before it, scale", "seconds": "seconds", "cpu_seconds": "processor seconds"}
    )


def machines(lines: Iterable[Result]) -> list[str]:
    """Where and with what the figures were measured, each once."""
    found = []
    for line in lines:
        about = line["about"]
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        found.append(f"{about['day']}, {about['machine']}, Python {about['python']}, {versions}")
    return sorted(set(found))


def picture(folder: Path = results.FOLDER) -> str:
    """Processor time and memory of a full build by scale, both axes logarithmic, as SVG."""
    import altair as alt
    import vl_convert

    found = growth.of_builds(results.read("growth", folder))
    panels = []
    for column, title in (("cpu_seconds", "processor seconds"), ("peak_mb", "peak memory, MB")):
        rows = [{"scale": scale, "value": took[column], "drop": drop} for (scale, drop), took in found.items()]
        axes = alt.Chart(alt.Data(values=rows)).encode(
            x=alt.X("scale:Q", title="scale (1: 100,000 orders)").scale(type="log"),
            y=alt.Y("value:Q", title=title).scale(type="log"),
            color=alt.Color("drop:N", title="taken in"),
        )
        panels.append((axes.mark_line(point=True)).properties(width=300, height=200))
    spec = alt.hconcat(*panels).to_json()
    return str(vl_convert.vegalite_to_svg(spec))


def main() -> None:
    """Write the page and its picture."""
    PAGE.write_text(page(), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
    print(f"{PAGE} and {PICTURE} are written.")


if __name__ == "__main__":
    main()

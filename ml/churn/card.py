"""The model card of one run, in Markdown."""

from __future__ import annotations

from ml.churn.baselines import SORT
from ml.churn.cells import METHOD as CELLS
from ml.churn.evaluation import Evaluation
from ml.churn.learning import Learnt
from ml.churn.ranking import Interval
from ml.churn.settings import Settings


def card(tested: Evaluation, final: Learnt, served: str, settings: Settings, warnings: tuple[str, ...]) -> str:
    """What is served, why, how good it is, and what it is not good for."""
    return "\n".join(
        [
            f"# Churn: {served}",
            "",
            f"The probability that somebody buys, or does not buy, within {settings.horizon_days} days of "
            f"{settings.reporting_date}.",
            "",
            pivot(tested) if served == CELLS else _admitted(final, settings),
            "",
            "## The gate",
            "",
            *(f"- {reason}" for reason in (*tested.verdict.reasons, *warnings)),
            "",
            f"## Out of time, {len(tested.dates)} dates from {tested.dates[0]} to {tested.dates[-1]}",
            "",
            "On each date only what was known by then was learnt from. Means over the dates, 95 % intervals over "
            "people.",
            "",
            "| ranking | AUC | top-decile lift | PR-AUC |",
            "|---|---|---|---|",
            *(
                f"| {name} | {_cell(found['auc'], 3)} | {_cell(found['top_decile_lift'], 2)} "
                f"| {_cell(found['pr_auc'], 3)} |"
                for name, found in tested.comparison.metrics.items()
            ),
            "",
            "| date | AUC | lift | the sort's AUC | lift |",
            "|---|---|---|---|---|",
            *(
                f"| {day} | {found[tested.served]['auc']:.3f} | {found[tested.served]['top_decile_lift']:.2f} "
                f"| {found[SORT]['auc']:.3f} | {found[SORT]['top_decile_lift']:.2f} |"
                for day, found in tested.by_date.items()
            ),
            "",
            "Calibration error, in percentage points: "
            + ", ".join(f"{name} {100 * measured.error:.2f}" for name, measured in tested.reliability.items())
            + f"; {100 * tested.base_rate:.2f} % bought.",
            "",
            "## The call list",
            "",
            *_call_list(tested),
            "",
        ]
    )


def pivot(tested: Evaluation) -> str:
    """Why the cells are served, in one paragraph."""
    gain = tested.comparison.gains[SORT]["auc"]
    return (
        f"No model is served. {100 * tested.one_time:.1f} % of the people have ordered once, and "
        f"{100 * tested.base_rate:.2f} % buy within the horizon: there is little to tell them apart by. Against a "
        f"sort by frequency, then recency, the model's AUC differs by {gain.value:+.4f}, 95 % interval "
        f"{gain.low:+.4f} to {gain.high:+.4f}; the gate asks for a difference above zero, and more, and says below "
        "what was not met. So each person's probability is the smoothed repurchase rate of the people with as many "
        f"orders whose last one is as long ago, and the method is `{CELLS}`."
    )


def _admitted(final: Learnt, settings: Settings) -> str:
    return (
        f"The {final.fitted.method.replace('_', ' ')} passed the gate. It is fitted on whether people bought within "
        f"{settings.label_days} days and calibrated, on people left out of the fit, to {settings.horizon_days} days: "
        f"log odds = {final.line.intercept:.3f} + {final.line.slope:.3f} × score."
    )


def _call_list(tested: Evaluation) -> list[str]:
    test = tested.backtest
    return [
        f"Top-decile spenders past their usual gap, {test.listed} on the lists of the dates together; the best tenth "
        f"of each list is {test.called:.0f} people. Nobody called them: this is whom the list would have reached, "
        "not what a call would have changed.",
        "",
        "| ranked by | buyers | revenue, BRL | expected revenue has more buyers | and more revenue |",
        "|---|---|---|---|---|",
        *(
            f"| {rule} | {_cell(found['buyers'], 1)} | {_cell(found['revenue'], 0)} "
            + (
                f"| {_cell(test.gains[rule]['buyers'], 1)} | {_cell(test.gains[rule]['revenue'], 0)} |"
                if rule in test.gains
                else "| | |"
            )
            for rule, found in test.totals.items()
        ),
    ]


def _cell(interval: Interval, digits: int) -> str:
    return f"{interval.value:.{digits}f} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"

"""The churn model as the pipeline knows it: train, evaluate, score.

What is served is the model where it passes the gate of :mod:`ml.churn.gate`, else the rates of frequency and recency
(:mod:`ml.churn.cells`). Both give probabilities under the same columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ml.candidate import BadInput, Candidate, Decision
from ml.churn import cells, drift, evaluation, features, fitting, leaks, learning, reasons
from ml.churn import windows as time
from ml.churn.baselines import SORT
from ml.churn.card import card
from ml.churn.cells import METHOD as CELLS
from ml.churn.evaluation import MODEL, Evaluation
from ml.churn.examples import FOLDS, Examples, Floats, folds
from ml.churn.figures import figures
from ml.churn.learning import Learnt
from ml.churn.settings import Settings
from ml.gate import IF_ADMITTED
from ml.serving import arrays, pyfunc_rows, risks
from ml.serving.arrays import Online

NAME = "churn"
READS: Mapping[str, tuple[str, ...]] = {
    "churn_examples": (
        "customer_unique_id",
        "reference_date",
        "spend",
        *features.HISTORY,
        *features.BEHAVIOUR,
        "days_to_next_purchase",
        "label_days",
    ),
    "fct_orders": ("customer_unique_id", "purchase_date", "order_value", "is_revenue_order"),
}
WRITES = ("churn_scores", "drift")
PRIMARY = ("auc", True)
"""What is shown of it, beside the baselines."""
AUC_IF_ADMITTED = f"auc{IF_ADMITTED}"
"""AUC of what is served, left out where that is a model that does not pass the gate on the days at hand: so a
champion that has stopped being better than the sort gives way to the cells, whatever its AUC."""
SCORE = "repurchase_probability"
EXAMPLE_ROWS = 5


def check(frames: Mapping[str, pd.DataFrame]) -> None:
    """Make sure that there is something to learn from.

    Raises:
        BadInput: no examples, no test date, on one of them everybody or nobody bought again, or all who did are left
            out of a fit together.
    """
    frame = frames["churn_examples"]
    if frame.empty:
        raise BadInput("gold.churn_examples has no row: nobody has ordered anything yet.", "Deliver orders first.")
    days = pd.to_datetime(frame["reference_date"]).dt.date
    settings = Settings(max(days) - timedelta(1))
    short, full = settings.label_days, settings.horizon_days
    dates = time.test_dates(sorted(set(days)), max(days), short, full, settings.test_dates)
    if not dates:
        raise BadInput(
            f"The shop is too young: between its first reference date and its last, {max(days)}, there must be "
            f"{2 * full} days, {full} to learn from and {full} to see whether it was right.",
            "Train again when there are more weeks of trade.",
        )
    to_next = frame["days_to_next_purchase"].astype(np.float64)
    bought = to_next < full
    for day in dates:
        usable = time.windows(sorted(set(days)), day, short, full)
        assert usable is not None
        for known in ([day], usable.calibrate):
            rows = days.isin(known)
            if not 0 < bought[rows].sum() < rows.sum():
                raise BadInput(
                    f"Of the people of {known[0]}, {bought[rows].sum()} of {rows.sum()} bought again within {full} "
                    "days: without some who did and some who did not there is nothing to tell apart.",
                    "Train again when there are more returning customers.",
                )
    # Later dates, and the scoring date, learn from these examples and more.
    first = days.isin(time.known(sorted(set(days)), dates[0], short))
    _check_parts(frame.loc[first, "customer_unique_id"].astype(str), (to_next < short)[first], short)


def _check_parts(person: pd.Series, soon: pd.Series, label_days: int) -> None:
    """Whichever part of the people is left out of a fit, some who bought soon and some who did not must be left.

    Args:
        person: ids of the examples that are learned from first, shape (n,).
        soon: whether each bought within ``label_days``, shape (n,).

    Raises:
        BadInput: there is a part without which all are alike.
    """
    fold = folds(person.to_numpy(dtype=object))
    left = [soon[fold != part] for part in range(FOLDS)]
    if not all(0 < some.sum() < len(some) for some in left):
        raise BadInput(
            f"Of the {person.nunique()} people of the first dates to learn from, {person[soon].nunique()} bought "
            f"again within {label_days} days: when one of {FOLDS} parts of the people is left out, as calibration "
            "does, all that are left did the same.",
            "Train again when there are more returning customers.",
        )


def train(frames: Mapping[str, pd.DataFrame], settings: Settings, seed: int) -> Candidate:
    """Learn, test out of time, decide what is served, and learn anew from all that is known."""
    examples = Examples.of(frames["churn_examples"], settings.clickstream)
    scoring_date = settings.reporting_date + timedelta(1)
    learnt = evaluation.learn_all(examples, scoring_date, settings, seed)
    final = learnt.pop(scoring_date)
    tested = evaluation.evaluate(examples, learnt, frames["fct_orders"], settings, seed)
    suspects = _suspects(examples, scoring_date, settings)
    served = _method(tested, final)
    rows = examples.rows([scoring_date])
    profile = drift.profile(_seen(examples, examples.rows([final_fit_date(examples, settings)]), final, served))
    warnings = tuple(
        f"Warning: {suspect.column} alone tells who buys again with an AUC of {suspect.auc:.3f}. Look for a leak."
        for suspect in suspects
    )
    why = tested.verdict.reasons + (
        (f"What is served is the {served.replace('_', ' ')}.",)
        if tested.verdict.admitted
        else (f"What is served is {CELLS}, the repurchase rate of people with the same frequency and recency.",)
    )

    def save(folder: Path) -> None:
        final.save(folder / "served")
        for day, then in learnt.items():
            then.save(folder / "tested" / day.isoformat())
        fitting.dump(
            folder / "model.json",
            {
                "method": served,
                "clickstream": settings.clickstream,
                "label_days": settings.label_days,
                "horizon_days": settings.horizon_days,
                "features": [feature.name for feature in features.features(settings.clickstream)],
            },
        )
        fitting.dump(folder / "profile.json", profile)
        arrays.write(folder / arrays.ONLINE, online(folder, frames, settings, score(folder, frames, settings)))

    return Candidate(
        method=served,
        params={
            "method": served,
            "horizon_days": settings.horizon_days,
            "label_days": settings.label_days,
            "test_dates": ", ".join(map(str, tested.dates)),
            "clickstream": settings.clickstream,
            "ridge": fitting.RIDGE,
            "trees": final.fitted.trees,
            **{
                f"trees.{name}": value
                for name, value in fitting.TREES.items()
                if name not in ("objective", "nthread")
            },
        },
        metrics=_metrics(tested, len(suspects)),
        baselines={
            name: evaluation.metrics(tested, name) for name in tested.comparison.metrics if name != tested.served
        },
        decision=Decision(True, why + warnings, tested.verdict.details),
        figures=figures(tested, final, examples, rows),
        card=card(tested, final, served, settings, warnings),
        save=save,
        example=pd.DataFrame(
            {"customer_unique_id": [*examples.frame["customer_unique_id"].iloc[rows[:EXAMPLE_ROWS]], "somebody new"]}
        ),
    )


def evaluate(folder: Path, frames: Mapping[str, pd.DataFrame], settings: Settings) -> dict[str, float]:
    """The metrics of a saved model on today's test dates.

    On each date the newest of its fits is used that knew nothing of that date or later. Without one for every date
    there is nothing that could be compared, and no metric.
    """
    saved = fitting.read(folder / "model.json")
    examples = Examples.of(frames["churn_examples"], saved["clickstream"])
    fits = {date.fromisoformat(path.name): path for path in (folder / "tested").iterdir()}
    told = Settings(
        settings.reporting_date, saved["clickstream"], saved["horizon_days"], saved["label_days"], settings.test_dates
    )
    days = time.test_dates(
        examples.dates, settings.reporting_date + timedelta(1), told.label_days, told.horizon_days, told.test_dates
    )
    learnt = {}
    for day in days:
        before = [at for at in fits if at <= day]
        if not before:
            return {}
        learnt[day] = learning.load(fits[max(before)])
    tested = evaluation.evaluate(examples, learnt, frames["fct_orders"], told, seed=0)
    served = CELLS if saved["method"] == CELLS else MODEL
    found = evaluation.metrics(tested, served)
    if served == CELLS or tested.verdict.admitted:
        found[AUC_IF_ADMITTED] = found["auc"]
    return found


def score(folder: Path, frames: Mapping[str, pd.DataFrame], settings: Settings) -> dict[str, pd.DataFrame]:
    """Score everybody who has ordered by the reporting date.

    Returns:
        ``churn_scores``, a row a person, decile 1 for the tenth with the highest churn probability; and ``drift``.
    """
    saved = fitting.read(folder / "model.json")
    final = learning.load(folder / "served")
    examples = Examples.of(frames["churn_examples"], saved["clickstream"])
    scoring_date = settings.reporting_date + timedelta(1)
    rows = examples.rows([scoring_date])
    earlier = [day for day in examples.dates if day < scoring_date]
    ids = examples.frame["customer_unique_id"].to_numpy()
    chance = _chances(examples, rows, final, saved["method"])
    before = examples.rows(earlier[-1:])
    then = pd.Series(_chances(examples, before, final, saved["method"]), index=ids[before])
    scores = pd.DataFrame(
        {
            "customer_unique_id": ids[rows],
            "churn_probability": 1 - chance,
            SCORE: chance,
            f"previous_{SCORE}": then.reindex(ids[rows]).to_numpy(),
            "decile": _deciles(1 - chance, examples.column("days_since_last_order", rows)),
            "method": saved["method"],
        }
    )
    if saved["method"] == CELLS:
        words = cells.reasons(examples.column("orders", rows), examples.column("days_since_last_order", rows))
    else:
        contributions = final.fitted.contributions(examples.matrix.iloc[rows])
        words = reasons.in_words(contributions, examples.raw.iloc[rows], saved["clickstream"])
    seen = _seen(examples, rows, final, saved["method"])
    moved = drift.compare(fitting.read(folder / "profile.json"), seen, (SCORE,))
    return {"churn_scores": pd.concat([scores, words], axis=1), "drift": moved}


def online(
    folder: Path, frames: Mapping[str, pd.DataFrame], settings: Settings, rows: Mapping[str, pd.DataFrame]
) -> Online:
    """The rows themselves: a person's features are Gold's, so that nobody who asks knows newer ones."""
    return risks.online(rows["churn_scores"], settings.reporting_date.isoformat())


def predict(folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The scores of people, as of the training.

    Args:
        folder: what a candidate saved.
        rows: ``customer_unique_id``.

    Returns:
        A row a row: the columns of ``ml.churn_scores``, null for who had not ordered, and ``is_known``.
    """
    return pyfunc_rows.risks_of(folder / arrays.ONLINE, rows)


def final_fit_date(examples: Examples, settings: Settings) -> date:
    """The newest date whose examples the served model was fitted on."""
    return time.known(examples.dates, settings.reporting_date + timedelta(1), settings.label_days)[-1]


def _method(tested: Evaluation, final: Learnt) -> str:
    return final.fitted.method if tested.verdict.admitted else CELLS


def _chances(examples: Examples, rows: np.ndarray, learnt: Learnt, method: str) -> Floats:
    if method == CELLS:
        return evaluation.cell_probabilities(learnt, examples, rows)
    return learnt.probabilities(examples.matrix.iloc[rows])


def _seen(examples: Examples, rows: np.ndarray, learnt: Learnt, method: str) -> pd.DataFrame:
    """What drift is looked for in: the features and the score."""
    return examples.matrix.iloc[rows].assign(**{SCORE: _chances(examples, rows, learnt, method)})


def _deciles(churn: Floats, days: Floats) -> np.ndarray:
    """1 to 10, as equal in size as can be; of equals, who has been away longer comes first, then the order of
    the rows."""
    order = np.lexsort((-days, -churn))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place * 10 // max(len(order), 1) + 1


def _suspects(examples: Examples, scoring_date: date, settings: Settings) -> list[leaks.Suspect]:
    rows = examples.rows(time.known(examples.dates, scoring_date, settings.horizon_days))
    return leaks.suspects(examples, rows, examples.labels(rows, settings.horizon_days))


def _metrics(tested: Evaluation, suspects: int) -> dict[str, float]:
    found = evaluation.metrics(tested, tested.served)
    newest = tested.by_date[tested.dates[-1]][tested.served]
    found |= {AUC_IF_ADMITTED: found["auc"], **{f"newest_{metric}": value for metric, value in newest.items()}}
    for metric, gain in tested.comparison.gains[SORT].items():
        found |= {f"model_gain_{metric}": gain.value, f"model_gain_{metric}_low": gain.low}
        found[f"model_gain_{metric}_high"] = gain.high
    for name, measured in tested.reliability.items():
        found[f"calibration_error_{name}"] = measured.error
    for outcome, gain in tested.backtest.gains[SORT].items():
        found |= {f"call_list_gain_{outcome}": gain.value, f"call_list_gain_{outcome}_low": gain.low}
        found[f"call_list_gain_{outcome}_high"] = gain.high
    return {
        **found,
        "base_rate": tested.base_rate,
        "one_time_share": tested.one_time,
        "leak_suspects": float(suspects),
    }

"""The forecast as one of the models: trained, kept in a folder, and filling its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml import data
from ml.candidate import BadInput, Candidate
from ml.data import Origin
from ml.forecast import model
from ml.forecast.models import BASELINES
from tests.ml.test_forecast_series import shop_frames

SETTINGS = model.Settings(reporting_date=date(2016, 10, 9))


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return shop_frames()


@pytest.fixture(scope="module")
def candidate(frames: dict[str, pd.DataFrame]) -> Candidate:
    return model.train(frames, SETTINGS, 1)


@pytest.fixture(scope="module")
def folder(candidate: Candidate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("forecast")
    candidate.save(found)
    return found


@pytest.fixture(scope="module")
def scored(folder: Path, frames: dict[str, pd.DataFrame]) -> Mapping[str, pd.DataFrame]:
    return model.score(folder, frames, SETTINGS)


@pytest.mark.slow
def test_every_model_is_compared_and_what_is_served_is_named(candidate: Candidate) -> None:
    champion = candidate.params["champion"]
    assert {champion, *candidate.baselines} == {*BASELINES, "reversion", "gradient_boosting"}
    assert champion not in candidate.baselines
    assert candidate.decision.promote
    assert f"{champion} is served." in " ".join(candidate.decision.reasons)
    assert all(name in candidate.card for name in candidate.baselines)
    assert set(candidate.figures) == {"backtest", "wape"}
    assert list(candidate.example) == list(model.READS["weekly_revenue"])


@pytest.mark.slow
def test_the_primary_metric_is_measured_for_all(candidate: Candidate) -> None:
    name, more_is_better = model.PRIMARY
    assert not more_is_better
    for metrics in (candidate.metrics, *candidate.baselines.values()):
        assert metrics[name] > 0


@pytest.mark.slow
def test_a_champion_is_measured_again_from_its_folder(
    candidate: Candidate, folder: Path, frames: dict[str, pd.DataFrame]
) -> None:
    again = model.evaluate(folder, frames, SETTINGS)
    assert again == {name: value for name, value in candidate.metrics.items() if not name.startswith("replayed")}


@pytest.mark.slow
def test_training_twice_gives_the_same_files(
    candidate: Candidate, folder: Path, frames: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    again = model.train(frames, SETTINGS, 1)
    again.save(tmp_path)
    assert again.metrics == candidate.metrics
    assert again.card == candidate.card
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in folder.iterdir()
    }


@pytest.mark.slow
def test_the_weeks_to_come_follow_the_last_complete_one(scored: Mapping[str, pd.DataFrame]) -> None:
    assert set(scored) == set(model.WRITES)
    for name in ("revenue_forecast", "demand_forecast"):
        rows = scored[name]
        assert sorted(set(rows["week_start"])) == [date(2016, 10, 10 + 7 * week) for week in range(3)] + [
            date(2016, 10, 31)
        ]
        assert (rows["lower_80"] <= rows["forecast"]).all()
        assert (rows["forecast"] <= rows["upper_80"]).all()


@pytest.mark.slow
def test_categories_and_states_add_up_to_the_shop(scored: Mapping[str, pd.DataFrame]) -> None:
    sums = scored["revenue_forecast"].groupby(["week_start", "level"])["forecast"].sum().unstack()
    assert sums["category"].tolist() == pytest.approx(sums["total"].tolist())
    assert sums["state"].tolist() == pytest.approx(sums["total"].tolist())


@pytest.mark.slow
def test_sums_of_demand_add_up_and_their_bands_do_not(scored: Mapping[str, pd.DataFrame]) -> None:
    rows = scored["demand_forecast"].sort_values(["series", "horizon"])
    assert rows["cumulative_forecast"].tolist() == pytest.approx(rows.groupby("series")["forecast"].cumsum().tolist())
    first = rows[rows["horizon"] == 1]
    assert first["cumulative_upper_80"].tolist() == first["upper_80"].tolist()
    last, summed = rows[rows["horizon"] == 4], rows.groupby("series")["upper_80"].sum()
    assert not np.allclose(last["cumulative_upper_80"], summed)
    assert set(rows["level"]) == {"category", "rest"}


@pytest.mark.slow
def test_the_backtest_of_the_shop_marks_what_is_served(
    scored: Mapping[str, pd.DataFrame], candidate: Candidate
) -> None:
    rows = scored["forecast_backtest"]
    assert set(rows["series"]) == {"total"}
    assert set(rows.loc[rows["is_champion"], "model"]) == {candidate.params["champion"]}
    served = rows[rows["is_champion"]]
    wrong = (served["forecast"] - served["actual"]).abs().sum() / served["actual"].sum()
    assert wrong == pytest.approx(candidate.metrics["wape"])


@pytest.mark.slow
def test_tables_fit_their_contracts(scored: Mapping[str, pd.DataFrame]) -> None:
    origin = Origin("forecast", 1, SETTINGS.reporting_date, datetime(2020, 1, 1, tzinfo=UTC))
    for name, rows in scored.items():
        assert data.conform(name, rows, origin).num_rows == len(rows) > 0


@pytest.mark.slow
def test_scoring_twice_gives_the_same_rows(
    folder: Path, frames: dict[str, pd.DataFrame], scored: Mapping[str, pd.DataFrame]
) -> None:
    for name, rows in model.score(folder, frames, SETTINGS).items():
        pd.testing.assert_frame_equal(rows, scored[name], check_exact=True)


@pytest.mark.slow
def test_incomplete_weeks_are_never_used(
    folder: Path, frames: dict[str, pd.DataFrame], scored: Mapping[str, pd.DataFrame]
) -> None:
    """Two more weeks that are not over, in which hardly anything was sold: nothing changes."""
    last = frames["weekly_revenue"]["week_start"].max()
    days = [last + pd.Timedelta(days=7 * week) for week in (1, 2)]
    tail = pd.DataFrame({"week_start": days, "revenue": [3.0, 0.0], "orders": [1, 0], "is_complete": False})
    lines = (
        frames["fct_order_items"].tail(2).assign(week_start=days, order_id="late", revenue=1.5, is_revenue_order=True)
    )
    longer = {
        **frames,
        "weekly_revenue": pd.concat([frames["weekly_revenue"], tail]),
        "fct_order_items": pd.concat([frames["fct_order_items"], lines]),
    }
    for name, rows in model.score(folder, longer, SETTINGS).items():
        pd.testing.assert_frame_equal(rows, scored[name], check_exact=True)


@pytest.mark.slow
def test_a_baseline_that_was_chosen_is_what_is_served(frames: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / model.FILE).write_text(json.dumps({"champion": "mean_12", "seed": 1}))
    rows = model.score(tmp_path, frames, SETTINGS)["revenue_forecast"]
    total = rows[rows["series"] == "total"]
    assert set(rows["method"]) == {"mean_12"}
    assert total["forecast"].tolist() == pytest.approx([frames["weekly_revenue"]["revenue"].tail(12).mean()] * 4)


@pytest.mark.slow
def test_weeks_that_are_handed_in_get_the_forecast_of_the_shop(
    folder: Path, candidate: Candidate, scored: Mapping[str, pd.DataFrame]
) -> None:
    answer = model.predict(folder, candidate.example)
    rows = scored["revenue_forecast"]
    of_shop = rows[rows["series"] == "total"].reset_index(drop=True)
    assert answer["week_start"].tolist() == of_shop["week_start"].tolist()
    assert (answer["lower_80"] <= answer["forecast"]).all()
    with pytest.raises(BadInput, match="a forecast needs 26"):
        model.predict(folder, candidate.example.head(20))


def test_input_that_cannot_be_forecast_is_refused(frames: dict[str, pd.DataFrame]) -> None:
    model.check(frames)
    with pytest.raises(BadInput, match="There are 20 complete weeks; a forecast needs 26"):
        model.check({**frames, "weekly_revenue": frames["weekly_revenue"].head(20)})

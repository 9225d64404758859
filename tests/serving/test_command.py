"""From the small shop's tables to answers: what `lakehouse score` leaves, `lakehouse serve` and MLflow answer."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import uvicorn
from deltalake import DeltaTable, write_deltalake

from lakehouse import cli
from lakehouse.settings import ROOT
from ml import steps
from ml.registry import Registry
from ml.serving import arrays
from ml.serving.core import Service
from tests.conftest import Once
from tests.delta import query
from tests.runs import command, environment_for
from tests.serving.compared import compare
from tests.serving.running import LOOPBACK, Running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def scored_warehouse(shop_warehouse: Path, once: Once) -> Path:
    """The small shop with champions that have scored; tests read it and leave it as it is."""

    def fill(folder: Path) -> None:
        shutil.copytree(shop_warehouse, folder / "warehouse")
        run = command(folder / "warehouse", module="tests.serving.champions")
        assert run.returncode == 0, run.stdout + run.stderr

    return once("shop_scored", fill) / "warehouse"


def test_everybody_and_every_product_is_answered_as_in_the_tables(scored_warehouse: Path, tmp_path: Path) -> None:
    found = compare(scored_warehouse, Service.open(scored_warehouse / "serving"))
    assert found.different == []
    assert min(found.asked.values()) >= 59
    changed = tmp_path / "warehouse"
    for name in ("gold", "ml"):
        shutil.copytree(scored_warehouse / name, changed / name)
    for table in found.asked:
        path = str(changed / "ml" / table)
        rows = DeltaTable(path).to_pandas()
        column = "score" if "score" in rows else "churn_probability"
        write_deltalake(path, rows.assign(**{column: rows[column] + 1}), mode="overwrite", schema_mode="overwrite")
    different = compare(changed, Service.open(scored_warehouse / "serving")).different
    assert {key.split()[0] for key in different} == set(found.asked)


@pytest.fixture
def serving(scored_warehouse: Path) -> Iterator[tuple[Running, subprocess.Popen[str]]]:
    words = [sys.executable, "-m", "lakehouse", "serve", "--port", "0"]
    environment = environment_for(scored_warehouse, LAKEHOUSE_API_KEY="")
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        there = Running(int(process.stdout.readline().rpartition(":")[2]))
        assert f"{there.address}/docs lists what can be asked. Ctrl-C ends it." in process.stdout.readline()
        yield there, process
        process.kill()


def test_the_command_serves_until_ctrl_c(
    serving: tuple[Running, subprocess.Popen[str]], scored_warehouse: Path
) -> None:
    there, process = serving
    somebody = query(scored_warehouse, "select min(customer_unique_id) as it from ml__churn_scores")[0]["it"]
    service = Service.open(scored_warehouse / "serving")
    for path, question in (("recommendations", "customer"), ("risks", "risk_of")):
        assert there.get(f"/{path}/{somebody}").json == service.score({question: somebody})
    versions = {one["name"]: one["version"] for one in there.get("/health").json["models"]}
    for name in ("recommender", "churn"):
        champion = Registry(scored_warehouse).champion(name)
        assert champion is not None
        assert versions[name] == champion.number
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "Stopped. Requests under way were answered." in err
    assert "Traceback" not in err


def test_without_scores_a_free_port_or_a_key_it_says_what_to_do(
    scored_warehouse: Path, warehouse: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["lakehouse", "serve", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 1
        return capsys.readouterr().err

    monkeypatch.delenv("LAKEHOUSE_API_KEY", raising=False)
    assert "Run `lakehouse score all` first." in refused()
    (warehouse / "serving").mkdir(parents=True)
    (warehouse / "serving" / "churn.npz").write_bytes(b"PK half of a file")
    assert "Run `lakehouse score all` again." in refused()
    arrays.write(warehouse / "serving" / "churn.npz", arrays.Online({}, {"persons": arrays.text(["a"])}))
    assert "was written by another version" in refused()
    monkeypatch.setenv("LAKEHOUSE_WAREHOUSE", str(scored_warehouse))
    with socket.create_server((LOOPBACK, 0)) as taken:
        assert "Choose another port or host." in refused("--port", str(taken.getsockname()[1]))
    assert "set LAKEHOUSE_API_KEY" in refused("--host", "0.0.0.0")
    monkeypatch.setenv("LAKEHOUSE_API_KEY", "a key that is long enough")
    assert "a..b:8000 cannot be listened on" in refused("--host", "a..b")

    def unreadable(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(arrays, "read", unreadable)
    assert "What is served cannot be read: [Errno 13] Permission denied" in refused()


def test_mlflow_serves_what_is_registered_by_the_keys_of_the_business(scored_warehouse: Path) -> None:
    registry = Registry(scored_warehouse)
    registry._client()
    rows = query(scored_warehouse, "select * from ml__churn_scores order by customer_unique_id limit 5")
    people = [row["customer_unique_id"] for row in rows]
    product = query(scored_warehouse, "select min(product_id) as it from ml__similar_products")[0]["it"]
    risks = _invoked("churn", [{"customer_unique_id": name} for name in (*people, "somebody new")])
    for risk, row in zip(risks, rows, strict=False):
        assert risk["churn_probability"] == pytest.approx(row["churn_probability"], rel=1e-12)
        assert (risk["reason_1"], risk["is_known"]) == (row["reason_1"], True)
    assert not risks[5]["is_known"]
    assert pd.isna(pd.Series(risks[5]["churn_probability"])).all()
    lists = _invoked("recommender", [{"customer_unique_id": people[0]}, {"basket": [product]}, {"views": [product]}])
    service = Service.open(scored_warehouse / "serving")
    for place, question in enumerate(({"customer": people[0]}, {"basket": [product]}, {"views": [product]})):
        expected = [offer["product_id"] for offer in service.score(question)["recommendations"]]
        assert [row["product_id"] for row in lists if row["question"] == place] == expected


def _invoked(name: str, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """What MLflow's own server answers for the champion, over the wire."""
    from mlflow.pyfunc import scoring_server

    app = scoring_server.init(mlflow.pyfunc.load_model(f"models:/{name}@champion"))
    made = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    with socket.create_server((LOOPBACK, 0)) as listening:
        there = Running(listening.getsockname()[1])
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            columns = list(dict.fromkeys(column for row in rows for column in row))
            frame = {"columns": columns, "data": [[row.get(column) for column in columns] for row in rows]}
            reply = there.post("/invocations", json.dumps({"dataframe_split": frame}).encode())
        finally:
            made.should_exit = True
            thread.join()
    assert reply.status == 200, reply.text
    answers: list[dict[str, object]] = reply.json["predictions"]
    return answers


def test_scores_that_are_put_back_are_not_served(scored_warehouse: Path, tmp_path: Path) -> None:
    changed = tmp_path / "warehouse"
    shutil.copytree(scored_warehouse, changed)
    before = {path.name: path.read_bytes() for path in (changed / "serving").iterdir()}
    scoring = steps.score("recommender", "local", changed)
    assert scoring.online is not None
    assert {path.name: path.read_bytes() for path in (changed / "serving").iterdir()} == before
    (changed / "serving" / "recommender.npz").unlink()
    steps.publish(changed, [scoring])
    assert {path.name: path.read_bytes() for path in (changed / "serving").iterdir()} == before
    assert DeltaTable(str(changed / "ml" / "product_recommendations")).version() > 0

"""The files of a deployment: well formed and of one mind with each other. Nothing here has been deployed."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]

from lakehouse.settings import ROOT
from ml.serving import arrays
from ml.serving.core import Service
from tests.conftest import need
from tests.serving.shop import Scored

FOLDER = ROOT / "deploy" / "serving"
EXTRA = "what checks a deployment is not installed: make check-serving"


def requirements(lines: list[str]) -> dict[str, str]:
    """Versions by package; all of them pinned."""
    pins = [
        line.partition(";")[0].strip() for line in lines if line.strip() and not line.strip().startswith(("#", "-"))
    ]
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[\w+\])?==([\w.]+)", pin) for pin in pins]
    assert all(found), [pin for pin, match in zip(pins, found, strict=True) if not match]
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def pinned_for_image() -> dict[str, str]:
    return requirements((FOLDER / "requirements.txt").read_text().splitlines())


def pinned_for_azure() -> dict[str, str]:
    (pip,) = [entry["pip"] for entry in _yaml("environment.yml")["dependencies"] if isinstance(entry, dict)]
    return requirements(pip)


def locked() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([\w.]+)", line):
            found.setdefault(match[1].lower(), set()).add(match[2])
    return found


def _yaml(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def other_versions(pinned: dict[str, str]) -> set[str]:
    """Pins that differ from those that the tests run with."""
    return {name for name, version in pinned.items() if version not in locked().get(name, {version})}


def test_the_versions_are_those_that_are_tested() -> None:
    assert other_versions(pinned_for_image()) == set()
    assert other_versions(pinned_for_azure()) == set()
    assert other_versions({"numpy": "1.0", "azureml-inference-server-http": "1.5.1"}) == {"numpy"}
    assert "azureml-inference-server-http" in pinned_for_azure()


def imported_by(module: str) -> set[str]:
    """The packages that a module imports at its start, in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-c", f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tops = {name.partition(".")[0] for name in json.loads(told.stdout)}
    owners = packages_distributions()
    return {owner.lower().replace("_", "-") for top in tops for owner in owners.get(top, ())}


@pytest.mark.slow
def test_the_image_has_what_the_server_imports_and_the_server_imports_little() -> None:
    imported = imported_by("ml.serving.server")
    direct = {"fastapi", "httptools", "implicit", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "starlette"}
    direct |= {"threadpoolctl", "uvicorn"}
    assert direct <= imported
    assert set(pinned_for_image()) == direct
    for heavy in ("mlflow", "pyspark", "xgboost", "matplotlib", "scikit-learn", "deltalake", "dbt-core"):
        assert heavy not in imported, f"{heavy} is imported at the start"
    core = imported_by("ml.serving.core")
    assert set(pinned_for_azure()) - {"azureml-inference-server-http"} == direct & core


def test_the_image_runs_as_nobody_and_watches_over_itself() -> None:
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    told = [line.split(maxsplit=1) for line in lines if line and not line.startswith(("#", " "))]
    steps = dict(told)
    assert steps["ARG"].startswith("BASE=python:3.12")
    assert steps["FROM"] == "${BASE}"
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", steps["USER"])
    assert "HEALTHCHECK" in steps
    assert json.loads(steps["CMD"])[:3] == ["python", "-m", "ml.serving"]
    for name in [words.split()[0] for step, words in told if step == "COPY"]:
        assert (ROOT / name).exists(), name
    kept = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert kept[0] == "*"
    assert {line[1:] for line in kept if line.startswith("!")} == {"ml", "deploy/serving/requirements.txt"}


def test_the_deployment_names_what_is_there() -> None:
    endpoint, deployment, environment = map(_yaml, ("endpoint.yml", "deployment.yml", "environment.yml"))
    assert deployment["endpoint_name"] == endpoint["name"]
    assert endpoint["auth_mode"] == "key"
    assert deployment["environment"] == f"azureml:{environment['name']}@latest"
    code = deployment["code_configuration"]
    assert (FOLDER / code["code"]).resolve() == ROOT
    assert (ROOT / code["scoring_script"]).exists()


def hadolint(dockerfile: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    need(program is not None, "REQUIRE_DEPLOY", EXTRA)
    return subprocess.run([str(program), str(dockerfile)], capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing_in_the_dockerfile(tmp_path: Path) -> None:
    found = hadolint(FOLDER / "Dockerfile")
    assert (found.returncode, found.stdout) == (0, "")
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && pip install numpy\n")
    assert hadolint(tmp_path / "Dockerfile").returncode == 1


@pytest.fixture(scope="module")
def load() -> Callable[[str, Path], Any]:
    """Azure ML's own loaders of its files."""
    need(importlib.util.find_spec("azure") is not None, "REQUIRE_DEPLOY", EXTRA)
    need(importlib.util.find_spec("azure.ai") is not None, "REQUIRE_DEPLOY", EXTRA)
    from azure.ai import ml

    return lambda kind, path: getattr(ml, f"load_online_{kind}")(path)


def test_azure_ml_reads_its_files(load: Callable[[str, Path], Any], tmp_path: Path) -> None:
    endpoint, deployment = load("endpoint", FOLDER / "endpoint.yml"), load("deployment", FOLDER / "deployment.yml")
    assert (endpoint.name, endpoint.auth_mode) == ("customer-intelligence", "key")
    assert deployment.endpoint_name == endpoint.name
    assert deployment.code_configuration.scoring_script == "deploy/serving/score.py"
    assert deployment.request_settings.request_timeout_ms == 5000
    for kind in ("endpoint", "deployment"):
        broken = _yaml(f"{kind}.yml") | {"instance_kount": 1}
        (tmp_path / "broken.yml").write_text(yaml.safe_dump(broken))
        with pytest.raises(Exception, match="instance_kount"):
            load(kind, tmp_path / "broken.yml")


def test_a_fault_of_ours_is_not_said_to_be_the_askers(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "azureml_inference_server_http.api.aml_response"
    stub: Any = types.ModuleType(name)
    stub.AMLResponse = lambda content, status, json_str: (status, content)
    for part in ("azureml_inference_server_http", "azureml_inference_server_http.api"):
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    monkeypatch.setitem(sys.modules, name, stub)
    spec = importlib.util.spec_from_file_location("score", FOLDER / "score.py")
    assert spec is not None
    assert spec.loader is not None
    score: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    score.service = service
    assert score.run('{"product": "p003"}') == (200, service.score({"product": "p003"}))
    for bad in ("no JSON", "[" * 100_000, '{"user_id": 3}'):
        assert score.run(bad)[0] == 400

    def broken(question: Any) -> Any:
        raise ValueError("an array of another shape")

    monkeypatch.setattr(service, "score", broken)
    with pytest.raises(ValueError, match="another shape"):
        score.run('{"product": "p003"}')


def ask(models: Path, questions: list[Any]) -> list[Any]:
    told = subprocess.run(
        [sys.executable, "-m", "tests.serving.azure_server", str(models)],
        cwd=ROOT,
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    replies: list[Any] = json.loads(told.stdout.strip().splitlines()[-1])
    return replies


def test_azure_ml_answers_as_the_core_does(small: Scored, service: Service, tmp_path: Path) -> None:
    need(importlib.util.find_spec("azureml_inference_server_http") is not None, "REQUIRE_DEPLOY", EXTRA)
    # Azure ML puts a registered folder under its name.
    arrays.write(tmp_path / "serving" / "recommender.npz", small.online.saying(version=7))
    questions: list[Any] = [{"customer": "c0001"}, {"customer": "nobody"}, {"basket": ["p003"]}, {"product": "p003"}]
    bad = ['{"user_id": 3}', "[" * 5000, "no JSON", {"product": "never met"}, {"risk_of": "c0001"}]
    replies = ask(tmp_path, [*questions, *bad])
    assert replies[: len(questions)] == [[200, service.score(question)] for question in questions]
    assert [status for status, _ in replies[len(questions) :]] == [400, 400, 400, 404, 404]
    assert all(len(body["error"]) > 10 for _, body in replies[len(questions) :])

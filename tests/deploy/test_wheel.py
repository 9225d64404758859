"""The wheel carries what the tasks on Databricks need: tried where the packages are and the checkout is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

import pytest

from lakehouse.cli import main
from lakehouse.settings import ROOT
from tests.conftest import Once
from tests.deploy.wheel import Wheel

pytestmark = pytest.mark.slow

FROM_RUNTIME = {"pyspark", "pysail", "databricks-connect", "dbt-databricks"}
"""A cluster has a Spark of its own; another one must not be put over it."""
MODULES = (
    *(
        "data_generation.generate",
        "expectations.suites",
        "lakehouse.cli",
        "lakehouse.upload",
        "ml.steps",
        "ml.serving",
    ),
    "dbt.adapters.lakehouse",
)


class Place(NamedTuple):
    """A virtual environment with the wheel in it."""

    python: str
    scripts: Path
    environment: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False, cwd=self.scripts
        )


@pytest.fixture(scope="session")
def place(wheel: Wheel, once: Once) -> Place:
    """An environment with the wheel, all packages of this one, and no way to the checkout."""

    def fill(folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        python = folder / "venv" / "bin" / "python"
        words = ["install", "--quiet", "--no-deps", "--no-index", str(wheel.path)]
        subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *words], check=True)
        (site,) = (folder / "venv").glob("lib/python*/site-packages")
        # What a .pth file names is searched; the .pth files in there, the checkout's among them, are not read.
        packages = [path for path in sys.path if Path(path).name == "site-packages"]
        (site / "packages.pth").write_text("\n".join([*packages, sysconfig.get_paths()["purelib"]]) + "\n")

    folder = once("wheel_place", fill)
    # Scripts name the interpreter by the path that it had when they were installed.
    scripts = folder / "venv" / "bin"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return Place(str(scripts / "python"), scripts, {**environment, "PYTHONSAFEPATH": "1"})


def test_the_wheel_is_what_is_imported(place: Place) -> None:
    code = (
        "import importlib, json; "
        f"print(json.dumps({{name: importlib.import_module(name).__file__ for name in {MODULES!r}}}))"
    )
    run = place.run(place.python, "-c", code)
    assert run.returncode == 0, run.stderr
    for name, file in json.loads(run.stdout.splitlines()[-1]).items():
        assert Path(file).is_relative_to(place.scripts.parent), f"{name} is not from the wheel: {file}"
        assert not Path(file).is_relative_to(ROOT)


def test_every_model_can_be_loaded_from_the_wheel(place: Place) -> None:
    code = "from ml import models; print([models.load(name).NAME for name in models.MODULES])"
    run = place.run(place.python, "-c", code)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "['recommender', 'churn', 'forecast']"


def test_every_entry_point_answers(place: Place, wheel: Wheel) -> None:
    assert wheel.entry_points
    for name, target in wheel.entry_points.items():
        module, function = target.split(":")
        # As a task of Databricks calls it: by the name that the metadata of the package gives it.
        code = (
            "import sys; from importlib.metadata import distribution; "
            f"sys.argv = ['{name}', '--help']; "
            f"(point,) = [p for p in distribution('{wheel.package}').entry_points if p.name == '{name}']; "
            "point.load()(); print('went on')"
        )
        run = place.run(place.python, "-c", code)
        assert run.returncode == 0, f"{module}.{function}: {run.stderr}"
        assert "Usage" in run.stdout
        assert run.stdout.rstrip().endswith("went on")


def test_the_wheel_takes_a_delivery_in_and_checks_it(place: Place, shop: Path, tmp_path: Path) -> None:
    folders = {"LAKEHOUSE_WAREHOUSE": str(tmp_path / "warehouse"), "LAKEHOUSE_SITE": str(tmp_path / "site")}
    one = place._replace(environment={**place.environment, **folders})
    words = ("ingest", "--path", str(shop), "--delivered-on=")
    run = one.run(
        place.python,
        "-c",
        f"import sys; sys.argv = {['lakehouse', *words]!r}; from lakehouse.cli import main; main()",
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "warehouse" / "bronze" / "orders" / "_delta_log").is_dir()
    assert (tmp_path / "site" / "quality" / "index.html").exists()


def test_the_checkout_cannot_be_seen_from_there(place: Place, wheel: Wheel) -> None:
    assert {"data_generation/profile.json", "ml/forecast/calendar.csv"} <= wheel.files
    run = place.run(place.python, "-c", "import tests.runs")
    assert "No module named 'tests" in run.stderr, "the other tests prove nothing"


def test_the_wheel_puts_no_spark_over_that_of_the_cluster(wheel: Wheel) -> None:
    assert not wheel.requires & FROM_RUNTIME


def test_a_command_that_went_well_just_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A task of Databricks takes SystemExit(0) for a failure.
    monkeypatch.setattr(sys, "argv", ["lakehouse", "--help"])
    main()
    assert "Usage" in capsys.readouterr().out


def test_a_command_that_failed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["build", "--layer", "lead"], ["build", "--no-such-option"]):
        monkeypatch.setattr(sys, "argv", ["lakehouse", *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code

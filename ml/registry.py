"""The register of models: the only file that talks to MLflow.

A version is a folder that :attr:`ml.candidate.Candidate.save` wrote, and code to load it; there is no pickle in it.
The alias ``champion`` is on the version that scores, ``challenger`` on the newest that does not.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from lakehouse import settings
from lakehouse.errors import LakehouseError, disk_errors_explained, disk_full, is_disk_full
from lakehouse.replacing import replacing
from ml.candidate import Candidate, Decision
from ml.models import MODULES, Model
from ml.saved import digest, flat_metrics, refuse_pickles

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
CONTENT = "content"
CARD = "model_card.md"
PRIMARY = "primary_metric"
MORE_IS_BETTER = "more_is_better"
REQUIREMENTS = (
    *("implicit", "mlflow", "mlforecast", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "statsforecast"),
    "xgboost",
)
_SQLITE = "sqlite:///"
_DATABRICKS = "databricks"
_TRACKING = "MLFLOW_TRACKING_URI"
_REGISTRY = "MLFLOW_REGISTRY_URI"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


class RegistryBusy(LakehouseError):
    """Another program holds the registry's database."""


class Version(NamedTuple):
    """A registered version of a model.

    ``metrics`` are those of its training, a baseline's as ``baseline/metric``; ``primary`` is the one that is shown;
    ``content`` is the digest of all that was learned, measured and decided.
    """

    model: str
    number: int
    aliases: tuple[str, ...]
    metrics: Mapping[str, float]
    primary: str
    more_is_better: bool
    trained_at: datetime
    run_id: str
    content: str


class Registry:
    """The versions of all models over one warehouse, or on a server.

    ``MLFLOW_TRACKING_URI`` and ``MLFLOW_REGISTRY_URI`` say where, as everywhere with MLflow; without them it is
    ``mlflow.db`` and ``mlartifacts/`` in :func:`lakehouse.settings.mlflow_folder`. In Unity Catalog a model's name
    has three parts; the first two are those of the profile ``databricks``.

    Args:
        warehouse: the folder of the tables that the models learn from.
    """

    def __init__(self, warehouse: Path) -> None:
        self._folder = settings.mlflow_folder(warehouse)
        self._uri = settings.mlflow_uri(warehouse)
        self._opened: MlflowClient | None = None

    def versions(self, model: str) -> list[Version]:
        """All versions of a model, oldest first.

        Raises:
            LakehouseError: the registry cannot be used.
        """
        if self._uri.startswith(_SQLITE) and not Path(self._uri.removeprefix(_SQLITE)).exists():
            return []
        with self._explained():
            client, name = self._client(), self._full_name(model)
            found = client.search_model_versions(f"name = '{name}'") if self._is_registered(name) else []
            aliases = self._aliases(model) if found else {}
            # A search in Unity Catalog does not tell the tags.
            whole = (client.get_model_version(name, one.version) for one in found)
            return sorted((self._version(model, one, aliases) for one in whole), key=lambda version: version.number)

    def champion(self, model: str) -> Version | None:
        """The version that scores, if there is one; raises as :meth:`versions`."""
        return next((version for version in self.versions(model) if CHAMPION in version.aliases), None)

    @contextmanager
    def folder(self, version: Version) -> Iterator[Path]:
        """A copy of what was saved of a version, for the length of the block.

        Raises:
            LakehouseError: its files are not there any more, or the registry cannot be used.
        """
        mlflow = _quiet_mlflow()
        with tempfile.TemporaryDirectory() as copy:
            try:
                self._client()
                uri = f"models:/{self._full_name(version.model)}/{version.number}"
                saved = Path(mlflow.artifacts.download_artifacts(uri, dst_path=copy)) / "artifacts" / "model"
                gone = "" if saved.is_dir() else "they hold no model"
            except (mlflow.MlflowException, OSError) as error:
                gone = str(error).splitlines()[0]
            if gone:
                _refuse_to_wait(f"in {self._folder}", gone)
                raise LakehouseError(
                    f"The files of {version.model}, version {version.number}, cannot be read: {gone}.",
                    f"Bring them back from a copy, or train it anew: `lakehouse train {version.model}`.",
                )
            yield saved

    def card(self, version: Version) -> str:
        """The model card of a version, in Markdown.

        Raises:
            LakehouseError: it is not there any more, or the registry cannot be used.
        """
        mlflow = _quiet_mlflow()
        with self._explained():
            self._client()
            return str(mlflow.artifacts.load_text(f"runs:/{version.run_id}/{CARD}"))

    def register(
        self, name: str, model: Model, candidate: Candidate, provenance: Mapping[str, str]
    ) -> tuple[Version, bool]:
        """Register a candidate with all that is known of it, unless a whole version is the same to the digit.

        Args:
            name: of the model, a key of ``ml.models.MODULES``.
            model: what trained it.
            candidate: to be registered.
            provenance: tags of the run: what it learned from.

        Returns:
            The version, and whether it is new. It has no alias yet.

        Raises:
            LakehouseError: the registry cannot be used, or the disk is full.
            ValueError: the candidate saved a pickle.
        """
        with (
            disk_errors_explained(self._folder, "point LAKEHOUSE_MLFLOW at another"),
            tempfile.TemporaryDirectory() as temporary,
        ):
            saved = Path(temporary) / "model"
            saved.mkdir()
            candidate.save(saved)
            refuse_pickles(saved)
            content = digest(saved, candidate)
            same = next((one for one in self.versions(name) if one.content == content and self._is_whole(one)), None)
            if same is not None:
                return same, False
            with self._explained():
                number = self._log(name, model, candidate, saved, {**provenance, CONTENT: content})
        return next(one for one in self.versions(name) if one.number == number), True

    def _is_whole(self, version: Version) -> bool:
        """Whether its files are there: a version that lost them cannot score, however equal it is."""
        try:
            with self.folder(version):
                return True
        except RegistryBusy:
            raise
        except LakehouseError:
            return False

    def settle(self, version: Version, decision: Decision) -> Version:
        """Keep the decision with the version's run, and move the aliases as it says.

        Returns:
            The version with its aliases.

        Raises:
            LakehouseError: the registry cannot be used.
        """
        with self._explained():
            client, name, number = self._client(), self._full_name(version.model), str(version.number)
            client.log_dict(version.run_id, decision.as_dict(), "decision.json")
            client.set_tag(version.run_id, "decision", "promoted" if decision.promote else "not promoted")
            client.set_tag(version.run_id, "decision_reasons", " ".join(decision.reasons)[:5000])
            alias = CHAMPION if decision.promote else CHALLENGER
            client.set_registered_model_alias(name, alias, number)
            if decision.promote and self._aliases(version.model).get(CHALLENGER) is not None:
                client.delete_registered_model_alias(name, CHALLENGER)
        return version._replace(aliases=(alias,))

    def put_back(self, model: str, aliases: Mapping[str, int]) -> None:
        """Give the aliases to the versions that had them, and take them from all others.

        Raises:
            LakehouseError: the registry cannot be used.
        """
        now = {alias: version.number for version in self.versions(model) for alias in version.aliases}
        if now == aliases:
            return
        with self._explained():
            client, name = self._client(), self._full_name(model)
            for alias in (CHAMPION, CHALLENGER):
                if alias in aliases and now.get(alias) != aliases[alias]:
                    client.set_registered_model_alias(name, alias, str(aliases[alias]))
                elif alias in now and alias not in aliases:
                    client.delete_registered_model_alias(name, alias)

    def _log(self, name: str, model: Model, candidate: Candidate, saved: Path, tags: Mapping[str, str]) -> int:
        mlflow = _quiet_mlflow()
        client = self._client()
        primary, more_is_better = model.PRIMARY
        with mlflow.start_run(experiment_id=self._experiment(name), tags=dict(tags), log_system_metrics=False) as run:
            mlflow.log_params(dict(candidate.params))
            mlflow.log_metrics(flat_metrics(candidate))
            for title, figure in candidate.figures.items():
                mlflow.log_figure(figure, f"figures/{title}.png")
            mlflow.log_text(candidate.card, CARD)
            mlflow.log_dict(candidate.decision.as_dict(), "decision_of_candidate.json")
            with warnings.catch_warnings(), _import_path_kept():
                warnings.simplefilter("ignore")  # about whole numbers without nulls, and hints of types
                logged = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(Path(__file__).parent / "serving" / "pyfunc.py"),
                    artifacts={"model": str(saved)},
                    code_paths=[str(Path(__file__).parent)],
                    model_config={"module": MODULES[name]},
                    signature=mlflow.models.infer_signature(
                        candidate.example, model.predict(saved, candidate.example)
                    ),
                    input_example=candidate.example,
                    pip_requirements=[f"{package}=={installed(package)}" for package in REQUIREMENTS],
                )
        full_name = self._full_name(name)
        if not self._is_registered(full_name):
            client.create_registered_model(full_name)
        made = client.create_model_version(
            full_name,
            logged.model_uri,
            run.info.run_id,
            tags={CONTENT: tags[CONTENT], PRIMARY: primary, MORE_IS_BETTER: str(more_is_better).lower()},
            model_id=logged.model_id,
        )
        return int(made.version)

    def _client(self) -> MlflowClient:
        if self._opened is None:
            mlflow = _quiet_mlflow()
            if self._uri.startswith(_SQLITE):
                self._folder.mkdir(parents=True, exist_ok=True)
                _make_database(Path(self._uri.removeprefix(_SQLITE)))
            before = {name: os.environ.get(name) for name in (_TRACKING, _REGISTRY)}
            mlflow.set_tracking_uri(self._uri)
            # Left to itself it asks the Spark session of the process, which may have ended, where models go.
            on_databricks = self._uri.startswith(_DATABRICKS)
            mlflow.set_registry_uri(before[_REGISTRY] or (None if on_databricks else self._uri))
            # It leaves the addresses in the environment, where the next warehouse would take them for the user's.
            for name in (name for name, value in before.items() if value is None):
                os.environ.pop(name, None)
            self._opened = mlflow.MlflowClient()
        return self._opened

    def _experiment(self, name: str) -> str:
        mlflow = _quiet_mlflow()
        local = self._uri.startswith(_SQLITE)
        title = self._experiment_name(name)
        found = mlflow.get_experiment_by_name(title)
        if found is not None:
            return str(found.experiment_id)
        return str(mlflow.create_experiment(title, str(self._folder / "mlartifacts") if local else None))

    def _experiment_name(self, model: str) -> str:
        """On Databricks it is a path; in a folder that everybody has, because MLflow makes none."""
        if not self._uri.startswith(_DATABRICKS):
            return model
        return f"/Shared/customer_intelligence_lakehouse_{settings.databricks_prefix()}_{model}"

    def _is_registered(self, full_name: str) -> bool:
        mlflow = _quiet_mlflow()
        try:
            self._client().get_registered_model(full_name)
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return True

    def _full_name(self, model: str) -> str:
        mlflow = _quiet_mlflow()
        self._client()
        if not mlflow.get_registry_uri().startswith("databricks-uc"):
            return model
        return f"{settings.databricks_catalog()}.{settings.databricks_schema('ml')}.{model}"

    def _aliases(self, model: str) -> dict[str, int]:
        registered = self._client().get_registered_model(self._full_name(model))
        return {alias: int(number) for alias, number in registered.aliases.items()}

    def _version(self, model: str, one: ModelVersion, aliases: Mapping[str, int]) -> Version:
        number = int(one.version)
        return Version(
            model,
            number,
            tuple(sorted(alias for alias, of in aliases.items() if of == number)),
            dict(self._client().get_run(str(one.run_id)).data.metrics),
            one.tags.get(PRIMARY, ""),
            one.tags.get(MORE_IS_BETTER) == "true",
            datetime.fromtimestamp(one.creation_timestamp / 1000, UTC),
            str(one.run_id),
            one.tags.get(CONTENT, ""),
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """MLflow's errors, and those of the database under it, as a message."""
        mlflow = _quiet_mlflow()
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (mlflow.MlflowException, SQLAlchemyError) as error:
            where = f"at {_TRACKING}" if _TRACKING in os.environ else f"in {self._folder}"
            if is_disk_full(error):
                raise disk_full(self._folder, "point LAKEHOUSE_MLFLOW at another") from error
            said = str(error).splitlines()[0]
            _refuse_to_wait(where, said)
            raise LakehouseError(
                f"The model registry {where} cannot be used: {said}",
                "Look at what it says; after an update of MLflow, `mlflow db upgrade` may be needed.",
            ) from error


def _refuse_to_wait(where: str, said: str) -> None:
    """SQLite has waited already; what it then says is not of the version or the files that were asked for."""
    if "database is locked" in said:
        raise RegistryBusy(
            f"The model registry {where} cannot be used: another program is writing to it.",
            "Wait until that program, such as a training or MLflow's own pages, has ended, or end it. Then run the "
            "command again.",
        )


def _quiet_mlflow() -> ModuleType:
    """MLflow, imported when it is first needed; it sends nothing, and logs no exception that we explain."""
    os.environ.update(_QUIET)
    import mlflow

    for library in ("mlflow", "alembic"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return mlflow


def _make_database(path: Path) -> None:
    """Let MLflow make its database, unless it is there.

    Beside its place: it takes a thousand statements, each of them a commit, and MLflow cannot go on from a part.
    """
    if path.exists():
        return
    mlflow = _quiet_mlflow()
    with replacing(path) as new:
        for left in path.parent.glob(f"{new.name}*"):
            left.unlink()
        mlflow.MlflowClient(f"{_SQLITE}{new}").search_experiments(max_results=1)


@contextmanager
def _import_path_kept() -> Iterator[None]:
    """MLflow tries a model out, and leaves the folder of its code in the way of ours."""
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path = before

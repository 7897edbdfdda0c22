"""MLflow as the platform uses it: runs with readable names, curves, figures, provenance.

Belongs here: writing a training run. Does not belong here: the model registry (`registry`).
MLflow takes seconds to import, so it is imported when it is first used.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personax_assets.errors import PersonaXError
from personax_assets.locking import exclusive

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import ActiveRun, MlflowClient


CURVE = "curve/"
"""Prefix of metrics that have a value per epoch."""


class Tracking:
    """A connection to MLflow.

    Parameters
    ----------
    uri : str
        Tracking URI.
    artifacts : Path
        Folder for artifacts of experiments that are created here.
    """

    def __init__(self, uri: str, artifacts: Path) -> None:
        self.uri, self.artifacts = uri, artifacts

    @cached_property
    def mlflow(self) -> Any:
        """The `mlflow` module, pointed at this store."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        # A server that is not there is told after seconds, not after minutes of retries.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        import mlflow

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        return mlflow

    @cached_property
    def client(self) -> "MlflowClient":
        """A client of this store.

        Raises
        ------
        PersonaXError
            If the store does not answer.
        """
        try:
            mlflow = self.mlflow
            # Two first users at once would both try to create the store's tables, which happens
            # as soon as there is a client.
            with exclusive(self.artifacts.parent / "locks" / "mlflow.lock"):
                client: MlflowClient = mlflow.MlflowClient(self.uri, self.uri)
                client.search_experiments(max_results=1)
        except Exception as error:  # MLflow, SQLAlchemy and urllib3 each raise their own
            raise PersonaXError(
                f"MLflow at {_without_password(self.uri)} does not answer "
                f"({type(error).__name__}); start it, or unset MLFLOW_TRACKING_URI to use the "
                "store in the home"
            ) from error
        return client

    @contextmanager
    def run(self, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator["ActiveRun"]:
        """Open a run, nested in the active one; it is marked as failed if the block raises."""
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            identifier = self.client.create_experiment(experiment, self._artifact_location())
        else:
            identifier = found.experiment_id
        with self.mlflow.start_run(
            experiment_id=identifier,
            run_name=name,
            nested=self.mlflow.active_run() is not None,
            tags=dict(tags),
            log_system_metrics=False,
        ) as run:
            yield run

    def _artifact_location(self) -> str | None:
        """Return where a new experiment keeps its artifacts; a server decides that itself."""
        if self.uri.startswith(("http:", "https:", "databricks")):
            return None
        folder = self.artifacts.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return folder.as_uri()

    def log(
        self,
        run_id: str,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        curves: Sequence[Mapping[str, float]] = (),
    ) -> None:
        """Write parameters, final metrics, and one point per epoch of every curve."""
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        points = [Metric(name, value, now, 0) for name, value in metrics.items()]
        points += [
            Metric(f"{CURVE}{name}", float(value), now, int(epoch["epoch"]))
            for epoch in curves
            for name, value in epoch.items()
            if name != "epoch"
        ]
        settings = [Param(name, str(value)[:6000]) for name, value in parameters.items()]
        self.client.log_batch(run_id, params=settings[:100])
        for start in range(0, len(points), 1000):
            self.client.log_batch(run_id, metrics=points[start : start + 1000])

    def log_dataset(self, name: str, digest: str, source: str) -> None:
        """Tell the active run what it was trained on; the data themselves stay where they are."""
        from mlflow.data.code_dataset_source import CodeDatasetSource
        from mlflow.data.meta_dataset import MetaDataset

        dataset = MetaDataset(  # type: ignore[abstract]  # MLflow's own class, used as documented
            CodeDatasetSource(tags={"warehouse": source}), name=name, digest=digest[:36]
        )
        self.mlflow.log_input(dataset, context="training")

    def log_figure(self, figure: "Figure", name: str) -> None:
        """Attach a figure to the active run."""
        self.mlflow.log_figure(figure, f"figures/{name}.png")

    def curves(self, run_id: str) -> dict[str, list[tuple[int, float]]]:
        """Return the curves of a run by name."""
        found = self.client.get_run(run_id).data.metrics
        return {
            name.removeprefix(CURVE): [
                (point.step, point.value) for point in self.client.get_metric_history(run_id, name)
            ]
            for name in found
            if name.startswith(CURVE)
        }


def _without_password(uri: str) -> str:
    """Return a URI without the user and password that it may hold."""
    scheme, mark, rest = uri.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else uri

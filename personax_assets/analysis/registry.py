"""The model registry: versions, aliases, and why a version became what it is.

Belongs here: registering a trained model, proving that it loads, and looking the champion up. Does
not belong here: training, or who becomes champion (`decision`).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.analysis.decision import CHAMPION, Champion, decide
from personax_assets.analysis.measurements import MeasuredPeople, framed
from personax_assets.analysis.tracking import CURVE, Tracking
from personax_assets.errors import PersonaXError, SkipStageError

if TYPE_CHECKING:
    from personax_ml.crl import MultimodalCRL

CLAIM_TAG = "claim/"
"""Prefix of the tags that say what may be claimed of each latent."""

_REASON_TAG = "decision"
_TRIED = 20


@dataclass(frozen=True)
class ModelVersion:
    """One version of one registered model.

    Parameters
    ----------
    name, version : str
        In the registry.
    aliases : tuple of str
        `champion` (in use) or `challenger`.
    created : datetime
        When it was registered, UTC.
    reason : str
        Why it became what it is.
    run_id : str
        The training run.
    metrics : mapping of str to float
        Held-out metrics of the training run.
    claims : mapping of str to str
        Per latent what may be claimed of it.
    """

    name: str
    version: str
    aliases: tuple[str, ...]
    created: datetime
    reason: str
    run_id: str
    metrics: Mapping[str, float]
    claims: Mapping[str, str]


def model_name(dataset: str) -> str:
    """Return the registered name of a sub-dataset's model."""
    return f"personax-crl-{dataset}"


def register(
    tracking: Tracking,
    dataset: str,
    model: "MultimodalCRL",
    people: MeasuredPeople,
    champion: Champion | None,
    claims: Mapping[str, str] | None = None,
    columns: str = "",
) -> ModelVersion:
    """Register the model in the active run, and make it champion if it deserves it.

    The version is loaded back from the registry and must give the very latents that the model
    gives; then `decide` sets it against the champion.

    Parameters
    ----------
    tracking : Tracking
        Where; a run must be open.
    dataset : str
        Name of the sub-dataset.
    model : MultimodalCRL
        The trained model.
    people : MeasuredPeople
        People to try the reloaded model on.
    champion : Champion or None
        The version in use.
    claims : mapping of str to str, optional
        Per latent what may be claimed of it.
    columns : str
        How far its columns mean what the champion's mean; it is told after the reason.

    Raises
    ------
    PersonaXError
        If the registered version does not load or gives other latents; no alias points to it.
    """
    name, client = model_name(dataset), tracking.client
    version = _log_version(tracking, name, model)
    for latent, claim in (claims or {}).items():
        client.set_model_version_tag(name, version, f"{CLAIM_TAG}{latent}", claim)
    fault = _reload_fault(tracking, f"models:/{name}/{version}", model, people)
    if fault:
        client.set_model_version_tag(name, version, _REASON_TAG, f"rejected: {fault}")
        raise PersonaXError(
            f"{name} version {version} is of no use once stored ({fault}); it gets no alias and "
            "the champion stays. Train again, and report this if it happens twice"
        )
    decision = decide(model, champion, people)
    reason = f"{decision.reason}; {columns}" if columns else decision.reason
    client.set_registered_model_alias(name, decision.alias, version)
    client.set_model_version_tag(name, version, _REASON_TAG, reason)
    return next(v for v in versions_of(tracking, name) if v.version == version)


def _log_version(tracking: Tracking, name: str, model: "MultimodalCRL") -> str:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array

    measured = [
        ColSpec(Array(DataType.double), m, required=False) for m in model.config.measurement_names
    ]
    latents = [ColSpec(DataType.double, latent) for latent in model.latent_names]
    with TemporaryDirectory() as folder, _quiet():
        model.save(Path(folder) / "model")
        info = tracking.mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("crl_pyfunc.py")),
            artifacts={"model": str(Path(folder) / "model")},
            signature=ModelSignature(Schema([*measured]), Schema([*latents])),
            pip_requirements=["personax"],
        )
    if not tracking.client.search_registered_models(f"name = '{name}'"):
        tracking.client.create_registered_model(
            name, description="Latents of faces and trait texts; see the metrics for what they are."
        )
    registered = tracking.client.create_model_version(
        name, info.model_uri, run_id=info.run_id, model_id=info.model_id
    )
    return str(registered.version)


def _reload_fault(
    tracking: Tracking, uri: str, model: "MultimodalCRL", people: MeasuredPeople
) -> str:
    """Say what is wrong with the answers of a stored version; empty if nothing is."""
    few = np.arange(len(people.person_ids)) < _TRIED
    tried = people.rows(few)
    for row, x in enumerate(tried.values()):
        x[row % len(x)] = np.nan  # it must cope with a missing measurement
    try:
        answer = _pyfunc(tracking, uri).predict(framed(tried))
    except Exception as error:  # whatever MLflow or the model's code raise, the version is broken
        return f"it does not answer: {type(error).__name__}: {error}"
    if tuple(answer.columns) != model.latent_names:
        return "it answers with other columns"
    same = np.allclose(answer.to_numpy(), model.transform(tried), atol=1e-5, equal_nan=True)
    return "" if same else "it answers with other latents than the trained model"


def champion_version(tracking: Tracking, dataset: str) -> ModelVersion | None:
    """Return the version in use; None if there is none."""
    versions = versions_of(tracking, model_name(dataset))
    return next((v for v in versions if CHAMPION in v.aliases), None)


def current_champion(tracking: Tracking, dataset: str) -> Champion | None:
    """Return the version in use with its model, if that can still be loaded."""
    version = champion_version(tracking, dataset)
    if version is None:
        return None
    try:
        return Champion(version.version, champion_model(tracking, dataset))
    except Exception as error:  # whatever MLflow or the stored code raise, it is of no use now
        return Champion(version.version, None, f"{type(error).__name__}: {error}")


def champion_model(tracking: Tracking, dataset: str) -> "MultimodalCRL":
    """Load the estimator in use from the registry."""
    loaded = _pyfunc(tracking, f"models:/{model_name(dataset)}@{CHAMPION}")
    estimator: MultimodalCRL = loaded.unwrap_python_model().estimator
    return estimator


def list_models(tracking: Tracking) -> list[ModelVersion]:
    """Return all versions of all registered models, newest first."""
    models = tracking.client.search_registered_models()
    return [version for model in models for version in versions_of(tracking, model.name)]


def versions_of(tracking: Tracking, name: str) -> list[ModelVersion]:
    """Return all versions of a registered model, newest first."""
    client = tracking.client
    if not client.search_registered_models(f"name = '{name}'"):
        return []
    by_alias = client.get_registered_model(name).aliases
    found = client.search_model_versions(f"name = '{name}'")
    return [
        ModelVersion(
            name=name,
            version=str(v.version),
            aliases=tuple(a for a, number in by_alias.items() if str(number) == str(v.version)),
            created=datetime.fromtimestamp(v.creation_timestamp / 1000, UTC),
            reason=v.tags.get(_REASON_TAG, "never decided: the run ended before the reload check"),
            run_id=str(v.run_id),
            metrics={
                k: m
                for k, m in client.get_run(str(v.run_id)).data.metrics.items()
                if not k.startswith(CURVE)
            },
            claims={
                k.removeprefix(CLAIM_TAG): claim
                for k, claim in v.tags.items()
                if k.startswith(CLAIM_TAG)
            },
        )
        for v in sorted(found, key=lambda v: -int(v.version))
    ]


def latents_by_champion(
    tracking: Tracking, dataset: str, people: MeasuredPeople, names: Sequence[str]
) -> pl.DataFrame:
    """Return the latents of everybody by the registered champion.

    Raises
    ------
    SkipStageError
        If there is no champion yet.
    """
    version = champion_version(tracking, dataset)
    if version is None:
        raise SkipStageError(f"{model_name(dataset)} has no champion yet; train one")
    model = champion_model(tracking, dataset)
    try:
        latents = model.transform(people.measurements).astype(np.float64)
    except ValueError as error:
        raise PersonaXError(
            f"{version.name} version {version.version}: {error}; train a new model"
        ) from error
    return pl.DataFrame({"person_id": people.person_ids}).with_columns(
        *(_column(latents, model, name) for name in names),
        pl.lit(version.version).alias("model_version"),
    )


def _column(latents: NDArray[np.float64], model: "MultimodalCRL", name: str) -> pl.Series:
    return pl.Series(name, latents[:, model.latent_names.index(name)]).fill_nan(None)


def _pyfunc(tracking: Tracking, uri: str) -> Any:
    with _quiet():
        return tracking.mlflow.pyfunc.load_model(uri)


def _quiet() -> Any:
    """Silence advice about signatures and type hints: the signature is given."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)

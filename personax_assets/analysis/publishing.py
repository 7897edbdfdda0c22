"""One training run, from data to a registered version.

Belongs here: the order of training, tracking and registering, and what is written down about it.
Does not belong here: any of the three.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from personax_assets.analysis import figures
from personax_assets.analysis.columns import predecessor_of
from personax_assets.analysis.decision import Champion
from personax_assets.analysis.measurements import MeasuredPeople
from personax_assets.analysis.registry import (
    ModelVersion,
    champion_version,
    current_champion,
    register,
)
from personax_assets.analysis.tracking import Tracking
from personax_assets.analysis.training import PROTOCOL, REFITS, Trained, crl_config, train_model
from personax_assets.analysis.traversals import face_traversals
from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.progress import progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from personax_ml.crl import CRLConfig, MultimodalCRL


@dataclass(frozen=True)
class TrainingData:
    """What a model is trained on and set against.

    Parameters
    ----------
    people : MeasuredPeople
        The measurements.
    scores : DataFrame
        `person_id, trait, score`.
    latents : DataFrame
        The table `latents`, as the champion left it.
    planted : DataFrame, optional
        Planted factors, where there are any.
    crops : DataFrame, optional
        `person_id, crop` of the first photographs, where faces may be shown.
    source : str
        Where the data lie.
    """

    people: MeasuredPeople
    scores: pl.DataFrame
    latents: pl.DataFrame
    planted: pl.DataFrame | None
    crops: pl.DataFrame | None
    source: str


@dataclass(frozen=True)
class Published:
    """What came of a training run: its version, the champion's number, figures by name."""

    version: ModelVersion
    champion: str
    figures: Mapping[str, "Figure"]


def train_and_register(
    tracking: Tracking,
    sub: SubDataset,
    raters: Sequence[str],
    data: TrainingData,
    *,
    seed: int,
    dagster_run: str,
    checkpoints: Path,
) -> Published:
    """Train, track, register and decide.

    Parameters
    ----------
    tracking : Tracking
        MLflow.
    sub, raters
        The sub-dataset and its raters.
    data : TrainingData
        The data.
    seed : int
        Seed of training.
    dagster_run : str
        Id of the Dagster run, for the link back.
    checkpoints : Path
        Folder for the state of a training that is going on. A call after a kill goes on from it;
        it is removed once the version is registered.
    """
    tags = {
        "dataset": sub.name,
        "simulated": str(data.planted is not None).lower(),
        "dagster/run_id": dagster_run,
        "protocol": PROTOCOL,
    }
    run_name = f"{sub.title}, {len(data.people.person_ids):,} {sub.people}, seed {seed}"
    champion = current_champion(tracking, sub.name)
    with tracking.run(f"PersonaX {sub.title}", run_name, tags) as run:
        trained = _train(sub, raters, data, champion, seed, checkpoints)
        model = trained.model
        tracking.log(
            run.info.run_id,
            _parameters(model.config) | {"people": trained.people},
            {**trained.metrics, "training_seconds": trained.seconds},
            model.curves,
        )
        tracking.log_dataset(sub.name, trained.digest, data.source)
        drawn = _figures(sub, data, model, seed)
        for name, figure in drawn.items():
            tracking.log_figure(figure, name)
        claims = {e.latent: e.claim for e in trained.evidence}
        version = register(
            tracking, sub.name, model, data.people, champion, claims, trained.columns
        )
    shutil.rmtree(checkpoints, ignore_errors=True)
    newest = champion_version(tracking, sub.name)
    return Published(version, newest.version if newest else "none", drawn)


def _figures(
    sub: SubDataset, data: TrainingData, model: "MultimodalCRL", seed: int
) -> dict[str, "Figure"]:
    """Draw everything that goes with a run, by name."""
    people = data.people
    held_out = pl.Series(people.split.test)
    latents = pl.from_numpy(model.transform(people.measurements), list(model.latent_names))
    latents = latents.insert_column(0, pl.Series("person_id", people.person_ids))
    drawn = {
        "training": figures.loss_curves(model.curves),
        "learned_graph": figures.learned_graph(model, sub.title),
        "latents_traits": figures.latents_against_traits(
            latents.filter(held_out).fill_nan(None), data.scores, seed
        ),
        "face_traversals": None
        if data.crops is None
        else face_traversals(model, people, data.crops),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _train(
    sub: SubDataset,
    raters: Sequence[str],
    data: TrainingData,
    champion: Champion | None,
    seed: int,
    checkpoints: Path,
) -> Trained:
    """Train under progress bars, in the steps of the champion if there is one."""
    config = crl_config(sub, raters, seed)
    with (
        progress(f"{sub.title}: training epochs", config.epochs) as advance,
        progress(f"{sub.title}: refits", REFITS) as refitted,
    ):

        def epoch_done(epoch: int, values: Mapping[str, float]) -> None:
            if not np.isfinite(values["held_out_loss"]):
                raise PersonaXError(
                    f"{sub.title}: the loss is not finite after epoch {epoch}; check the "
                    "embeddings, or train with another seed"
                )
            advance(1)

        return train_model(
            data.people,
            config,
            data.scores,
            data.planted,
            predecessor_of(champion, data.people, data.latents),
            epoch_done,
            refitted,
            checkpoints,
        )


def _parameters(config: "CRLConfig") -> dict[str, object]:
    """Return the configuration as flat parameters."""
    values = config.to_dict()
    weights = {f"weight/{name}": weight for name, weight in values.pop("weights").items()}
    measured = {f"measurements/{m.name}": ", ".join(m.measurements) for m in config.modalities}
    latents = {f"latents/{m.latent_prefix}": m.n_latents for m in config.modalities}
    return {
        **{name: value for name, value in values.items() if name != "modalities"},
        **measured, **latents, **weights,
    }  # fmt: skip

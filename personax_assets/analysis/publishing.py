"""One training run, from data to a registered version.

Belongs here: the order of training, tracking and registering, and what is written down about it.
Does not belong here: any of the three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from personax_assets.analysis import figures
from personax_assets.analysis.held_out import SCORE, held_out_metrics
from personax_assets.analysis.measurements import MeasuredPeople
from personax_assets.analysis.registry import (
    ModelVersion,
    champion_model,
    champion_version,
    register,
)
from personax_assets.analysis.tracking import Tracking
from personax_assets.analysis.training import PROTOCOL, REFITS, Trained, crl_config, train_model
from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.progress import progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from personax_ml.crl import CRLConfig, MultimodalCRL


@dataclass(frozen=True)
class Published:
    """What came of a training run: its version, the champion's number, the loss curves."""

    version: ModelVersion
    champion: str
    curves: "Figure"


def train_and_register(
    tracking: Tracking,
    sub: SubDataset,
    raters: Sequence[str],
    people: MeasuredPeople,
    scores: pl.DataFrame,
    planted: pl.DataFrame | None,
    *,
    seed: int,
    dagster_run: str,
    source: str,
) -> Published:
    """Train, track, register and decide.

    Parameters
    ----------
    tracking : Tracking
        MLflow.
    sub, raters
        The sub-dataset and its raters.
    people : MeasuredPeople
        The data.
    scores : DataFrame
        `person_id, trait, score`, to set the latents against.
    planted : DataFrame, optional
        Planted factors, where there are any.
    seed : int
        Seed of training.
    dagster_run : str
        Id of the Dagster run, for the link back.
    source : str
        Where the data lie.
    """
    tags = {
        "dataset": sub.name,
        "simulated": str(planted is not None).lower(),
        "dagster/run_id": dagster_run,
        "protocol": PROTOCOL,
    }
    run_name = f"{sub.title}, {len(people.person_ids):,} {sub.people}, seed {seed}"
    with tracking.run(f"PersonaX {sub.title}", run_name, tags) as run:
        trained = _train(tracking, sub, raters, people, scores, planted, seed)
        model = trained.model
        tracking.log(
            run.info.run_id,
            _parameters(model.config) | {"people": trained.people},
            {**trained.metrics, "training_seconds": trained.seconds},
            model.curves,
        )
        tracking.log_dataset(sub.name, trained.digest, source)
        curves = figures.loss_curves(model.curves)
        tracking.log_figure(curves, "training")
        tracking.log_figure(figures.learned_graph(model, sub.title), "learned_graph")
        latents = pl.DataFrame({"person_id": people.person_ids}).with_columns(
            pl.from_numpy(model.transform(people.measurements), list(model.latent_names))
        )
        tracking.log_figure(figures.latents_against_traits(latents, scores), "latents_traits")

        def score(candidate: "MultimodalCRL") -> float:
            return held_out_metrics(candidate, people)[SCORE]

        claims = {e.latent: e.claim for e in trained.evidence}
        version = register(tracking, sub.name, model, people, score, claims)
    champion = champion_version(tracking, sub.name)
    return Published(version, champion.version if champion else "none", curves)


def _train(
    tracking: Tracking,
    sub: SubDataset,
    raters: Sequence[str],
    people: MeasuredPeople,
    scores: pl.DataFrame,
    planted: pl.DataFrame | None,
    seed: int,
) -> Trained:
    """Train under progress bars, in the steps of the champion if there is one."""
    config = crl_config(sub, raters, seed)
    known = champion_version(tracking, sub.name) is not None
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
            people,
            config,
            scores,
            planted,
            champion_model(tracking, sub.name) if known else None,
            epoch_done,
            refitted,
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

"""Training a Level II model and scoring it on people it has not seen.

Belongs here: from measurements to a fitted model with its held-out metrics. Does not belong here:
which metrics there are (`held_out`), what columns mean (`columns`), tracking and registering.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from personax_assets.analysis.columns import Predecessor, match_columns, told
from personax_assets.analysis.held_out import held_out_metrics, planted_metrics, trait_metrics
from personax_assets.analysis.measurements import MeasuredPeople, measurement_names
from personax_assets.datasets import SubDataset
from personax_assets.errors import SkipStageError

if TYPE_CHECKING:
    from personax_ml.crl import CRLConfig, MultimodalCRL
    from personax_ml.crl.identification import Evidence

PROTOCOL = (
    "70 % of the people train, 15 % decide when to stop, 15 % are held out and scored once; who "
    "is where is decided by a hash of the person id."
)

CAUSAL_ORDER = ("text", "face")
"""What a person is like may show in the face; a face does not make a trait."""

LEAST_PEOPLE = 100
"""With fewer who have a measurement, or every modality, nothing is fitted to it."""

REFITS = 2
"""Fits on parts of the training people that tell which latents are stable."""


@dataclass(frozen=True)
class Trained:
    """A fitted model.

    Parameters
    ----------
    model : MultimodalCRL
        The model.
    metrics : mapping of str to float
        Held-out metrics.
    evidence : sequence of Evidence
        What supports each latent.
    people : int
        Number of people with every modality.
    digest : str
        Hash of the data.
    seconds : float
        Time of fitting.
    columns : str
        How far the columns mean what the predecessor's mean; empty without one.
    """

    model: "MultimodalCRL"
    metrics: Mapping[str, float]
    evidence: Sequence["Evidence"]
    people: int
    digest: str
    seconds: float
    columns: str


def crl_config(sub: SubDataset, raters: Sequence[str], seed: int) -> "CRLConfig":
    """Return the configuration of a sub-dataset's model: latents as in the paper."""
    from personax_ml.crl import CRLConfig, ModalitySpec

    names = measurement_names(sub, raters)
    modalities = tuple(
        ModalitySpec(m.name, names[m.name], m.n_latents, m.latent_prefix) for m in sub.modalities
    )
    return CRLConfig(
        modalities,
        sub.n_shared_latents,
        causal_order=CAUSAL_ORDER,
        additive=True,
        random_state=seed,
    )


def train_model(
    people: MeasuredPeople,
    config: "CRLConfig",
    scores: pl.DataFrame | None = None,
    planted: pl.DataFrame | None = None,
    predecessor: "Predecessor | None" = None,
    callback: Callable[[int, Mapping[str, float]], None] | None = None,
    refitted: Callable[[int], None] | None = None,
    checkpoints: Path | None = None,
) -> Trained:
    """Fit a model and score it on held-out people.

    Parameters
    ----------
    people : MeasuredPeople
        The data.
    config : CRLConfig
        The model; measurements that hardly anybody has are left out of it.
    scores : DataFrame, optional
        `person_id, trait, score`, to set the latents against.
    planted : DataFrame, optional
        `person_id` and a column per planted latent, where there is a truth.
    predecessor : Predecessor, optional
        The latents that the new ones are matched to, so that a column keeps its meaning.
    callback : callable, optional
        Called after every epoch.
    refitted : callable, optional
        Called with 1 after every one of `REFITS` refits.
    checkpoints : Path, optional
        Folder for the state of the fits; a training that was killed goes on from it.

    Raises
    ------
    SkipStageError
        If there are too few people.
    """
    from personax_ml.crl import MultimodalCRL
    from personax_ml.crl.identification import identification

    config = _with_usable_measurements(config, people)
    complete = _complete(config, people)
    if complete < LEAST_PEOPLE:
        raise SkipStageError(
            f"{complete} people have a measurement of every modality; a model needs {LEAST_PEOPLE}"
        )
    split = people.split
    started = time.monotonic()
    model = MultimodalCRL(config).fit(
        people.rows(split.train),
        validation=people.rows(split.select),
        callback=callback,
        checkpoint=None if checkpoints is None else checkpoints / "fit.safetensors",
    )
    seconds = time.monotonic() - started
    matched = {} if predecessor is None else match_columns(model, predecessor, people)
    evidence = identification(
        model, people.measurements, split, REFITS, callback=refitted, checkpoints=checkpoints
    )
    latents = model.transform(people.measurements)
    metrics = held_out_metrics(model, people)
    metrics["latents_identified"] = float(sum(e.identified for e in evidence))
    if scores is not None:
        metrics |= trait_metrics(latents, people, scores)
    if planted is not None:
        metrics |= planted_metrics(latents, people, planted)
    columns = "" if predecessor is None else told(matched, predecessor.version)
    return Trained(model, metrics, evidence, complete, people.digest, seconds, columns)


def _with_usable_measurements(config: "CRLConfig", people: MeasuredPeople) -> "CRLConfig":
    """Leave out measurements that too few people have, such as a rater's who failed."""
    modalities = []
    for modality in config.modalities:
        usable = tuple(k for k in modality.measurements if people.has(k).sum() >= LEAST_PEOPLE)
        if not usable:
            raise SkipStageError(f"fewer than {LEAST_PEOPLE} people have a {modality.name}")
        modalities.append(replace(modality, measurements=usable))
    return replace(config, modalities=tuple(modalities))


def _complete(config: "CRLConfig", people: MeasuredPeople) -> int:
    """Count the people who have at least one measurement of every modality."""
    has = [np.any([people.has(k) for k in m.measurements], axis=0) for m in config.modalities]
    return int(np.all(has, axis=0).sum())

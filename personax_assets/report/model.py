"""What a report is made from.

Belongs here: the frames and facts that a report shows, as plain values. Does not belong here:
where they come from (the warehouse, the registry) or how they look.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

import polars as pl

from personax_assets.datasets import SubDataset


class Training(TypedDict, total=False):
    """What is known about the Level II model in use; every key may be missing.

    Parameters
    ----------
    model_name, model_version : str
        In the model registry.
    metrics : mapping of str to float
        Held-out metrics by name.
    protocol : str
        One or two sentences: which rows they were computed on, what was fitted where.
    curves : mapping of str to sequence of (epoch, value)
        Training curves by name; `train_loss` and `held_out_loss` share a panel.
    config : mapping
        Settings of the model.
    identified : mapping of str to str
        Per latent what may be claimed about it: `claim: evidence`.
    """

    model_name: str
    model_version: str
    metrics: Mapping[str, float]
    protocol: str
    curves: Mapping[str, Sequence[tuple[int, float]]]
    config: Mapping[str, Any]
    identified: Mapping[str, str]


_FLOW = (
    *("raw_bios", "bios", "face_crops", "face_embeddings", "trait_texts", "trait_scores"),
    *("rater_quality", "text_embeddings", "independence_tests", "crl_model", "latents"),
    *("latent_graph", "report"),
)
_TEXTS = re.compile("^(trait_texts)_.*")


@dataclass(frozen=True)
class PlantedTruth:
    """What is true in an invented cohort.

    Parameters
    ----------
    pairs : DataFrame
        `trait, variable, effect` (none, weak, medium, strong), `dependent`; `effect_size` too if
        known.
    factors : DataFrame, optional
        `person_id` and one column per planted factor.
    """

    pairs: pl.DataFrame
    factors: pl.DataFrame | None = None


@dataclass(frozen=True)
class RunInfo:
    """What was run.

    Parameters
    ----------
    when : datetime
        Time of the run, UTC.
    versions : mapping of str to str
        Versions of the program and of its main libraries, by name.
    seed : int
        Seed of training and of the tests.
    home : str
        Folder that everything was written to.
    raters : mapping of str to str
        Who assessed traits: name to a few words (model, whether simulated).
    """

    when: datetime
    versions: Mapping[str, str]
    seed: int
    home: str
    raters: Mapping[str, str]


@dataclass(frozen=True)
class SubDatasetReport:
    """Everything that a report shows about one sub-dataset.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    frames : mapping of str to DataFrame
        Tables by name, as in `schemas`: `bios, face_crops, trait_scores, rater_quality,
        independence_tests, latents, latent_graph`. `face_crops` needs no images; `crop_sample`
        (`person_id, measurement, crop, simulated`) holds the few that are shown. Any may be
        missing or empty.
    stages : DataFrame
        `asset, status` (ok, skipped, degraded, failed), `reason, rows, seconds`.
    simulated : bool
        Whether the people are invented.
    source : str
        Where the people come from, in words.
    skipped : mapping of str to str
        Why a table is empty, by table name; default: the reason of its stage.
    training : Training, optional
        The Level II model.
    planted : PlantedTruth, optional
        The truth about an invented cohort.
    """

    sub: SubDataset
    frames: Mapping[str, pl.DataFrame]
    stages: pl.DataFrame
    simulated: bool
    source: str
    skipped: Mapping[str, str] = field(default_factory=dict)
    training: Training | None = None
    planted: PlantedTruth | None = None

    def frame(self, name: str) -> pl.DataFrame | None:
        """Return a table; None if it is missing or empty."""
        frame = self.frames.get(name)
        return None if frame is None or frame.is_empty() else frame

    def stages_in_order(self) -> pl.DataFrame:
        """Return the stages in the order of the data flow."""
        order = {name: i for i, name in enumerate(_FLOW)}
        place = pl.col("asset").map_elements(
            lambda asset: order.get(_TEXTS.sub(r"\1", asset.rpartition("/")[2]), len(order)),
            return_dtype=pl.Int64,
        )
        return self.stages.sort(place, "asset")

    def why_absent(self, name: str) -> str:
        """Say in a sentence why a table is missing or empty."""
        if name in self.skipped:
            return self.skipped[name]
        for stage in self.stages.iter_rows(named=True):
            if stage["asset"].rpartition("/")[2] == name and stage["reason"]:
                return str(stage["reason"])
        return f"the stage {name} has not made anything yet"

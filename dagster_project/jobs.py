"""Jobs: what can be launched.

Belongs here: which stages a job is about, and the tags its runs need. Does not belong here: what
launches itself (`automation`), or asset bodies.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, TypeAlias

import dagster as dg

from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.stage import ONLY_STALE_TAG, Stage

if TYPE_CHECKING:
    # The type of what `define_asset_job` returns has no public name.
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

    Job: TypeAlias = UnresolvedAssetJobDefinition

TRAINING = ("crl_model",)
"""Stages that train: they run on request or on their own schedule, not at every refresh."""

PUBLISHING = ("report",)

DATASET_TAG = "personax/dataset"
"""Run tag: the sub-dataset that a run is about, or `all`."""


def stages_about(stages: Sequence[Stage], subs: Collection[SubDataset]) -> tuple[Stage, ...]:
    """Return the stages of these sub-datasets, and those across them and others."""
    return tuple(stage for stage in stages if any(sub in subs for sub in stage.layout.subs))


def refresh_stages(stages: Sequence[Stage], subs: Collection[SubDataset]) -> tuple[Stage, ...]:
    """Return what a refresh does: sources to tests and latents, no training."""
    return tuple(s for s in stages_about(stages, subs) if s.name not in (*TRAINING, *PUBLISHING))


def training_stages(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return what training does: a model of each sub-dataset, and what is made from it."""
    names = (*TRAINING, "latents", "latent_graph", "report")
    return tuple(stage for stage in stages if stage.name in names)


def asset_keys(stages: Sequence[Stage]) -> list[dg.AssetKey]:
    """Return the stages as Dagster names them."""
    return [dg.AssetKey.from_user_string(stage.key) for stage in stages]


def run_tags(stages: Sequence[Stage]) -> dict[str, str]:
    """Return the tags of one run that does what is stale of some stages, in all partitions."""
    tags = {ONLY_STALE_TAG: "true", **dataset_tag(stages)}
    for stage in stages:
        if stage.partitions:
            tags["dagster/asset_partition_range_start"] = stage.partitions[0]
            tags["dagster/asset_partition_range_end"] = stage.partitions[-1]
    return tags


def dataset_tag(stages: Sequence[Stage]) -> dict[str, str]:
    """Return the run tag that says which sub-dataset stages are about."""
    names = {stage.layout.sub.name for stage in stages if len(stage.layout.subs) == 1}
    return {DATASET_TAG: names.pop() if len(names) == 1 else "all"}


def _job(name: str, stages: Sequence[Stage], description: str, stale: bool = True) -> "Job":
    return dg.define_asset_job(
        name,
        selection=asset_keys(stages),
        description=description,
        tags=dataset_tag(stages) | ({ONLY_STALE_TAG: "true"} if stale else {}),
    )


def jobs_of(
    stages: Sequence[Stage],
    calibration: Sequence[Stage] = (),
    benchmark: Sequence[Stage] = (),
    releases: Sequence[Stage] = (),
) -> dict[str, "Job"]:
    """Return the jobs over assets by name."""
    jobs = (
        _job(
            "bootstrap",
            stages,
            "Everything once, both sub-datasets, training included; what is up to date is "
            "left as it is.",
        ),
        _job(
            "refresh_athletes",
            refresh_stages(stages, (ATHLEPERSONA,)),
            "AthlePersona from the rosters to tests and latents; work is done for new and "
            "changed athletes only, nothing is trained.",
        ),
        _job(
            "refresh_celebs",
            refresh_stages(stages, (CELEBPERSONA,)),
            "CelebPersona from its source to tests and latents; work is done for new and "
            "changed public figures only, nothing is trained.",
        ),
        _job(
            "train_crl",
            training_stages(stages),
            "Trains a model for each sub-dataset, whether or not its inputs changed, and "
            "computes latents by the registry's champion.",
            stale=False,
        ),
        _job(
            "calibrate_prompts",
            calibration,
            "Asks every rater variants of the prompt about a sample of people: how much answers "
            "vary between repeats, and what the prompt gives away. Costs calls; the answers enter "
            "no other table.",
        ),
        _job(
            "benchmark_synthetic",
            benchmark,
            "Level II on images whose latents are known: ours beside other methods. Some "
            "minutes on the digits of scikit-learn; with PERSONAX_BENCHMARK_IMAGES some hours.",
        ),
        _job(
            "release",
            releases,
            "Makes files that may leave the home, attacks them, and refuses what names too many "
            "people or is good for too little. The run tag personax/accept_guidelines: yes "
            "accepts the usage guidelines.",
            stale=False,
        ),
    )
    return {job.name: job for job in jobs}

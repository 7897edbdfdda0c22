"""Jobs, the daily schedule and the sensor.

Belongs here: what can be launched and what launches itself. Does not belong here: asset bodies.
"""

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from personax_assets.bios.assets import source_versions
from personax_assets.dagster_assets import ONLY_STALE_TAG
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.resources import Resources, Sources
from personax_assets.stage import Stage

if TYPE_CHECKING:
    # The type of what `define_asset_job` returns has no public name.
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as Job,
    )

TRAINING = ("crl_model",)
"""Stages that train: they run on request or on their own schedule, not at every refresh."""

PUBLISHING = ("report",)

ALL_LEAGUES = {
    "dagster/asset_partition_range_start": ATHLEPERSONA.partitions[0],
    "dagster/asset_partition_range_end": ATHLEPERSONA.partitions[-1],
}
"""Run tags for one run over all leagues."""


def stages_about(stages: Sequence[Stage], subs: Collection[SubDataset]) -> tuple[Stage, ...]:
    """Return the stages of these sub-datasets, and those across them and others."""
    return tuple(stage for stage in stages if any(sub in subs for sub in stage.layout.subs))


def refresh_stages(stages: Sequence[Stage], subs: Collection[SubDataset]) -> tuple[Stage, ...]:
    """Return what a refresh does: sources to tests and latents, no training."""
    return tuple(s for s in stages_about(stages, subs) if s.name not in (*TRAINING, *PUBLISHING))


def _job(name: str, stages: Sequence[Stage], description: str, stale: bool = True) -> "Job":
    return dg.define_asset_job(
        name,
        selection=[dg.AssetKey.from_user_string(stage.key) for stage in stages],
        description=description,
        tags={ONLY_STALE_TAG: "true"} if stale else {},
    )


def jobs_of(stages: Sequence[Stage], studies: Sequence[Stage] = ()) -> dict[str, "Job"]:
    """Return the jobs by name."""
    training = [s for s in stages if s.name in (*TRAINING, "latents", "latent_graph", "report")]
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
            training,
            "Trains a model for each sub-dataset, whether or not its inputs changed, and "
            "computes latents by the registry's champion.",
            stale=False,
        ),
        _job(
            "calibrate_prompts",
            studies,
            "Asks every rater variants of the prompt about a sample of people: how much answers "
            "vary between repeats, and what the prompt gives away. Costs calls; the answers enter "
            "no other table.",
        ),
    )
    return {job.name: job for job in jobs}


def daily_schedule(job: "Job") -> dg.ScheduleDefinition:
    """Return the schedule that refreshes all leagues in one run every morning."""

    @dg.schedule(
        name="refresh_athletes_daily",
        job=job,
        cron_schedule="0 5 * * *",
        description="Refreshes the athletes of all leagues, in one run, at 5:00 UTC.",
    )
    def refresh_athletes_daily() -> dg.RunRequest:
        return dg.RunRequest(tags=ALL_LEAGUES)

    return refresh_athletes_daily


def new_athletes_sensor(job: "Job", sources: Sources) -> dg.SensorDefinition:
    """Return the sensor that launches a refresh when a roster differs from the last look."""

    @dg.sensor(
        name="new_athletes",
        job=job,
        minimum_interval_seconds=300,
        description="Launches a refresh when the fingerprint of any league's roster changed.",
    )
    def new_athletes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            versions = source_versions(sources, ATHLEPERSONA, ATHLEPERSONA.partitions)
        except PersonaXError as error:
            return dg.SkipReason(str(error))
        cursor = json.dumps(versions, sort_keys=True)
        if cursor == context.cursor:
            return dg.SkipReason("no roster changed since the last look")
        request = dg.RunRequest(run_key=cursor, tags=ALL_LEAGUES)
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return new_athletes


def schedules_and_sensors(
    jobs: dict[str, "Job"], resources: Resources
) -> tuple[list[dg.ScheduleDefinition], list[dg.SensorDefinition]]:
    """Return everything that launches itself."""
    job = jobs["refresh_athletes"]
    return [daily_schedule(job)], [new_athletes_sensor(job, resources.sources)]

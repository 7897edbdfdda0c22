"""The one place where the platform is put together, for production, command line and tests.

Belongs here: assembly. Does not belong here: anything that can be decided elsewhere.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from dagster_project.automation import Timing, schedules_of, sensors_of
from dagster_project.cluster.executors import executor_of
from dagster_project.cluster.settings import Cluster
from dagster_project.graph import (
    benchmark_stages_of,
    calibration_stages_of,
    release_stages_of,
    stages_of,
    study_stages_of,
)
from dagster_project.home import Home
from dagster_project.jobs import jobs_of
from dagster_project.logs import is_structured, write_json_lines
from dagster_project.profiles import DEFAULT_SEED, profile_named, resources_of, sources_of
from dagster_project.prune import prune_job
from personax_assets.dagster_assets import asset_of
from personax_assets.resources import Resources, Sources


def build_resources(
    profile: str | None = None,
    home: Home | None = None,
    sources: Sources | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Resources:
    """Return the resources of a profile.

    Parameters
    ----------
    profile : str, optional
        `demo`, `live` or `cluster`; by default `PERSONAX_PROFILE`.
    home : Home, optional
        By default `PERSONAX_HOME`.
    sources : Sources, optional
        By default those that the home belongs to.
    overrides : mapping, optional
        Resources to use instead, by key.
    """
    home = home or Home.from_environment()
    sources = sources or sources_of(home)
    base = resources_of(profile_named(profile), home, sources, DEFAULT_SEED)
    return Resources(**{key: getattr(base, key) for key in Resources.KEYS} | dict(overrides or {}))


def definitions_of(resources: Resources, cluster: Cluster | None = None) -> dg.Definitions:
    """Return the Dagster definitions over given resources, of one machine or of a cluster."""
    fan_out = cluster.fan_out if cluster else None
    stages, studies = stages_of(resources), study_stages_of(resources)
    jobs = jobs_of(
        stages,
        calibration_stages_of(resources),
        benchmark_stages_of(),
        release_stages_of(resources),
    )
    prune, timing = prune_job(fan_out), Timing.from_environment()
    return dg.Definitions(
        assets=[asset_of(stage, fan_out) for stage in (*stages, *studies)],
        jobs=[*jobs.values(), prune],
        schedules=schedules_of(jobs, prune, stages, resources, timing),
        sensors=sensors_of(jobs, stages, resources, timing),
        resources={key: getattr(resources, key) for key in Resources.KEYS},
        executor=executor_of(cluster),
    )


def build_definitions(
    profile: str | None = None, overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Return the Dagster definitions of a profile; see `build_resources`."""
    if is_structured():
        write_json_lines()
    home, name = Home.from_environment(), profile_named(profile).name
    resources = build_resources(name, home, overrides=overrides)
    return definitions_of(resources, Cluster.from_environment(name, home))

"""What launches itself: schedules and sensors.

Belongs here: when to look, and whether there is anything to launch. Does not belong here: what a
job consists of (`jobs`), or when a stage is stale (`personax_assets.stage`).

Every run that is requested here names the stages that have something to do, so a quiet day costs
one look at the sources and no step downstream of them. All are off until somebody switches them
on (or `PERSONAX_SCHEDULES=on`).
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from dagster_project.jobs import asset_keys, refresh_stages, run_tags, training_stages
from dagster_project.notices import failure_sensor, notifiers
from personax_assets.bios.assets import UNAVAILABLE, source_versions
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA
from personax_assets.errors import PersonaXError
from personax_assets.resources import Resources
from personax_assets.stage import ONLY_STALE_TAG, Stage, stale

if TYPE_CHECKING:
    from dagster_project.jobs import Job

Request = dg.RunRequest | dg.SkipReason


@dataclass(frozen=True)
class Timing:
    """When things launch themselves.

    Parameters
    ----------
    refresh, training, pruning : str
        Cron expressions, UTC.
    look_every_s : int
        Seconds between two looks at the rosters.
    running : bool
        Whether schedules and sensors are on unless switched off.
    """

    refresh: str = "0 5 * * *"
    training: str = "0 2 * * 0"
    pruning: str = "30 1 * * *"
    look_every_s: int = 300
    running: bool = False

    @classmethod
    def from_environment(cls) -> "Timing":
        """Return the timing that `PERSONAX_REFRESH_CRON` and `PERSONAX_SCHEDULES` ask for.

        Raises
        ------
        PersonaXError
            If a value cannot be used.
        """
        cron = os.environ.get("PERSONAX_REFRESH_CRON") or cls.refresh
        try:
            dg.ScheduleDefinition(name="refresh", job_name="refresh", cron_schedule=cron)
        except dg.DagsterInvalidDefinitionError:
            raise PersonaXError(
                f"PERSONAX_REFRESH_CRON: {cron!r} is no cron expression; for example '0 5 * * *'"
            ) from None
        switch = os.environ.get("PERSONAX_SCHEDULES") or "off"
        if switch not in ("on", "off"):
            raise PersonaXError(f"PERSONAX_SCHEDULES: {switch!r} is neither on nor off")
        return cls(refresh=cron, running=switch == "on")


def refresh_request(resources: Resources, stages: Sequence[Stage]) -> dg.RunRequest:
    """Return the request for the stages of a refresh that are stale, the sources always.

    So the record shows that somebody looked, also where nothing was new.
    """
    sources = [stage for stage in stages if not stage.deps]
    todo = set(_stale(resources, stages)) | {stage.key for stage in sources}
    chosen = [stage for stage in stages if stage.key in todo]
    return dg.RunRequest(asset_selection=asset_keys(chosen), tags=run_tags(chosen))


def training_request(resources: Resources, stages: Sequence[Stage]) -> Request:
    """Return the request for the training stages that are stale, if any."""
    todo = _stale(resources, stages)
    if not todo:
        return dg.SkipReason("no face, text or score changed since the last training")
    chosen = [stage for stage in stages if stage.key in todo]
    return dg.RunRequest(asset_selection=asset_keys(chosen), tags=run_tags(chosen))


def _stale(resources: Resources, stages: Sequence[Stage]) -> set[str]:
    return {s.key for s in stale(stages, resources, {stage.key for stage in stages})}


def schedules_of(
    jobs: dict[str, "Job"], prune: dg.JobDefinition, stages: Sequence[Stage],
    resources: Resources, timing: Timing,
) -> list[dg.ScheduleDefinition]:  # fmt: skip
    """Return the schedules."""
    athletes = refresh_stages(stages, (ATHLEPERSONA,))
    celebs = refresh_stages(stages, (CELEBPERSONA,))
    training = training_stages(stages)
    return [
        _schedule(
            "refresh_athletes_daily", jobs["refresh_athletes"], timing.refresh, timing,
            "Refreshes the athletes of all leagues, in one run, every day.",
            lambda: refresh_request(resources, athletes),
        ),
        _schedule(
            "refresh_celebs_daily", jobs["refresh_celebs"], timing.refresh, timing,
            "Refreshes the public figures every day.",
            lambda: refresh_request(resources, celebs),
        ),
        _schedule(
            "train_crl_weekly", jobs["train_crl"], timing.training, timing,
            "Trains the models again every week, if there is anything new to train on. Until "
            "then new people get their latents from the champion.",
            lambda: training_request(resources, training),
        ),
        _schedule(
            "prune_history_daily", prune, timing.pruning, timing,
            "Deletes old runs from the Dagster instance, so that it does not grow for ever.",
            dg.RunRequest,
        ),
    ]  # fmt: skip


def _schedule(
    name: str, job: "Job | dg.JobDefinition", cron: str, timing: Timing, description: str,
    request: Callable[[], Request],
) -> dg.ScheduleDefinition:  # fmt: skip
    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        description=description,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING if timing.running else dg.DefaultScheduleStatus.STOPPED
        ),
    )
    def schedule() -> Request:
        return request()

    return schedule


def sensors_of(
    jobs: dict[str, "Job"], stages: Sequence[Stage], resources: Resources, timing: Timing
) -> list[dg.SensorDefinition]:
    """Return the sensors."""
    status = dg.DefaultSensorStatus.RUNNING if timing.running else dg.DefaultSensorStatus.STOPPED
    athletes = refresh_stages(stages, (ATHLEPERSONA,))

    @dg.sensor(
        name="new_athletes",
        job=jobs["refresh_athletes"],
        minimum_interval_seconds=timing.look_every_s,
        default_status=status,
        description="Launches a refresh when the fingerprint of any league's roster changed.",
    )
    def new_athletes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            found = source_versions(resources.sources, ATHLEPERSONA, ATHLEPERSONA.partitions)
        except PersonaXError as error:
            return dg.SkipReason(str(error))
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        changed = {k: v for k, v in found.items() if v not in (UNAVAILABLE, seen.get(k))}
        if not changed:
            return dg.SkipReason("no roster changed since the last look")
        return dg.SensorResult(
            run_requests=[refresh_request(resources, athletes)],
            cursor=json.dumps(seen | changed, sort_keys=True),
        )

    follow = dg.AutomationConditionSensorDefinition(
        "follow_changes",
        target=dg.AssetSelection.all(),
        run_tags={ONLY_STALE_TAG: "true"},
        default_status=status,
        description="Brings a stage up to date when the data of a stage it reads changed: the "
        "report after a refresh, latents after a training, everything after a change by hand.",
    )
    return [new_athletes, follow, failure_sensor(status, notifiers())]

"""What launches itself, by real runs, and what keeps the instance small."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.automation import Timing
from dagster_project.build import build_resources, definitions_of
from dagster_project.graph import stages_of, study_stages_of
from dagster_project.home import Home
from dagster_project.jobs import asset_keys, run_tags
from dagster_project.prune import prune
from personax_assets.errors import PersonaXError
from personax_assets.resources import Resources
from personax_assets.stage import ONLY_STALE_TAG
from tests.cluster import wait_for
from tests.dagster_project.kit import World, rater, refreshed, resources_of

DOWNSTREAM = {
    *("bios", "face_crops", "face_embeddings", "trait_texts_chatgpt", "trait_scores"),
    *("rater_quality", "text_embeddings", "independence_tests", "latents", "latent_graph"),
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with rater() as counting:
        monkeypatch.setenv("PERSONAX_RATERS", str(counting.configured(tmp_path, ["chatgpt"])))
        yield World(tmp_path / "rosters", (12, 10))


@pytest.fixture
def resources(tmp_path: Path, world: World) -> Resources:
    return resources_of(tmp_path / "home", world.list)


def names(keys: Iterable[dg.AssetKey]) -> set[str]:
    return {key.path[-1] for key in keys}


def test_a_quiet_day_looks_at_the_sources_and_launches_nothing_else(
    world: World, resources: Resources
) -> None:
    schedule = definitions_of(resources).resolve_schedule_def("refresh_athletes_daily")

    def selection() -> set[str]:
        tick = schedule.evaluate_tick(dg.build_schedule_context())
        assert tick.run_requests is not None
        (request,) = tick.run_requests
        assert request.tags["dagster/asset_partition_range_start"] == "NBA"
        return names(request.asset_selection)

    assert selection() == {"raw_bios", *DOWNSTREAM, "level1"}
    refreshed(resources)
    assert selection() == {"raw_bios"}
    world.join("NBA", 1)
    world.write()
    assert selection() == {"raw_bios", *DOWNSTREAM, "level1"}


def test_the_sensor_sees_every_change_and_no_dead_league(
    world: World, resources: Resources
) -> None:
    sensor = definitions_of(resources).resolve_sensor_def("new_athletes")
    cursor: str | None = None

    def ticked() -> int:
        nonlocal cursor
        result = sensor.evaluate_tick(dg.build_sensor_context(cursor=cursor))
        cursor = result.cursor
        assert all(request.run_key is None for request in result.run_requests or ())
        return len(result.run_requests or ())

    assert [ticked(), ticked()] == [1, 0]
    world.join("NHL", 1)
    world.write()
    assert [ticked(), ticked()] == [1, 0]
    world.write(half="NHL")
    assert [ticked(), ticked()] == [1, 0]
    world.write()  # back to a roster that was seen before: a change like any other
    assert [ticked(), ticked()] == [1, 0]


def test_training_is_requested_when_there_is_something_new_to_train_on(
    world: World, resources: Resources
) -> None:
    schedule = definitions_of(resources).resolve_schedule_def("train_crl_weekly")
    tick = schedule.evaluate_tick(dg.build_schedule_context())
    assert tick.run_requests is not None
    assert "crl_model" in names(tick.run_requests[0].asset_selection)


@pytest.mark.slow
def test_followers_follow_changes_of_the_data_and_nothing_else(
    world: World, resources: Resources
) -> None:
    defs = definitions_of(resources)
    athletes = asset_keys([s for s in stages_of(resources) if s.layout.name == "athlepersona"])
    studies = asset_keys(study_stages_of(resources))
    source = dg.AssetKey(["athlepersona", "raw_bios"])
    leagues = run_tags(stages_of(resources))
    del leagues[ONLY_STALE_TAG]
    with dg.DagsterInstance.ephemeral() as instance:

        def run(keys: list[dg.AssetKey], **tags: str) -> None:
            job = defs.resolve_job_def("bootstrap")
            done = job.execute_in_process(
                instance=instance,
                asset_selection=keys,
                tags=tags | (leagues if source in keys else {}),
            )
            assert done.success

        tick = None

        def requested() -> set[str]:
            nonlocal tick
            cursor = tick.cursor if tick else None
            tick = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
            assert not any(map(tick.get_num_requested, studies)), "a study costs calls"
            return {key.path[-1] for key in athletes if tick.get_num_requested(key)}

        run(athletes)
        assert requested() == set()
        assert requested() == set()
        world.join("NBA", 1)
        world.write()
        run([source])
        following = requested()
        assert following == {*DOWNSTREAM, "report"}, "everything but training follows"
        run(
            [key for key in athletes if key.path[-1] in following],
            **{ONLY_STALE_TAG: "true"},
        )
        assert requested() == set()
        run([source])  # made again with the same rows
        assert requested() == set()
        records = resources.warehouse.stages()
        assert records["athlepersona/trait_texts_chatgpt"].rows == 23


def test_every_stage_has_a_freshness_policy(resources: Resources) -> None:
    defs = definitions_of(resources)
    windows = {}
    studies = set(asset_keys(study_stages_of(resources)))
    for spec in defs.resolve_all_asset_specs():
        policy = spec.freshness_policy
        assert (policy is None) == (spec.key in studies), spec.key
        if policy is None:
            continue
        windows[spec.key.path[-1]] = policy.fail_window.to_timedelta().days
    assert windows["raw_bios"] == 2
    assert windows["bios"] == windows["crl_model"] == 16


def test_timing_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Timing.from_environment() == Timing()
    monkeypatch.setenv("PERSONAX_REFRESH_CRON", "*/5 * * * *")
    monkeypatch.setenv("PERSONAX_SCHEDULES", "on")
    assert Timing.from_environment() == Timing(refresh="*/5 * * * *", running=True)
    monkeypatch.setenv("PERSONAX_REFRESH_CRON", "every day")
    with pytest.raises(PersonaXError, match="'every day' is no cron expression"):
        Timing.from_environment()
    monkeypatch.delenv("PERSONAX_REFRESH_CRON")
    monkeypatch.setenv("PERSONAX_SCHEDULES", "yes")
    with pytest.raises(PersonaXError, match="neither on nor off"):
        Timing.from_environment()


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["x", "y"]))
def split() -> None:
    """An asset in two partitions."""


@dg.asset
def whole() -> None:
    """An asset."""


@dg.asset_check(asset=whole)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def test_pruning_keeps_what_tells_what_there_is(tmp_path: Path) -> None:
    Home(tmp_path).prepare()
    with dg.DagsterInstance.from_config(str(Home(tmp_path).dagster)) as instance:

        def run(asset: dg.AssetsDefinition, partition: str | None = None) -> str:
            checks = [sound] if asset is whole else []
            done = dg.materialize([asset, *checks], instance=instance, partition_key=partition)
            return done.run_id

        def checked() -> list[str]:
            key = dg.AssetCheckKey(whole.key, "sound")
            history = instance.event_log_storage.get_asset_check_execution_history(key, limit=99)
            return [record.run_id for record in history]

        first, second = run(split, "x"), run(split, "y")
        runs = [run(whole) for _ in range(5)]
        assert checked() == runs[::-1]
        shards = Home(tmp_path).dagster / "history" / "runs"
        assert (shards / f"{runs[0]}.db").exists()
        done = prune(instance, keep_runs=2)
        assert done.runs == 3
        assert done.after < done.before
        assert {r.run_id for r in instance.get_runs()} == {first, second, *runs[-2:]}
        assert not list(shards.glob(f"{runs[0]}*"))
        assert instance.get_materialized_partitions(split.key) == {"x", "y"}
        latest = instance.get_latest_materialization_event(whole.key)
        assert latest is not None
        assert latest.run_id == runs[-1]
        assert checked() == runs[:-3:-1]
        assert prune(instance, keep_runs=2).runs == 0


@contextmanager
def dagster_dev(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster with its daemon and a schedule that ticks every minute, until the block ends."""
    environment = os.environ | {
        "PERSONAX_HOME": str(home.root),
        "PERSONAX_PROFILE": "demo",
        "PERSONAX_SCHEDULES": "on",
        "PERSONAX_REFRESH_CRON": "* * * * *",
    }
    command = [sys.executable, "-m", "dagster", "dev", "-m", "dagster_project.definitions",
               "--port", "0"]  # fmt: skip
    with (home.root / "dev.log").open("ab") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield server
    except BaseException:
        print((home.root / "dev.log").read_text()[-5000:])
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            if server.poll() is None:
                os.killpg(server.pid, number)
                try:
                    server.wait(60)
                except subprocess.TimeoutExpired:
                    continue


@pytest.fixture
def small_home(tmp_path: Path) -> Home:
    """A home of two dozen invented people of each kind, not yet made."""
    small = {"kind": "synthetic", "people": 24, "seed": 3}
    home = Home(tmp_path)
    home.prepare()
    home.manifest.write_text(json.dumps({"athlepersona": small, "celebpersona": small}))
    return home


def instance_of(home: Home) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(home.dagster))


@pytest.mark.slow
def test_the_daemon_ticks_for_real(small_home: Home) -> None:
    """`dagster dev` with its daemon: schedule and sensor tick and make runs that end well."""
    wanted = {"dagster/schedule_name": "refresh_athletes_daily",
              "dagster/sensor_name": "new_athletes"}  # fmt: skip
    with instance_of(small_home) as instance, dagster_dev(small_home) as server:

        def ended_well() -> bool:
            runs = [r for r in instance.get_runs() if r.status == dg.DagsterRunStatus.SUCCESS]
            return all(
                any(run.tags.get(tag) == name for run in runs) for tag, name in wanted.items()
            )

        wait_for(ended_well, "a run of the schedule and one of the sensor", server, 900, 1)
        failed = [r for r in instance.get_runs() if r.status == dg.DagsterRunStatus.FAILURE]
        assert failed == []


@pytest.mark.slow
def test_a_daemon_that_was_killed_goes_on(small_home: Home) -> None:
    """Killed with everything that it started, in the middle of a run, and started again."""

    def of_the_schedule(status: dg.DagsterRunStatus) -> set[str]:
        return {
            run.run_id for run in instance.get_runs() if run.status == status
            and run.tags.get("dagster/schedule_name") == "refresh_athletes_daily"
        }  # fmt: skip

    def started() -> set[str]:
        return {
            run_id for run_id in of_the_schedule(dg.DagsterRunStatus.STARTED)
            if instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
        }  # fmt: skip

    def ended() -> set[str]:
        return of_the_schedule(dg.DagsterRunStatus.SUCCESS)

    with instance_of(small_home) as instance:
        with dagster_dev(small_home) as server:
            wait_for(lambda: bool(started()), "a run to be at work", server, 900, 1)
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        before = ended()
        with dagster_dev(small_home) as server:
            wait_for(lambda: bool(ended() - before), "a run to end well", server, 900, 1)
    resources = build_resources("demo", small_home)
    scores = resources.warehouse.stages()["athlepersona/trait_scores"]
    assert (scores.status, scores.rows) == ("ok", 24 * 5)
    with sqlite3.connect(small_home.journal) as journal:
        answered = journal.execute(
            "SELECT count(*), count(DISTINCT request_key) FROM calls WHERE outcome = 'ok'"
        ).fetchone()
    assert answered[0] == answered[1] > 0, "no answer was asked for twice"

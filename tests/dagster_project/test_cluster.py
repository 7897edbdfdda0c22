"""The profile `cluster` for real: Redis, PostgreSQL and two Celery workers on this machine."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.graph import stages_of
from dagster_project.home import Home
from personax_assets.resources import Resources
from tests.benchmarks.growth import QUICK, timed_bootstrap
from tests.cluster import (
    Process,
    bootstrap,
    cohort,
    environment_of,
    instance,
    kill_family,
    servers,
    wait_for,
    what_is_missing,
    worker,
)

_MISSING = what_is_missing()


def tables(resources: Resources) -> dict[str, pl.DataFrame]:
    """Return every table without what a clock says, which differs from run to run."""
    layouts = {stage.layout.name: stage.layout for stage in stages_of(resources)}
    found = {}
    for layout in layouts.values():
        for short, schema in layout.tables.items():
            name = layout.table(short)
            clock = [c.name for c in schema.columns if c.volatile or c.name == "valid_from"]
            found[name] = resources.warehouse.read(name, schema).drop(clock)
            if short == "rater_quality":  # the overall measure counts latency in
                timed = pl.col("measure").str.contains("latency|overall")
                found[name] = found[name].filter(~timed)
    return found


def resources_at(home: Path) -> Resources:
    return build_resources("demo", Home(home))


def children(process: Process) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [int(pid) for pid in found.stdout.split()]


class Run:
    """What the instance says of the newest run of a home."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def keys(self, *kinds: dg.DagsterEventType) -> list[str]:
        """Return the steps of the events of some kinds."""
        with instance(self.environment) as opened:
            runs = opened.get_runs(limit=1)
            events = opened.all_logs(runs[0].run_id, of_type=set(kinds)) if runs else ()
        return [str(event.step_key) for event in events]

    def worker_at(self, end: str) -> str | None:
        """Return the worker at a step that has started and not ended, by the end of its key."""
        with instance(self.environment) as opened:
            runs = opened.get_runs(limit=1)
            events = opened.all_logs(runs[0].run_id) if runs else ()
        workers: dict[str, str] = {}
        started, ended = set(), set()
        for entry in events:
            event, key = entry.dagster_event, str(entry.step_key)
            if event is None or not key.partition("[")[0].endswith(end):
                continue
            if "Celery worker" in (event.engine_event_data.metadata if event.is_engine_event
                                   else {}):  # fmt: skip
                workers[key] = str(event.engine_event_data.metadata["Celery worker"].value)
            started |= {key} if event.is_step_start else set()
            ended |= {key} if event.is_step_success else set()
        under_way = [workers[key] for key in started - ended if key in workers]
        return under_way[0].partition("@")[0] if under_way else None


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home made by one process."""
    root = tmp_path_factory.mktemp("alone")
    cohort(root / "home", QUICK)
    timed_bootstrap(environment_of(root / "home"), root / "job.log")
    return root / "home"


@pytest.mark.slow
@pytest.mark.skipif(_MISSING is not None, reason=str(_MISSING))
def test_two_workers_make_the_same_tables_and_one_may_die(alone: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cohort(home, QUICK)
    with ExitStack() as stack:
        addresses = stack.enter_context(servers())
        environment = environment_of(home, addresses)
        workers = {
            name: stack.enter_context(worker(name, environment, tmp_path / f"{name}.log"))
            for name in ("one", "two")
        }
        run, job = Run(environment), stack.enter_context(bootstrap(environment, tmp_path / "job"))

        def hit(end: str) -> str:
            wait_for(lambda: run.worker_at(end) is not None, f"a step {end}", job, 1800, 0.5)
            return str(run.worker_at(end))

        # The process that does a part of the work dies: its worker gives the step back at once.
        for pid in children(workers[hit("__face_crops.part")]):
            os.kill(pid, signal.SIGKILL)
        # A whole worker dies: Redis gives its step to the other after a while.
        lost = hit("__crl_model")
        kill_family(workers[lost])
        assert job.wait(3600) == 0, (tmp_path / "job").read_text()[-3000:]
        started = run.keys(dg.DagsterEventType.STEP_START)
        assert started.count("athlepersona__crl_model") + started.count(
            "celebpersona__crl_model"
        ) >= 3, "the step of the lost worker was done again"  # fmt: skip
        again = [key for key in set(started) if ".part[" in key and started.count(key) > 1]
        assert again, "the part whose process was killed was done again"

    here, there = resources_at(alone), resources_at(home)
    endings = {r.asset: (r.status, r.reason) for r in there.warehouse.stages().values()}
    assert endings == {stage.key: ("ok", None) for stage in stages_of(there)}
    expected, found = tables(here), tables(there)
    assert [name for name in expected if not found[name].equals(expected[name])] == []
    assert sum(frame.height for frame in found.values()) > 10_000
    assert list((home / "exchange").iterdir()) == [], "nothing that was exchanged is left"
    for address in addresses.values():
        password = address.rpartition("@")[0].rpartition(":")[2].encode()
        files = [path for path in home.rglob("*") if path.is_file()]
        assert [path for path in files if password in path.read_bytes()] == []

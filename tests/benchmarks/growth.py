"""What a cluster costs and gives: the demo's graph in one process, and on Celery workers.

    python -m tests.benchmarks.growth            # 420 athletes, 480 public figures
    python -m tests.benchmarks.growth --quick    # 150 athletes, 130 public figures

Needs the extra `cluster` and Debian's packages redis-server and postgresql. The job `bootstrap` is
executed by Dagster's own command twice on an empty home, in one process (SQLite) and by two Celery
workers of one process each (Redis, PostgreSQL). The second time there is nothing to do: what it
takes longer on the cluster, divided by the number of steps, is what a step costs there.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg

from tests.cluster import (
    bootstrap,
    cohort,
    environment_of,
    instance,
    servers,
    what_is_missing,
    worker,
)

QUICK = {"athlepersona": 150, "celebpersona": 130}
FULL = {"athlepersona": 420, "celebpersona": 480}


def timed_bootstrap(environment: Mapping[str, str], log: Path) -> float:
    """Execute the job `bootstrap`; return its wall-clock seconds."""
    started = time.perf_counter()
    with bootstrap(environment, log) as job:
        if job.wait():
            raise SystemExit(f"the job failed:\n{log.read_text()[-3000:]}")
    return time.perf_counter() - started


def steps_of(environment: Mapping[str, str]) -> dict[str, float]:
    """Return the steps of a home's newest run that succeeded, with the seconds each took."""
    with instance(environment) as opened:
        (newest,) = opened.get_runs(limit=1)
        entries = opened.all_logs(newest.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return {
        str(entry.step_key): entry.get_dagster_event().step_success_data.duration_ms / 1000
        for entry in entries
    }


def measure(people: Mapping[str, int], root: Path) -> dict[str, Any]:
    """Measure both on homes below a folder."""
    figures: dict[str, Any] = {}
    with ExitStack() as stack:
        for name in ("one process", "celery"):
            home = root / name.replace(" ", "-")
            cohort(home, people)
            addresses = stack.enter_context(servers()) if name == "celery" else None
            environment = environment_of(home, addresses)
            for number in (1, 2) if addresses else ():
                log = root / f"worker-{number}.log"
                stack.enter_context(worker(f"w{number}", environment, log))
            first = timed_bootstrap(environment, root / f"{name}-1.log")
            steps = steps_of(environment)
            second = timed_bootstrap(environment, root / f"{name}-2.log")
            figures[name] = {
                "seconds": round(first, 1),
                "nothing_new_seconds": round(second, 1),
                "steps": len(steps),
                "nothing_new_steps": len(steps_of(environment)),
                "step_seconds": steps,
            }
    one, many = figures["one process"], figures["celery"]
    extra = many["nothing_new_seconds"] - one["nothing_new_seconds"]
    figures["extra_seconds_per_step"] = round(extra / many["nothing_new_steps"], 2)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer people")
    arguments = parser.parse_args()
    missing = what_is_missing()
    if missing:
        raise SystemExit(missing)
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
            f"{platform.python_version()}",
            "people": QUICK if arguments.quick else FULL,
            **measure(QUICK if arguments.quick else FULL, Path(folder)),
        }
    print(result["machine"])
    for name in ("one process", "celery"):
        f = result[name]
        print(f"{name:<12}{f['seconds']:>8.1f} s, {f['steps']} steps;   nothing new "
              f"{f['nothing_new_seconds']:>6.1f} s, {f['nothing_new_steps']} steps")  # fmt: skip
    print(f"a step costs {result['extra_seconds_per_step']} s more on the cluster")
    for name in ("one process", "celery"):
        print(f"\n{name}: the longest steps")
        longest = sorted(result[name]["step_seconds"].items(), key=lambda item: -item[1])
        for step, seconds in longest[:12]:
            print(f"  {step:<58}{seconds:>8.1f} s")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

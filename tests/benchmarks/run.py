"""Seconds and peak memory per stage of a whole run, at demo and at paper scale.

    python -m tests.benchmarks.run            # demo and paper scale
    python -m tests.benchmarks.run --quick    # demo scale only

Every run starts on an empty home in a fresh process. Memory is the resident memory of that process
and all its children (the simulated raters and the face workers among them), sampled five times a
second; memory that processes share is counted once for each.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any


class Meter:
    """Notes, per stage, the time and the peak memory of the process and its children."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        self._stage = "start"
        self._peak = 0.0
        self._lock = threading.Lock()
        threading.Thread(target=self._sample, daemon=True).start()

    def stage_started(self, asset: str) -> None:
        """Begin counting for a stage."""
        with self._lock:
            self._stage, self._peak = asset, 0.0

    def stage_ended(self, record: Any) -> None:
        """Note what a stage took."""
        with self._lock:
            self.stages[record.asset] = {
                "seconds": round(record.seconds, 2),
                "peak_mib": round(max(self._peak, resident_mib())),
                "rows": record.rows,
            }

    def noted(self, sentence: str) -> None:
        """Nothing to note."""

    def advanced(self, label: str, done: int, total: int) -> None:
        """Nothing to note."""

    def _sample(self) -> None:
        while True:
            memory = resident_mib()
            with self._lock:
                self._peak = max(self._peak, memory)
            time.sleep(0.2)


def resident_mib() -> float:
    """Return the resident memory of this process and its descendants, in MiB."""
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(folder.name))
        resident[int(folder.name)] = int(fields[21])
    total, queue = 0, [os.getpid()]
    while queue:
        pid = queue.pop()
        total += resident.get(pid, 0)
        queue += children.get(pid, [])
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure_here(scale: str) -> None:
    """Bring this process's home up to date and print what each stage took, as JSON."""
    started = time.monotonic()
    from dagster_project.build import build_resources
    from dagster_project.cli.run import launch
    from dagster_project.graph import stages_of
    from dagster_project.home import Home
    from dagster_project.profiles import sources_of, synthetic_source
    from personax_assets.datasets import SUB_DATASETS
    from personax_assets.progress import install
    from personax_assets.stage import stale

    home = Home.from_environment()
    home.prepare()
    wanted = {name: synthetic_source(name, scale) for name in SUB_DATASETS}
    resources = build_resources(home=home, sources=sources_of(home, wanted))
    stages = stages_of(resources)
    meter = Meter()
    install(meter)
    todo = stale(stages, resources, {stage.key for stage in stages})
    if todo:
        launch(resources, todo)
    bad = [r for r in resources.warehouse.stages().values() if r.status != "ok"]
    if bad:
        raise SystemExit(f"{bad[0].asset} {bad[0].status}: {bad[0].reason}")
    figures = {
        "seconds": round(time.monotonic() - started, 1),
        "peak_mib": max((s["peak_mib"] for s in meter.stages.values()), default=0),
        "stages": meter.stages,
    }
    print(json.dumps(figures), flush=True)


def measure(scale: str) -> dict[str, Any]:
    """Measure a first and a second run of a scale in fresh processes on a fresh home."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"PERSONAX_HOME": home, "PERSONAX_PROFILE": "demo"}

        def child() -> dict[str, Any]:
            command = [sys.executable, "-m", "tests.benchmarks.run", "--here", scale]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return found

        first, second = child(), child()
        first["second_run_seconds"] = second["seconds"]
        first["home_mib"] = round(
            sum(f.stat().st_size for f in Path(home).rglob("*") if f.is_file()) / 2**20
        )
    return first


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="demo scale only")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        measure_here(arguments.here)
        return
    scales = ("demo",) if arguments.quick else ("demo", "paper")
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "scales": {scale: measure(scale) for scale in scales},
    }
    print(result["machine"])
    for scale, figures in result["scales"].items():
        print(f"\n{scale}: {figures['seconds']} s, second run {figures['second_run_seconds']} s, "
              f"peak {figures['peak_mib']} MiB, home {figures['home_mib']} MiB")  # fmt: skip
        for asset, stage in figures["stages"].items():
            rows = "" if stage["rows"] is None else f"{stage['rows']:,}"
            print(f"  {asset:<38}{rows:>10}{stage['seconds']:>9.1f} s{stage['peak_mib']:>8} MiB")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""Time to write the report, and its size, at paper scale.

    python -m tests.benchmarks.report               # the people of a home: $PERSONAX_HOME
    python -m tests.benchmarks.report --quick       # tables as large as the paper's, made up here

The first includes reading the warehouse and the model registry. The second needs no run: its
tables are random but of the paper's size, and its contact sheet holds drawn portraits.
"""

import argparse
import io
import json
import os
import platform
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image

from personax_assets.report.model import RunInfo, SubDatasetReport


def made_up() -> tuple[RunInfo, list[SubDatasetReport]]:
    """Return reports on random tables of the paper's size."""
    from personax_assets.datasets import SUB_DATASETS
    from personax_assets.report.people import MOST_CROPS
    from personax_ml.synthetic import SCALES, draw_cohort, render_portrait
    from tests.personax_assets.report.conftest import RATERS, make_report

    reports = []
    for name, sub in SUB_DATASETS.items():
        report = make_report(sub, SCALES["paper"][name])
        faces = draw_cohort(name, MOST_CROPS, seed=0).factors.iter_rows(named=True)
        drawn = [_png(render_portrait(face, 1, 0)) for face in faces]
        people = report.frames["bios"]["person_id"][: len(drawn)]
        sample = pl.DataFrame({"person_id": people, "crop": drawn}).with_columns(
            measurement=pl.lit(1), simulated=pl.lit(True)
        )
        reports.append(replace(report, frames={**report.frames, "crop_sample": sample}))
    info = RunInfo(datetime.now(UTC), {}, 0, "none", dict.fromkeys(RATERS, "simulated"))
    return info, reports


def _png(picture: bytes) -> bytes:
    file = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.resize((224, 224)).save(file, "PNG")
    return file.getvalue()


def measure(home: Path | None) -> dict[str, Any]:
    """Write the report once and return what that took."""
    from personax_assets.report.collect import collect_all, collect_comparison, run_info
    from personax_assets.report.write import write_report

    comparison = None
    if home is None:
        info, reports = made_up()
    started, cpu = time.monotonic(), time.process_time()
    if home is not None:
        from dagster_project.build import build_resources
        from dagster_project.home import Home

        resources = build_resources(home=Home(home))
        info, reports = run_info(resources), collect_all(resources)
        comparison = collect_comparison(resources)
    with tempfile.TemporaryDirectory() as folder:
        write_report(Path(folder), info, reports, comparison)
        seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu
        sizes = {page.name: page.stat().st_size for page in sorted(Path(folder).iterdir())}
    return {
        "people": sum(report.frames["bios"].height for report in reports),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "mib": {name: round(size / 2**20, 2) for name, size in sizes.items()},
        "source": "made up" if home is None else str(home),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="random tables, no home needed")
    arguments = parser.parse_args()
    home = None if arguments.quick else Path(os.environ.get("PERSONAX_HOME") or ".personax")
    if home is not None and not (home / "warehouse.duckdb").exists():
        raise SystemExit(f'{home}: no home there; make run ARGS="--scale paper", or --quick')
    result = measure(home)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{result['people']:,} people ({result['source']}), {machine}")
    print(f"written in {result['seconds']} s ({result['cpu_seconds']} s of processor time)")
    for name, size in result["mib"].items():
        print(f"  {name:<22}{size:>7.2f} MiB")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

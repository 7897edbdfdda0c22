"""What a refresh costs: of a million people through the bios, of ten new people end to end.

    python -m tests.benchmarks.refresh            # 1,000,000 people; ten new among 4,181
    python -m tests.benchmarks.refresh --quick    # 100,000 people; ten new among 420

A million: raw rows of invented people lie in the warehouse, and the stage `bios` reads them, cleans
them, compares them with what is known, writes bios and history and checks both. Three times, each
in a fresh process: on an empty history, with 2 % of the people new, changed or gone, and with the
same rows again. Ten new: a home of invented athletes is built, ten more join, `personax refresh`
does the rest, and then once more with nothing new. Memory is the peak resident memory.
"""

import argparse
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

COHORT_SEED = 0


def write_raw(n: int, day: int) -> None:
    """Write the raw rows of `n` people into this process's home; on day 1, 2 % are others."""
    import numpy as np
    import polars as pl

    from dagster_project.build import build_resources
    from personax_assets.datasets import ATHLEPERSONA, LEAGUES
    from personax_assets.schemas.people import raw_bios

    rng = np.random.default_rng(COHORT_SEED)
    key = np.arange(n)
    years, months, days = (
        rng.integers(1970, 2006, n),
        rng.integers(1, 13, n),
        rng.integers(1, 29, n),
    )
    heights, weights = rng.normal(188, 9, n).round(), rng.normal(88, 12, n).round()
    leagues, places = rng.integers(0, len(LEAGUES), n), rng.integers(0, 200, n)
    facts = str(files("personax_assets.bios.cleaning") / "countries.csv")
    countries = pl.read_csv(facts, infer_schema=False)["name"]
    if day:
        weights[key % 100 == 0] += 1  # 1 % gained a kilogram
        key = np.where(key % 200 == 1, key + n, key)  # 0.5 % left and as many came
    schema = raw_bios(ATHLEPERSONA).polars
    frame = pl.DataFrame(
        {
            "source_id": key, "source_row": np.arange(n), "height": heights, "weight": weights,
            "year": years, "month": months, "day": days,
            "league": pl.Series(LEAGUES).gather(leagues),
            "country": countries.gather(places),
        }
    ).with_columns(
        pl.format("record {}", "source_row").alias("record_id"),
        pl.format("Given{} Family{}", pl.col("source_id") % 5_000, pl.col("source_id") % 7_919)
        .alias("name"),
        pl.format("{}-{}-{}", "year", *(pl.col(c).cast(pl.String).str.zfill(2)
                                        for c in ("month", "day"))).alias("birth_date"),
        pl.col("height", "weight").cast(pl.Int64),
        pl.lit("benchmark").alias("source"), pl.lit("benchmark").alias("source_file"),
        pl.lit("birth").alias("country_basis"),
        pl.lit("cm").alias("height_unit"), pl.lit("kg").alias("weight_unit"),
        pl.lit(True).alias("in_scope"), pl.lit(True).alias("simulated"),
    )  # fmt: skip
    rows = frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )
    with build_resources().warehouse.transaction() as transaction:
        transaction.replace(raw_bios(ATHLEPERSONA), "athlepersona.raw_bios", rows)


def run_stage(key: str) -> dict[str, Any]:
    """Execute a stage in this process's home."""
    from dagster_project.build import build_resources
    from dagster_project.graph import stages_of
    from personax_assets.execution import execute
    from personax_assets.stage import StageRun

    resources = build_resources()
    stage = next(s for s in stages_of(resources) if s.key == key)
    started, cpu = time.perf_counter(), time.process_time()
    outcome = execute(StageRun(stage, resources), only_stale=False)
    seconds = time.perf_counter() - started
    if outcome.record.status != "ok":
        raise SystemExit(outcome.record.reason)
    rows = outcome.record.rows or 0
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "rows_per_s": round(rows / seconds),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        **outcome.record.counts,
    }


def in_child(home: str, *arguments: str) -> Any:
    """Run a part of this module in a fresh process on a home; return the JSON it prints."""
    command = [sys.executable, "-m", "tests.benchmarks.refresh", *arguments]
    environment = os.environ | {"PERSONAX_HOME": home}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_million(n: int, home: str) -> dict[str, Any]:
    """Measure the stage `bios` on `n` people, in an empty home, and print each run as it ends."""
    print(f"\n{n:,} people through clean, delta and history", flush=True)
    figures = {}
    for name, day in (("first load", 0), ("2 % moved", 1), ("nothing new", 1)):
        if name != "nothing new":
            in_child(home, "--write-raw", str(n), "--day", str(day))
        figures[name] = f = in_child(home, "--run-stage", "athlepersona/bios")
        print(f"  {name:<12}{f['seconds']:>7.1f} s{f['cpu_seconds']:>8.1f} CPU s"
              f"{f['rows_per_s']:>9,} rows/s{f['peak_mib']:>7,} MiB   {f['new']:,} new, "
              f"{f['changed']:,} changed, {f['retired']:,} retired", flush=True)  # fmt: skip
    return figures


def measure_ten(n: int) -> dict[str, Any]:
    """Measure refreshes of a home of `n` athletes, print each run as it ends.

    Ten people join; then nothing is new.
    """
    print(f"\npersonax on {n:,} athletes, end to end", flush=True)
    runs = {}
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"PERSONAX_HOME": home, "PERSONAX_PROFILE": "demo"}
        for name, command, people in (
            ("all new", "run", n),
            ("ten new", "refresh", n + 10),
            ("nothing new", "refresh", n + 10),
        ):
            source = {"kind": "synthetic", "people": people, "seed": COHORT_SEED}
            (Path(home) / "sources.json").write_text(json.dumps({"athlepersona": source}))
            calls, cpu, started = _calls(Path(home)), _children_cpu(), time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "dagster_project.cli", command, "--dataset", "athlepersona"],
                env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
            )  # fmt: skip
            runs[name] = f = {
                "seconds": round(time.perf_counter() - started, 1),
                "cpu_seconds": round(_children_cpu() - cpu, 1),
                "rater_calls": _calls(Path(home)) - calls,
            }
            print(f"  {name:<12}{f['seconds']:>7.1f} s{f['cpu_seconds']:>8.1f} CPU s"
                  f"{f['rater_calls']:>9,} rater calls", flush=True)  # fmt: skip
    return runs


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _calls(home: Path) -> int:
    if not (home / "journal.sqlite").exists():
        return 0
    with sqlite3.connect(home / "journal.sqlite") as journal:
        return int(journal.execute("SELECT count(*) FROM calls").fetchone()[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the people")
    parser.add_argument("--only", choices=("million", "ten"), help="one part")
    parser.add_argument("--write-raw", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--day", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--run-stage", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write_raw:
        write_raw(arguments.write_raw, arguments.day)
        print("{}")
        return
    if arguments.run_stage:
        print(json.dumps(run_stage(arguments.run_stage)), flush=True)
        return
    n, athletes = (100_000, 420) if arguments.quick else (1_000_000, 4_181)
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
    }
    print(result["machine"])
    if arguments.only != "ten":
        with tempfile.TemporaryDirectory() as home:
            result["bios"] = measure_million(n, home)
    if arguments.only != "million":
        result["refresh"] = {"athletes": athletes, **measure_ten(athletes)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()

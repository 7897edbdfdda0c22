"""A million people on one machine: bios, scores, Level I.

    python -m tests.benchmarks.scale            # 1,000,000 people
    python -m tests.benchmarks.scale --quick    # 100,000 people

Bios as in `tests.benchmarks.refresh`: on an empty history, with 2 % of the people new, changed or
gone, and with nothing new. Then three raters' answers about everybody are written straight into
the warehouse, with scores that depend on the league and without texts, and the stages
`trait_scores` and `independence_tests` are executed; the latter once more after 2 % of the people
got other scores. Every stage runs in a fresh process; memory is its peak resident memory. Last come
the costs per item of the stages that look at faces and texts, in CPU time of this process.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.refresh import in_child, measure_million, print_million

SEED = 0


def write_answers(day: int) -> None:
    """Write what each rater answered about everybody in this process's home.

    A trait is the league's mean and a person's own part; a rater is off by one now and then, and
    has nothing to say about one person in ten. On day 1 the own part of 2 % of the people changes.
    """
    import numpy as np
    import polars as pl

    from dagster_project.build import build_resources
    from dagster_project.graph import stages_of
    from personax_assets.datasets import ATHLEPERSONA, LEAGUES, TRAITS

    resources = build_resources()
    layout = next(s.layout for s in stages_of(resources) if s.layout.name == ATHLEPERSONA.name)
    bios = resources.warehouse.query("SELECT person_id, league FROM athlepersona.bios ORDER BY 1")
    n, rng = bios.height, np.random.default_rng(SEED)
    codes = bios["league"].replace_strict({name: i for i, name in enumerate(LEAGUES)}).to_numpy()
    means, own = rng.normal(2, 0.2, (len(TRAITS), len(LEAGUES))), rng.normal(0, 0.6, (5, n))
    if day:
        own[:, np.arange(n) % 50 == 0] += 1
    for rater in layout.raters:
        schema = layout.tables[f"trait_texts_{rater}"]
        noise = rng.normal(0, 0.3, (5, n))
        scores = np.clip(np.rint(means[:, codes] + own + noise), 1, 3).astype(np.int16)
        scores[rng.random((5, n)) < 0.1] = 0
        known = bios.select("person_id").with_columns(
            pl.lit("ok").alias("status"),
            pl.lit("benchmark").alias("input_hash"),
            pl.lit(True).alias("simulated"),
            *(pl.Series(f"{trait}_score", scores[i]) for i, trait in enumerate(TRAITS)),
        )
        frame = known.select(
            (pl.col(name) if name in known.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in schema.polars.items()
        )
        with resources.warehouse.transaction() as transaction:
            transaction.replace(schema, layout.table(schema.name), frame)


def answers_in_child(home: str, day: int) -> None:
    """Write the answers in a process of their own."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "tests.benchmarks.scale", "--write-answers", str(day)]
    subprocess.run(command, env=os.environ | {"PERSONAX_HOME": home}, check=True)


def measure(n: int) -> dict[str, Any]:
    """Measure every stage on `n` people."""
    with tempfile.TemporaryDirectory() as home:
        bios = measure_million(n, home)
        answers_in_child(home, day=0)
        later = {}
        for name, key in (
            ("scores", "trait_scores"),
            ("level I", "independence_tests"),
            ("2 % moved", "trait_scores"),
            ("level I, 2 % moved", "independence_tests"),
        ):
            if name == "2 % moved":
                answers_in_child(home, day=1)
            later[name] = in_child(home, "--run-stage", f"athlepersona/{key}")
        size = sum(path.stat().st_size for path in Path(home).glob("warehouse.duckdb*"))
    del later["2 % moved"]
    return {"people": n, "bios": bios, "later": later, "warehouse_mib": round(size / 2**20)}


def unit_costs(n: int = 300) -> dict[str, float]:
    """Return CPU milliseconds and bytes per item of the stages that look at faces and texts."""
    import time
    from collections.abc import Callable, Sequence

    import polars as pl

    from personax_assets.embeddings import encoder_by_name
    from personax_assets.faces.crops import process
    from personax_assets.faces.photographs import SyntheticPortraits
    from personax_ml.synthetic import draw_cohort
    from personax_ml.synthetic.phrases import DESCRIPTIONS

    people = draw_cohort("athlepersona", n, SEED).factors.select(
        "source_id", pl.col("source_id").alias("person_id")
    )
    photographs = SyntheticPortraits("athlepersona", n, SEED).photographs(people)
    phrases = [str(phrase) for some in DESCRIPTIONS.values() for phrase in some]
    texts = ["\n".join(phrases[(i * k) % len(phrases)] for k in range(1, 11)) for i in range(n)]

    def each(work: Callable[[], Sequence[object]]) -> tuple[float, Sequence[Any]]:
        started = time.process_time()
        done = work()
        return round(1000 * (time.process_time() - started) / n, 2), done

    process(photographs[0])  # what is loaded once does not count
    drawn, _ = each(lambda: [photograph.source.load() for photograph in photographs])
    cropped, rows = each(lambda: [process(photograph) for photograph in photographs])
    crops = [row.crop for row in rows if row.crop]
    face, _ = each(lambda: encoder_by_name("pixels").embed(crops))
    text, _ = each(lambda: encoder_by_name("ngrams").embed(texts))
    return {
        "portrait_drawn_ms": drawn,
        "face_crop_ms": round(cropped - drawn, 2),
        "crop_bytes": round(sum(map(len, crops)) / len(crops)),
        "face_embedding_ms": face,
        "text_embedding_ms": text,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the people")
    parser.add_argument("--write-answers", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write_answers is not None:
        write_answers(arguments.write_answers)
        return
    n = 100_000 if arguments.quick else 1_000_000
    result = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        **measure(n),
        "unit_costs": unit_costs(),
    }
    print(result["machine"])
    print_million(n, result["bios"])
    print(f"\n{n:,} people, three raters")
    for name, f in result["later"].items():
        print(f"  {name:<20}{f['rows']:>10,} rows{f['seconds']:>8.1f} s"
              f"{f['cpu_seconds']:>8.1f} CPU s{n / f['seconds']:>11,.0f} people/s"
              f"{f['peak_mib']:>8,} MiB")  # fmt: skip
    print(f"\nwarehouse: {result['warehouse_mib']:,} MiB")
    print("\nCPU milliseconds and bytes per item")
    for name, value in result["unit_costs"].items():
        print(f"  {name:<20}{value:>10,}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()

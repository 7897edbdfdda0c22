"""Does Level I find the planted world again? Share of pairs called dependent, by planted effect.

    python -m tests.benchmarks.recovery            # 20 seeds that were not used while tuning
    python -m tests.benchmarks.recovery --quick    # 3 tuning seeds

Each seed is a whole cohort at demo scale, rated by the three simulated raters, scored by their
median and tested as the platform does. The last rows say whether the rejection rate of planted
independent pairs lies inside the 99 % binomial interval around 5 %.
"""

import argparse
import json
from typing import Any

import polars as pl
from scipy.stats import binom

from personax_assets.datasets import SUB_DATASETS, TRAITS, SubDataset
from personax_assets.traits.scores import trait_scores
from personax_ml.independence import VariableSpec, independence_grid
from personax_ml.synthetic import (
    SCALES,
    SIMULATED_RATERS,
    draw_cohort,
    person_seed,
    planted_pairs,
)

FRESH_SEEDS = range(1000, 1020)
TUNING_SEEDS = range(3)
EFFECTS = ("none", "weak", "medium", "strong")


def grid(sub: SubDataset, seed: int) -> pl.DataFrame:
    """Return the aggregate tests of one cohort."""
    cohort = draw_cohort(sub.name, SCALES["demo"][sub.name], seed)
    texts = {}
    for name, rater in SIMULATED_RATERS.items():
        answers = [
            {"person_id": person["source_id"], "status": "ok"}
            | rater.answer(person, person_seed(seed, person["source_id"]))
            for person in cohort.factors.iter_rows(named=True)
        ]
        texts[name] = pl.DataFrame(answers)
    scores = trait_scores(texts).select(
        "person_id", "trait", pl.lit("aggregate").alias("rater"), "score"
    )
    return independence_grid(
        scores,
        cohort.bios.rename({"source_id": "person_id"}),
        {v.name: VariableSpec(v.kind, v.discrete, v.period) for v in sub.variables},
        seed=0,
    )


def ladder(sub: SubDataset, seeds: range) -> pl.DataFrame:
    """Return the share called dependent per profile, test and planted effect."""
    truth = planted_pairs(sub.name).select("trait", "variable", "effect")
    runs = pl.concat([grid(sub, seed) for seed in seeds]).join(truth, on=["trait", "variable"])
    return (
        runs.filter(pl.col("status") == "ok")
        .group_by("profile", "test", "effect")
        .agg(
            pl.len().alias("tests"),
            pl.col("dependent").sum().alias("rejected"),
            pl.col("dependent").mean().alias("share"),
        )
        .sort("profile", "test")
    )


def judged(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return one row per profile and test: the ladder, and whether 5 % holds where nothing is."""
    result = []
    for (profile, test), group in rows.group_by("profile", "test", maintain_order=True):
        shares = dict(group.select("effect", "share").iter_rows())
        none = group.filter(pl.col("effect") == "none").row(0, named=True)
        low, high = binom.interval(0.99, none["tests"], 0.05)
        result.append(
            {
                "profile": profile,
                "test": test,
                **{effect: round(shares[effect], 3) for effect in EFFECTS},
                "tests_of_none": none["tests"],
                "interval": [round(float(x) / none["tests"], 3) for x in (low, high)],
                "calibrated": bool(low <= none["rejected"] <= high),
            }
        )
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three tuning seeds only")
    seeds = TUNING_SEEDS if parser.parse_args().quick else FRESH_SEEDS
    result = {name: judged(ladder(sub, seeds)) for name, sub in SUB_DATASETS.items()}
    for name, rows in result.items():
        print(f"\n{name}, {SCALES['demo'][name]} people, {len(seeds)} seeds, {len(TRAITS)} traits")
        print(
            f"{'profile':<13}{'test':<6}{'none':>7}{'weak':>7}{'medium':>8}{'strong':>8}  5 % holds"
        )
        for row in rows:
            print(
                f"{row['profile']:<13}{row['test']:<6}{row['none']:>7.3f}{row['weak']:>7.3f}"
                f"{row['medium']:>8.3f}{row['strong']:>8.3f}  "
                f"{'yes' if row['calibrated'] else 'no'} {row['interval']}"
            )
    print(json.dumps({"seeds": [seeds.start, seeds.stop - 1], **result}))


if __name__ == "__main__":
    main()

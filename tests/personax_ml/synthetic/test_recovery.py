"""What is planted is found again by an independence test that knows nothing of the plan."""

from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from scipy.stats import gamma

from personax_ml.synthetic import (
    SCALES,
    SIMULATED_RATERS,
    draw_cohort,
    person_seed,
    planted_pairs,
)
from personax_ml.synthetic.worlds import TRAITS

DATASETS = ("athlepersona", "celebpersona")


def centred_kernel(x):
    z = (x - x.mean()) / x.std(ddof=1)
    k = np.exp(-((z[:, None] - z) ** 2) / (2 * 0.5**2))
    k -= k.mean(axis=0)
    return k - k.mean(axis=1, keepdims=True)


def kci(x, y):
    """Unconditional kernel test with the gamma approximation of its null distribution."""
    n, a, b = len(x), centred_kernel(x), centred_kernel(y)
    mean = np.trace(a) * np.trace(b) / n
    variance = 2 * (a**2).sum() * (b**2).sum() / n**2
    return gamma.sf((a * b).sum(), mean**2 / variance, scale=variance / mean)


def median_scores(cohort):
    scores = {trait: [] for trait in TRAITS}
    for person in cohort.factors.iter_rows(named=True):
        seed = person_seed(cohort.seed, person["source_id"])
        answers = [rater.answer(person, seed) for rater in SIMULATED_RATERS.values()]
        for trait in TRAITS:
            given = [a[f"{trait}_score"] for a in answers if a[f"{trait}_score"]]
            scores[trait].append(np.median(given) if given else np.nan)
    return {trait: np.array(values) for trait, values in scores.items()}


def shares_found(dataset, seeds):
    found = defaultdict(list)
    pairs = planted_pairs(dataset)
    for seed in seeds:
        cohort = draw_cohort(dataset, SCALES["demo"][dataset], seed)
        scores = median_scores(cohort)
        for trait, variable, effect in pairs.select("trait", "variable", "effect").iter_rows():
            column = cohort.bios[variable]
            if column.dtype == pl.String:
                column = column.cast(pl.Enum(column.drop_nulls().unique().sort())).to_physical()
            x = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
            known = ~np.isnan(x) & ~np.isnan(scores[trait])
            found[effect].append(kci(x[known], scores[trait][known]) < 0.05)
    return {effect: float(np.mean(hits)) for effect, hits in found.items()}


@pytest.mark.parametrize("dataset", DATASETS)
def test_strong_pairs_are_found_at_demo_size(dataset):
    shares = shares_found(dataset, [0])
    assert shares["strong"] == 1.0
    assert shares["none"] < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_the_ladder_rises(dataset):
    shares = shares_found(dataset, range(8))
    assert shares["none"] == pytest.approx(0.05, abs=0.03)
    assert shares["none"] < shares["weak"] < shares["medium"] < shares["strong"]
    assert shares["strong"] >= 0.99

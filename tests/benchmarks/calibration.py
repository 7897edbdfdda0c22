"""Calibration and power of the independence tests, recommended profile.

    python -m tests.benchmarks.calibration [--quick] [--workers N]

For each kind of column, number of rows and condition, margins are drawn several times and, for
each, many tables under independence with these margins. The share of p-values below the level is
reported with an exact interval; a cell fails if its interval, corrected for the number of cells,
lies outside the level +/- 20 %. Where the profile permutes (sparse tables), every simulated table
is compared with 99 others of its own instead of 999, which leaves the level attainable.

Prints a table and, as the last line, one JSON object.
"""

import argparse
import json
import os
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.stats import beta, spearmanr

from personax_ml.independence import VariableSpec, encode, independence_tests
from personax_ml.independence.prepared import Prepared, draw_statistics
from personax_ml.independence.profiles import Kernels
from personax_ml.independence.run import prepare, uses_permutation
from personax_ml.independence.tables import Strata, crosstab, stratify, unconditional

KERNEL_TESTS = ("kci", "rcit", "hsic")
DISCRETE_TESTS = ("chi2", "gsq")
SIZES = (500, 4181)
REFERENCES = 99

TRAIT = VariableSpec("ordinal", discrete=True)
COLUMNS = {
    "binary 5 %": VariableSpec("binary", discrete=True),
    "binary 45 %": VariableSpec("binary", discrete=True),
    "month": VariableSpec("circular", discrete=True, period=12),
    "day": VariableSpec("circular", discrete=True, period=31),
    "height": VariableSpec("numeric", discrete=True),
    "weight": VariableSpec("numeric", discrete=True),
    "country latitude": VariableSpec("numeric", discrete=True),
    "city latitude": VariableSpec("numeric", discrete=True),
    "continuous": VariableSpec("numeric"),
}
LEAGUE_SHARES = (0.3, 0.25, 0.15, 0.1, 0.08, 0.07, 0.05)


@dataclass(frozen=True)
class Effort:
    """How much to simulate.

    `margins` independent draws of margins; for each `analytic` tables where the null is analytic
    and `permuted` where it is drawn; `power` data sets per effect.
    """

    margins: int
    analytic: int
    permuted: int
    power: int


FULL = Effort(margins=25, analytic=2000, permuted=400, power=1000)
QUICK = Effort(margins=2, analytic=1000, permuted=100, power=60)


@dataclass(frozen=True)
class Cell:
    """Rejections of one test in one situation."""

    column: str
    n: int
    given: str | None
    test: str
    null: str
    level: float
    simulations: int
    rejections: int

    @property
    def rate(self) -> float:
        return self.rejections / self.simulations

    def interval(self, error: float) -> tuple[float, float]:
        """Clopper and Pearson's interval."""
        k, m = self.rejections, self.simulations
        low = beta.ppf(error / 2, k, m - k + 1) if k else 0.0
        high = beta.ppf(1 - error / 2, k + 1, m - k) if k < m else 1.0
        return float(low), float(high)


def simulate(column: str, n: int, given: bool, rng: np.random.Generator) -> Strata:
    """A trait and a column; given a league, both depend on it and on each other through it."""
    league = rng.choice(len(LEAGUE_SHARES), n, p=LEAGUE_SHARES)
    shift = (league - 3) / 2 if given else np.zeros(n)
    latent = 0.5 * shift + rng.normal(size=n)
    trait = np.round(np.clip(2 + 0.6 * latent, 1, 3) * 2) / 2
    z = 0.5 * shift + rng.normal(size=n)
    places = np.random.default_rng(0)
    countries = places.uniform(-45, 65, 80).round(2), places.dirichlet(np.full(80, 0.3))
    cities = places.normal(35, 20, 900).round(4), places.dirichlet(np.full(900, 0.5))
    order_country, order_city = np.argsort(countries[0]), np.argsort(cities[0])
    # a value of rank u in the distribution of the league's people
    u = np.clip(1 / (1 + np.exp(-1.7 * z)), 0, 1 - 1e-12)

    def at_rank(values, shares, order):
        return values[order][np.searchsorted(np.cumsum(shares[order]), u * shares.sum())]

    y = {
        "binary 5 %": z > 1.645,
        "binary 45 %": z > 0.126,
        "month": 1 + np.floor(12 * u),
        "day": 1 + np.floor(31 * u),
        "height": np.round(186 + 9 * z),
        "weight": np.round(88 * np.exp(0.18 * z)),
        "country latitude": at_rank(*countries, order_country),
        "city latitude": at_rank(*cities, order_city),
        "continuous": z,
    }[column]
    x_column = encode(trait, TRAIT, "trait")
    y_column = encode(np.asarray(y, dtype=float), COLUMNS[column], column)
    if not given:
        return unconditional(crosstab(x_column, y_column))
    return stratify(x_column, y_column, encode([f"league {i}" for i in league], None, "league"))


def calibrate(column: str, n: int, given: bool, effort: Effort) -> list[Cell]:
    """Count rejections of all tests of one kind of column."""
    rng = np.random.default_rng([n, given, zlib.crc32(column.encode())])
    tests = KERNEL_TESTS + (DISCRETE_TESTS if COLUMNS[column].discrete else ())
    counts: dict[tuple[str, str, float], list[int]] = {}
    for seed in range(8 * effort.margins):
        strata = simulate(column, n, given, rng)
        ready = [prepare(t, strata, "recommended", seed, Kernels()) for t in tests]
        permuted = [p for p in ready if uses_permutation(p, strata, "recommended", "auto")]
        analytic = [p for p in ready if p not in permuted]
        # margins may be sparse or not: go on until every kind that occurred has enough tables
        permuted = [p for p in permuted if _short(counts, (p.name, "permutation", 0.05), effort)]
        analytic = [
            p for p in analytic if _short(counts, (p.name, p.null_approximation, 0.05), effort)
        ]
        if seed >= effort.margins and not any(_short(counts, key, effort) for key in counts):
            break
        drawn = _draw(strata, analytic, effort.analytic, rng)
        for test in analytic:
            p_values = np.exp(test.log_sf(drawn[test.name]))
            for level in (0.05, 0.001):
                _count(counts, (test.name, test.null_approximation, level), p_values, level)
        drawn = _draw(strata, permuted, effort.permuted * (1 + REFERENCES), rng)
        for test in permuted:
            values = drawn[test.name].reshape(effort.permuted, 1 + REFERENCES)
            observed = values[:, :1] - 1e-9 * np.maximum(np.abs(values[:, :1]), 1.0)
            p_values = (values >= observed).sum(axis=1) / (1 + REFERENCES)
            _count(counts, (test.name, "permutation", 0.05), p_values, 0.05)
    condition = "league" if given else None
    return [
        Cell(column, n, condition, test, null, level, simulations, rejections)
        for (test, null, level), (simulations, rejections) in counts.items()
    ]


def _short(
    counts: dict[tuple[str, str, float], list[int]], key: tuple[str, str, float], effort: Effort
) -> bool:
    """Whether a cell still lacks simulations."""
    each = effort.permuted if key[1] == "permutation" else effort.analytic
    return counts.get(key, [0, 0])[0] < effort.margins * each


def _draw(
    strata: Strata, tests: list[Prepared], draws: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    if not tests:
        return {}
    resampling = {test.name: test.resampling() for test in tests}
    return draw_statistics(strata.informative, resampling, draws, rng)


def _count(
    counts: dict[tuple[str, str, float], list[int]],
    key: tuple[str, str, float],
    p_values: np.ndarray,
    level: float,
) -> None:
    total = counts.setdefault(key, [0, 0])
    total[0] += len(p_values)
    total[1] += int((p_values <= level).sum())


EFFECTS = ("linear", "variance", "bump")


def power(effect: str, data_sets: int, n: int = 500) -> dict[str, float]:
    """Share of data sets in which each test finds a trait's effect on a continuous column."""
    rng = np.random.default_rng(zlib.crc32(effect.encode()))
    found: dict[str, int] = {}
    for seed in range(data_sets):
        latent, noise = rng.normal(size=n), rng.normal(size=n)
        if effect == "linear":
            y = 0.11 * latent + noise
        elif effect == "variance":
            y = np.exp(0.11 * latent) * noise
        else:
            y = noise
            latent = 0.9 * np.exp(-((y - 0.8) ** 2) / (2 * 0.2**2)) + latent
        x = encode(np.round(np.clip(2 + 0.6 * latent, 1, 3) * 2) / 2, TRAIT, "trait")
        results = {
            f"{name}, {profile}": result.p_value
            for profile, tests in (
                ("recommended", ("kci", "hsic", "rcit", "dcor")),
                ("paper", ("kci", "rcit")),
            )
            for name, result in independence_tests(
                x, y, tests=tests, profile=profile, seed=seed
            ).items()
        }
        results["spearman"] = spearmanr(x.axis.values[x.codes], y).pvalue
        for name, p_value in results.items():
            found[name] = found.get(name, 0) + int(p_value < 0.05)
    return {name: count / data_sets for name, count in found.items()}


def main(arguments: list[str]) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of a percent of the work")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args(arguments)
    effort = QUICK if options.quick else FULL
    start = time.perf_counter()
    situations = list(product(COLUMNS, SIZES, (False, True)))
    cells: list[Cell] = []
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = [pool.submit(calibrate, *situation, effort) for situation in situations]
        for situation, job in zip(situations, jobs, strict=True):
            cells.extend(job.result())
            print(f"{time.perf_counter() - start:7.1f} s  {situation}", file=sys.stderr)
        powers = {effect: power(effect, effort.power) for effect in EFFECTS}

    error = 0.05 / len(cells)
    failed = []
    print("Share of p-values at or below the level, under independence\n")
    print(
        f"{'column':17}{'n':>5} {'given':8}{'test':5} {'null':22}{'level':>6} {'rate':>8}  interval"
    )
    for cell in cells:
        low, high = cell.interval(error)
        outside = low > 1.2 * cell.level or high < 0.8 * cell.level
        failed.append(cell) if outside else None
        print(
            f"{cell.column:17}{cell.n:5} {cell.given or '-':8}{cell.test:5} {cell.null:22}"
            f"{cell.level:6} {cell.rate:8.5f}  {low:.5f}-{high:.5f}{'  OUTSIDE' if outside else ''}"
        )
    print("\nPower at level .05, n = 500, five ordered categories against a continuous column\n")
    names = list(powers[EFFECTS[0]])
    print(f"{'effect':10}" + "".join(f"{name:>19}" for name in names))
    for effect, row in powers.items():
        print(f"{effect:10}" + "".join(f"{row[name]:19.3f}" for name in names))
    print(f"\n{len(cells)} cells, {len(failed)} outside the level +/- 20 %")
    print(
        json.dumps(
            {
                "benchmark": "calibration",
                "quick": options.quick,
                "seconds": round(time.perf_counter() - start, 1),
                "cells": [asdict(cell) | {"rate": cell.rate} for cell in cells],
                "outside": len(failed),
                "power": powers,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])

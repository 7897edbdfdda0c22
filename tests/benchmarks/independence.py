"""Speed and memory of the independence tests against the packages that the paper used.

    python -m tests.benchmarks.independence [--quick]

Both sides run in turns in one process on one thread, on the same columns of the synthetic cohort
(or generated ones). The peers are causal-learn (KCI, RCIT, chi-square, G-square) and HSIC as
conditional_independence computes it, on n x n matrices in double precision. Where the peer would
take hours it runs on some of the pairs and both times are per pair.

Prints a table and, as the last line, one JSON object.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import duckdb
import numpy as np
import polars as pl
from causallearn.utils.cit import CIT

from personax_assets.datasets import SUB_DATASETS, TRAITS, SubDataset
from personax_ml.independence import (
    VariableSpec,
    encode,
    independence_grid,
    independence_tests,
    kci,
    run_tests,
    strata_from_query,
)
from personax_ml.synthetic import SCALES, draw_cohort
from tests.personax_ml.independence.peers import hsic_gamma

REPEATS = 5


@dataclass(frozen=True)
class Row:
    """One comparison, or one bar of ours alone."""

    what: str
    ours_s: float
    peer_s: float | None = None
    difference: float | None = None
    bar: str = ""
    holds: bool | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.peer_s is None else self.peer_s / self.ours_s


def timed(call: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def median_time(call: Callable[[], object], repeats: int = REPEATS) -> float:
    return statistics.median(timed(call)[0] for _ in range(repeats))


def specs(sub: SubDataset) -> dict[str, VariableSpec]:
    return {v.name: VariableSpec(v.kind, v.discrete, v.period) for v in sub.variables}


def cohort(name: str, n: int) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, VariableSpec]]:
    """Scores in the form of the grid, bios and kinds of n synthetic people.

    The scores are ordered categories of the planted trait factors; raters add nothing to speed.
    """
    sub = SUB_DATASETS[name]
    drawn = draw_cohort(name, n, seed=0)
    bios = drawn.bios.rename({"source_id": "person_id"})
    rng = np.random.default_rng(0)
    scores = []
    for rater in ("aggregate", "chatgpt", "gemini", "llama"):
        step = 2 if rater == "aggregate" else 1
        for trait in TRAITS:
            latent = drawn.factors[f"trait_{trait}"].to_numpy() + 0.5 * rng.normal(size=n)
            scores.append(
                pl.DataFrame(
                    {
                        "person_id": bios["person_id"],
                        "trait": trait,
                        "rater": rater,
                        "score": np.round(np.clip(2 + 0.6 * latent, 1, 3) * step) / step,
                    }
                )
            )
    return pl.concat(scores), bios, specs(sub)


def at_country_centres(bios: pl.DataFrame) -> pl.DataFrame:
    """Everybody at the mean place of the country, which is what rosters without towns give."""
    return bios.with_columns(pl.col("latitude", "longitude").mean().over("country").round(2))


def as_numbers(column: pl.Series) -> np.ndarray:
    """What label encoding makes of a column."""
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        return np.unique(column.drop_nulls().to_numpy(), return_inverse=True)[1].astype(float)
    return column.drop_nulls().cast(pl.Float64).to_numpy()


def pairs(
    scores: pl.DataFrame, bios: pl.DataFrame, kinds: dict[str, VariableSpec]
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Yield trait, variable and both columns without missing values, as the peers need them."""
    for trait in TRAITS:
        score = scores.filter(pl.col("rater") == "aggregate", pl.col("trait") == trait)
        joined = score.join(bios, on="person_id")
        for name in kinds:
            known = joined.drop_nulls([name, "score"])
            yield trait, name, known["score"].to_numpy(), as_numbers(known[name])


PEERS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "kci": lambda x, y: float(CIT(np.column_stack((x, y)), "kci")(0, 1)),
    "rcit": lambda x, y: float(CIT(np.column_stack((x, y)), "rcit")(0, 1)),
    "chi2": lambda x, y: float(CIT(np.column_stack((x, y)), "chisq")(0, 1)),
    "gsq": lambda x, y: float(CIT(np.column_stack((x, y)), "gsq")(0, 1)),
    "hsic": lambda x, y: hsic_gamma(x, y)[1],
}


def compare(
    what: str,
    name: str,
    n: int,
    tests: tuple[str, ...],
    bar: float,
    sample: int | None = None,
    places: bool = True,
) -> Row:
    """The paper's profile over a grid against the peers' calls over it, or over `sample` pairs.

    Without `places`, people are at their countries' centres: few distinct places, as in the
    paper's data, instead of as many as people.
    """
    scores, bios, kinds = cohort(name, n)
    scores = scores.filter(pl.col("rater") == "aggregate")
    bios = bios if places else at_country_centres(bios)
    calls = [
        (trait, variable, test, x, y)
        for trait, variable, x, y in pairs(scores, bios, kinds)
        for test in tests
        if kinds[variable].discrete or test not in ("chi2", "gsq")
    ]
    rng = np.random.default_rng(1)
    chosen = range(len(calls)) if sample is None else rng.choice(len(calls), sample, replace=False)

    def ours() -> pl.DataFrame:
        return independence_grid(scores, bios, kinds, profiles=("paper",), tests=tests, seed=0)

    ours()
    own_times, peer_time, difference = [], 0.0, 0.0
    every = max(1, len(chosen) // REPEATS)
    for turn, i in enumerate(chosen):
        if turn % every == 0:
            seconds, grid = timed(ours)
            own_times.append(seconds)
        trait, variable, test, x, y = calls[i]
        seconds, p_value = timed(partial(PEERS[test], x, y))
        peer_time += seconds
        if test != "rcit":  # random features
            row = grid.row(
                by_predicate=(pl.col("trait") == trait)
                & (pl.col("variable") == variable)
                & (pl.col("test") == test),
                named=True,
            )
            difference = max(difference, abs(row["p_value"] - p_value))
    own = statistics.median(own_times) / len(calls) * len(chosen)
    ratio = peer_time / own
    note = "" if sample is None else f"{len(chosen)} of {len(calls)} tests"
    return Row(what, own, peer_time, difference, f">= {bar:,.0f}x", ratio >= bar, note)


def discrete(name: str, n: int) -> Row:
    """Chi-square and G-square of every discrete pair, both sides from columns already coded."""
    scores, bios, kinds = cohort(name, n)
    own = peer = difference = 0.0
    for _, variable, x, y in pairs(scores, bios, kinds):
        if kinds[variable].discrete:
            columns = encode(x, VariableSpec("ordinal")), encode(y)
            ours = partial(independence_tests, *columns, tests=("chi2", "gsq"), profile="paper")
            data = np.column_stack((x, y))
            own += median_time(ours)
            peer += median_time(lambda: [CIT(data, m)(0, 1) for m in ("chisq", "gsq")])  # noqa: B023
            for result, method in zip(ours().values(), ("chisq", "gsq"), strict=True):
                difference = max(difference, abs(result.p_value - CIT(data, method)(0, 1)))
    ratio = peer / own
    return Row(f"chi2 and G2, n = {n:,}", own, peer, difference, ">= 10x", ratio >= 10)


def conditional(n: int) -> Row:
    """Conditional KCI of a trait and a height given a league."""
    rng = np.random.default_rng(0)
    league = rng.integers(0, 7, n).astype(float)
    height = np.round(185 + 3 * league + 8 * rng.normal(size=n))
    trait = np.round(np.clip(2 + 0.2 * league + 0.6 * rng.normal(size=n), 1, 3) * 2) / 2
    kci(trait, height, league, profile="paper")
    own = median_time(lambda: kci(trait, height, league, profile="paper"))
    data = np.column_stack((trait, height, league))
    peer, p_value = timed(lambda: CIT(data, "kci")(0, 1, [2]))
    result = kci(trait, height, league, profile="paper")
    difference = abs(result.p_value - float(p_value))
    return Row(
        f"conditional KCI, n = {n:,}", own, peer, difference, ">= 1,000x", peer / own >= 1000
    )


def continuous(n: int) -> Row:
    """KCI of a trait and a column of as many values as rows."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    trait = np.round(np.clip(2 + 0.6 * rng.normal(size=n), 1, 3) * 2) / 2
    kci(trait, y, profile="paper")
    own = median_time(lambda: kci(trait, y, profile="paper"))
    peer, p_value = timed(lambda: PEERS["kci"](trait, y))
    difference = abs(kci(trait, y, profile="paper").p_value - p_value)
    return Row(f"continuous KCI, n = {n:,}", own, peer, difference, ">= 1,000x", peer / own >= 1000)


def grids(scale: float) -> Iterator[Row]:
    """Both sub-datasets: aggregate with analytic nulls, then everything."""
    analytic, everything, peak = 0.0, 0.0, 0
    for name, n in SCALES["paper"].items():
        n = int(n * scale)
        scores, bios, kinds = cohort(name, n)
        aggregate = scores.filter(pl.col("rater") == "aggregate")
        run = partial(independence_grid, variables=bios, kinds=kinds, seed=0)
        kernel_tests = ("kci", "rcit", "hsic")
        analytic += timed(partial(run, aggregate, profiles=("paper",)))[0]
        analytic += timed(partial(run, aggregate, profiles=("recommended",), tests=kernel_tests))[0]
        given = (None, *(c for c in (SUB_DATASETS[name].stratum, "gender") if c in kinds))
        everything += timed(partial(run, scores, given=given))[0]
        tracemalloc.start()
        run(aggregate, given=given)
        peak = max(peak, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    yield Row("aggregate grids, analytic nulls", analytic, bar="< 3 s", holds=analytic < 3)
    yield Row(
        "all raters, conditions, permutations", everything, bar="< 60 s", holds=everything < 60
    )
    yield Row("peak memory of the grids (MB)", peak / 1e6, bar="<= 150 MB", holds=peak <= 150e6)


def database(n: int, values: int) -> Iterator[Row]:
    """Rows in DuckDB: three discrete variables by four tests, and one continuous column."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SELECT setseed(0.5)")
    connection.execute(
        f"""CREATE TABLE people AS SELECT 1 + 0.5 * floor(5 * random()) AS trait,
        1 + floor(12 * random()) AS birth_month, 160 + floor(40 * random()) AS height_cm,
        'league ' || floor(7 * random())::INTEGER AS league FROM range({n})"""
    )
    ordinal = VariableSpec("ordinal", discrete=True)
    kinds = {
        "birth_month": VariableSpec("circular", discrete=True, period=12),
        "height_cm": VariableSpec("numeric", discrete=True),
        "league": VariableSpec("nominal", discrete=True),
    }

    def three() -> None:
        for variable, spec in kinds.items():
            strata = strata_from_query(
                connection, "people", "trait", variable, x_spec=ordinal, y_spec=spec
            )
            run_tests(strata, "recommended", ("kci", "hsic", "chi2", "gsq"))

    own = median_time(three, 3)
    yield Row(f"DuckDB, {n:,} rows x 3 variables x 4 tests", own, bar="< 1 s", holds=own < 1)
    rng = np.random.default_rng(0)
    trait = np.round(np.clip(2 + 0.6 * rng.normal(size=values), 1, 3) * 2) / 2
    y = rng.normal(size=values)
    own = median_time(lambda: independence_tests(trait, y, tests=("kci",)), 3)
    yield Row(f"continuous KCI, {values:,} rows", own, bar="< 3 s", holds=own < 3)


def main(arguments: list[str]) -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller data, fewer peer calls")
    quick = parser.parse_args(arguments).quick
    athletes, celebs = (1000, 1500) if quick else (4181, 9444)
    five = ("kci", "rcit", "hsic", "chi2", "gsq")
    rows: list[Row] = []

    def show(row: Row) -> None:
        rows.append(row)
        ratio = f"{row.ratio:10,.0f}x" if row.ratio else " " * 11
        peer = f"{row.peer_s:10.3f}" if row.peer_s is not None else " " * 10
        difference = f"{row.difference:9.1e}" if row.difference is not None else " " * 9
        verdict = "(full size)" if quick else "holds" if row.holds else "MISSED"
        print(f"{row.what:48}{row.ours_s:10.4f}{peer}{ratio} {difference}", end="  ")
        print(f"{row.bar:11}{verdict} {row.note}", flush=True)

    print(f"{'':48}{'ours, s':>10}{'peer, s':>10}{'ratio':>11} {'max diff':>9}  bar")
    start = time.perf_counter()
    athlete, celeb = f"athletes, n = {athletes:,}", f"public figures, n = {celebs:,}"
    sample = 24 if quick else None
    for what, places in ((", country centres", False), (", own places", True)):
        show(
            compare(
                f"{athletes:,} athletes{what}: 5 tests",
                "athlepersona",
                athletes,
                five,
                1000,
                sample,
                places,
            )
        )
    show(compare(f"{athlete}: RCIT", "athlepersona", athletes, ("rcit",), 10))
    show(discrete("celebpersona", celebs))
    show(compare(f"{celeb}: KCI", "celebpersona", celebs, ("kci",), 5000, 5 if quick else 10))
    show(conditional(500 if quick else 2000))
    show(continuous(1500 if quick else 9444))
    for row in grids(0.1 if quick else 1.0):
        show(row)
    for row in database(*((1_000_000, 100_000) if quick else (10_000_000, 1_000_000))):
        show(row)
    print(
        json.dumps(
            {
                "benchmark": "independence",
                "quick": quick,
                "seconds": round(time.perf_counter() - start, 1),
                "rows": [asdict(row) | {"ratio": row.ratio} for row in rows],
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])

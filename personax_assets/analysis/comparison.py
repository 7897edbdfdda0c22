"""Level I across sub-datasets: which dependencies they share and which differ.

Belongs here: joining their tests of the variables that both have. Does not belong here: making the
tests, or showing them.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.errors import SkipStageError
from personax_assets.schemas.level1 import (
    BOTH,
    COMPARED,
    NEITHER,
    STRATUM,
    TEST_KEY,
    TESTS,
    level1_comparison,
    shared_variables,
)
from personax_assets.schemas.traits import AGGREGATE
from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage

ALPHA = 0.05

_WIDTH = 1.959964
"""Standard errors from a normal mean to the end of its 95 % interval."""

STRENGTH = ("strength", "error")

STRENGTHS = dict.fromkeys(TEST_KEY, pl.String) | dict.fromkeys(STRENGTH, pl.Float64)
"""Columns of the strengths of dependencies."""


def comparison_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the stages that need both sub-datasets."""
    names = [f"{sub.name}/independence_tests" for sub in layout.subs]

    @stage(
        layout, "level1", deps=names, kinds=("python", "duckdb", "scipy"),
        settings=lambda run: {"seed": str(run.resources.models.seed)},
    )  # fmt: skip
    def level1(run: StageRun) -> StageResult:
        """Which dependencies the sub-datasets share, among the variables that both have.

        Two tests of which one is significant and the other is not need not differ: the difference
        in strength has a test of its own.
        """
        tests = [run.read(name) for name in names]
        for sub, frame in zip(layout.subs, tests, strict=True):
            if frame.is_empty():
                raise SkipStageError(
                    f"the {sub.people} have not been tested; there is nothing to compare with"
                )
        counts = [
            run.read(f"{sub.name}/independence_counts", where=f"rater = '{AGGREGATE}'")
            for sub in layout.subs
        ]
        strengths = [
            strengths_of(sub, frame, shared_variables(layout.subs), run.resources.models.seed)
            for sub, frame in zip(layout.subs, counts, strict=True)
        ]
        frame = compared(layout.subs, tests, strengths)
        return StageResult((run.replacing(frame),), {"found_in": _counts(frame)})

    return (level1,)


def strengths_of(
    sub: SubDataset, counts: pl.DataFrame, variables: Sequence[str], seed: int
) -> pl.DataFrame:
    """Return the strength of each dependence of the median score, with its standard error.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    counts : DataFrame
        Its `independence_counts` of the aggregate.
    variables : sequence of str
        The variables wanted.
    seed : int
        Seed of random features.

    Returns
    -------
    DataFrame
        The key of a test, `strength, error`.
    """
    from personax_assets.analysis.counting import kinds_of
    from personax_ml.independence.columns import ColumnError
    from personax_ml.independence.counts import tables_of
    from personax_ml.independence.profiles import Kernels
    from personax_ml.independence.strengths import strength

    kernels, kinds = Kernels(), kinds_of(sub)
    pairs = [(AGGREGATE, trait, variable) for trait in TRAITS for variable in variables]
    rows = []
    for (rater, trait, given, variable), strata in tables_of(counts, kinds, sub.stratum, pairs):
        if isinstance(strata, ColumnError):
            continue
        for test in TESTS:
            applies = kinds[variable].discrete or test not in ("chi2", "gsq")
            if applies and (found := strength(test, strata, seed=seed, kernels=kernels)):
                key = ("recommended", rater, given, trait, variable, test)
                rows.append((*key, found.value, found.error))
    return pl.DataFrame(rows, STRENGTHS, orient="row")


def compared(
    subs: Sequence[SubDataset],
    tests: Sequence[pl.DataFrame],
    strengths: Sequence[pl.DataFrame],
) -> pl.DataFrame:
    """Join the tests that two sub-datasets have in common.

    Parameters
    ----------
    subs : sequence of two SubDataset
        The sub-datasets.
    tests : sequence of two DataFrame
        Their `independence_tests`.
    strengths : sequence of two DataFrame
        As `strengths_of` returns them; a test without one has no test of the difference.

    Returns
    -------
    DataFrame
        Columns as in `schemas.level1.level1_comparison`, one row per test that both tables have.
    """
    left, right = (
        _of_shared(*one, shared_variables(subs)) for one in zip(subs, tests, strengths, strict=True)
    )
    joined = left.join(
        right, on=[*TEST_KEY, "effect_measure"], how="inner", nulls_equal=True,
        maintain_order="left",
    )  # fmt: skip
    return (
        _with_difference(joined, subs)
        .with_columns(
            _found(subs, [pl.col(f"{sub.name}_dependent") for sub in subs]).alias("dependent_in"),
            _found(subs, [pl.col(f"{sub.name}_q_value") < ALPHA for sub in subs]).alias(
                "discovered_in"
            ),
        )
        .select(level1_comparison(subs).column_names)
    )


def _of_shared(
    sub: SubDataset, tests: pl.DataFrame, strengths: pl.DataFrame, variables: Sequence[str]
) -> pl.DataFrame:
    """Return a sub-dataset's tests of shared variables, its own columns under its name."""
    return (
        tests.join(strengths, on=TEST_KEY, how="left", nulls_equal=True, maintain_order="left")
        .filter(
            pl.col("variable").is_in(variables),
            pl.col("given").is_null() | (pl.col("given") == sub.stratum),
        )
        .with_columns(pl.when(pl.col("given").is_not_null()).then(pl.lit(STRATUM)).alias("given"))
        .select(
            *TEST_KEY,
            "effect_measure",
            *(pl.col(name).alias(f"{sub.name}_{name}") for name in (*COMPARED, *STRENGTH)),
        )
    )


def _with_difference(joined: pl.DataFrame, subs: Sequence[SubDataset]) -> pl.DataFrame:
    """Add the difference in strength, its interval, p- and q-value, by the normal distribution.

    Both strengths are close to normal but where a dependence is close to none; the sub-datasets
    are of different people, so their errors add up as variances.
    """
    from scipy.special import ndtr

    from personax_ml.independence.grid import with_q_values

    difference, error = (
        joined.select(how.alias("_")).to_series().to_numpy()
        for how in (
            pl.col(f"{subs[0].name}_strength") - pl.col(f"{subs[1].name}_strength"),
            pl.sum_horizontal(
                *(pl.col(f"{sub.name}_error") ** 2 for sub in subs), ignore_nulls=False
            ).sqrt(),
        )
    )
    p_value = pl.Series("p_value", 2 * ndtr(-np.abs(difference) / error), nan_to_null=True)
    families = joined.select("profile", "rater", "given", "test").with_columns(p_value)
    return joined.with_columns(
        pl.Series("difference", difference, nan_to_null=True),
        pl.Series("difference_low", difference - _WIDTH * error, nan_to_null=True),
        pl.Series("difference_high", difference + _WIDTH * error, nan_to_null=True),
        p_value.alias("difference_p_value"),
        with_q_values(families)["q_value"].alias("difference_q_value"),
    )


def _found(subs: Sequence[SubDataset], flags: Sequence[pl.Expr]) -> pl.Expr:
    """Return where a dependence was found; null where one of the tests could not be made."""
    first, second = flags
    return (
        pl.when(first & second).then(pl.lit(BOTH))
        .when(first & ~second).then(pl.lit(subs[0].name))
        .when(~first & second).then(pl.lit(subs[1].name))
        .when(~first & ~second).then(pl.lit(NEITHER))
    )  # fmt: skip


def _counts(frame: pl.DataFrame) -> dict[str, str]:
    """Count, per test of the recommended settings, where dependencies of the median were found."""
    main = frame.filter(
        pl.col("profile") == "recommended",
        pl.col("rater") == "aggregate",
        pl.col("given").is_null(),
        pl.col("dependent_in").is_not_null(),
    )
    counts = main.group_by("test", "dependent_in").len().sort("test", "dependent_in")
    return {
        str(test): ", ".join(
            f"{n} {where}" for where, n in rows.select("dependent_in", "len").rows()
        )
        for (test,), rows in counts.group_by("test", maintain_order=True)
    }
